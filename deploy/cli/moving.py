"""`passerelle keys move`: changes the domain of an instance, in two steps."""

from deploy.cli.output import console
from deploy.cli.recovery import show_recovery_key, tell_new_keys
from deploy.wiring.log import build_sequencer, key_folder
from directory.clock import SystemClock
from directory.settings import Settings
from directory.store.database import Database
from federation.errors import LogRefused
from federation.keys.fingerprints import to_words
from federation.keys.instance import log_host, log_origin
from federation.own_log.draining import drain
from federation.own_log.moving import Moving, announce_move


async def announce_moving(settings: Settings, database: Database, host: str, address: str) -> None:
    """Says in the present log where the instance goes on."""
    clock, keys = SystemClock(), key_folder(settings)
    if keys.read().origin != log_origin(settings):
        raise LogRefused("PASSERELLE_PUBLIC_URL has to be the present address for this step")
    async with database.connection() as connection:
        await build_sequencer(settings).check(connection)
    announced = await announce_move(database, keys, host, clock, show_recovery_key)
    if announced.new is not None:
        tell_new_keys(announced.folder, announced.new)
    await drain(database, build_sequencer(settings), clock, lambda waiting: None)
    key = announced.folder.read_logs()[0].vkey
    console.print(
        f"The log says that this instance moves to {address}, under the key {to_words(key.fingerprint)}. Tell the operators"
        " of your peers. To finish, stop the instance, set PASSERELLE_PUBLIC_URL to the new address, and run"
        " `passerelle keys move`.",
        highlight=False,
        soft_wrap=True,
    )


async def finish_moving(settings: Settings, database: Database) -> None:
    """Puts the log of the former address away, and lets the new one begin."""
    moving = Moving(
        database,
        key_folder(settings),
        log_host(settings),
        SystemClock(),
        lambda origin: build_sequencer(settings, origin=origin),
    )
    moved = await moving.finish()
    console.print(
        f"{moved.waiting:,} mappings will be said by {log_origin(settings)} at the next start. Serve the files in"
        f" {moved.files} at the former address for as long as you have it, so that peers read where you have gone. The"
        f" former keys are in {moved.away}: keep them, with their recovery key.",
        soft_wrap=True,
        highlight=False,
    )
