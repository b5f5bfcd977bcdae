"""`passerelle vault`: the key under which tokens are sealed."""

import click

from deploy.cli.members import with_vault
from deploy.cli.output import console
from deploy.cli.session import with_database
from deploy.wiring.vault import adopt_secrets, secret_folder
from directory.clock import SystemClock
from directory.services.resealing import Rotation, finish_rotation, rotate
from directory.settings import Settings
from directory.store.database import Database
from directory.vault import Vault


@click.group("vault")
def command() -> None:
    """The key under which the tokens that networks gave are sealed."""


@command.command("rotate")
@click.option(
    "--finish", is_flag=True, help="Make no new key: only seal anew what is left, and drop old keys."
)
def rotate_command(finish: bool) -> None:
    """Make a new key and reseal everything under it. The former key goes with a `--finish` a day later.

    The instance may go on running. Back up the folder `vault` of the data afterwards.
    """

    async def work(vault: Vault, database: Database) -> Rotation:
        step = finish_rotation if finish else rotate
        return await step(vault, database, SystemClock().now())

    done = with_vault(work)
    console.print(f"Key {done.key} seals from now on; {done.resealed} sealed anew.")
    if done.retired:
        console.print(f"Forgotten: {', '.join(done.retired)}.")
    if done.broken:
        console.print(f"{done.broken} open under no key of the file, and were left as they are.")


@command.command("adopt")
@click.confirmation_option(
    prompt="What is sealed under the former vault stays closed for ever. Is that vault lost for good?"
)
def adopt_command() -> None:
    """Take the vault of this machine, or a new one, as the instance's: the former is lost for good.

    What was sealed under the lost one cannot be opened any more: permissions that networks gave are asked for
    again, and the former ones cannot be revoked.
    """

    async def run(settings: Settings, database: Database) -> None:
        await adopt_secrets(settings, database, SystemClock())
        console.print(
            f"The vault in {secret_folder(settings)} is the instance's from now on. Back it up now."
        )

    with_database(run)
