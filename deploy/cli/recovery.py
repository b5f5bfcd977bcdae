"""Shows the recovery key once, to whoever starts the instance for the first time."""

from deploy.cli.output import errors
from deploy.wiring.identity import settle_keys
from deploy.wiring.log import key_folder
from directory.clock import SystemClock
from directory.settings import Settings
from directory.store.database import Database
from federation.keys.instance import KeyFolder


async def ensure_keys(settings: Settings, database: Database) -> bool:
    """Makes the keys of a new instance, and shows the recovery key. Returns False where they existed.

    Without a terminal the key would end in a log: it then waits in a file to be moved away. Raises OtherKeys
    where the instance has keys elsewhere.
    """
    recovery = await settle_keys(settings, database, SystemClock())
    if recovery is None:
        return False
    show_recovery(key_folder(settings), recovery)
    return True


def show_recovery(folder: KeyFolder, recovery: str) -> None:
    """Shows the recovery key on a terminal; else writes it to a file in the folder of keys."""
    if errors.is_terminal:
        _show(folder, recovery)
        return
    path = folder.put_recovery_key(recovery)
    errors.print(
        f"New keys are in {folder.path}. Move {path} to a safe place off this machine: it alone can give this instance a"
        " new key when its own is lost or stolen.",
        highlight=False,
        soft_wrap=True,
    )


def _show(folder: KeyFolder, recovery: str) -> None:
    errors.rule("The recovery key of this instance")
    errors.print(recovery, highlight=False, markup=False, soft_wrap=True)
    errors.print(
        "Write it down or print it now, and keep it off this machine: it is not shown again. It alone can give"
        f" this instance a new key when its own is lost or stolen. The other keys are in {folder.path}; back them up"
        " apart from the database.",
        highlight=False,
        soft_wrap=True,
    )
    errors.rule()
