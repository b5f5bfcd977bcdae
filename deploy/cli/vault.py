"""`passerelle vault`: the key under which tokens are sealed."""

import click

from deploy.cli.members import with_vault
from deploy.cli.output import console
from directory.clock import SystemClock
from directory.services.resealing import Rotation, finish_rotation, rotate
from directory.store.database import Database
from directory.vault import Vault


@click.group("vault")
def command() -> None:
    """The key under which what networks entrust us with is sealed."""


@command.command("rotate")
@click.option(
    "--finish", is_flag=True, help="Make no new key: only seal anew what is left, and drop old keys."
)
def rotate_command(finish: bool) -> None:
    """Make a new key and seal everything under it. The former key goes with a `--finish` a day later.

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
