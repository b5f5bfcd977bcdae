"""`passerelle hides`: places, lists and lifts hides, for moderators."""

import sys
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar
from uuid import UUID

import click

from deploy.cli.output import console
from deploy.cli.session import with_database
from directory.clock import SystemClock
from directory.identifiers import XId
from directory.mappings import Network
from directory.moderation.hides import Hide, HideReason
from directory.origin_names import parse_origin
from directory.queries import Query
from directory.services.moderation import Moderation
from directory.settings import Settings
from directory.store.database import Database
from directory.store.hides import HideStore
from federation.keys.instance import log_origin

T = TypeVar("T")
_TIME: Final = "%Y-%m-%d %H:%M"


@click.group("hides")
def command() -> None:
    """Hide what is said of an X account, and lift it again."""


@command.command("list")
def list_command() -> None:
    """List everything that is hidden, the newest first: the hide, what it covers, and why."""
    hides = _with_moderation(lambda moderation, _: moderation.hides())
    for hide in hides:
        _say(str(hide.id), _describe(hide))
    if not hides:
        _say("Nothing is hidden.")


@command.command("add")
@click.argument("account")
@click.option("--network", type=click.Choice([each.value for each in Network]), required=True)
@click.option("--reason", type=click.Choice([each.value for each in HideReason]), required=True)
@click.option("--origin", help="The log that says it; this instance's own by default.")
@click.option(
    "--by", default="the command line", show_default=True, help="Who decides it, for the other moderators."
)
def add_command(account: str, network: str, reason: str, origin: str | None, by: str) -> None:
    """Hide what is said of the X account ACCOUNT (a name or a number) on one network.

    It stays hidden whatever is said of that account later, until the hide is lifted. A member of this instance is
    told the reason. Of several accounts that had a name, the one that was published last is hidden; the others are told.
    """
    query = Query.parse(account)

    async def hide(moderation: Moderation, settings: Settings) -> tuple[Hide, list[XId]] | None:
        where = log_origin(settings) if origin is None else parse_origin(origin)
        placed = await moderation.hide(query, Network(network), where, HideReason(reason), by)
        if placed is None:
            return None
        return placed, await moderation.others(placed) if query.x_id is None else []

    done = _with_moderation(hide)
    if done is None:
        _say("Nothing is said of that account there: see `passerelle lookup`.")
        sys.exit(1)
    placed, others = done
    _say(str(placed.id), _describe(placed))
    if others:
        _say(
            f"Shown still, as other X accounts had this name: {', '.join(map(str, others))}.",
            f"To hide one: `passerelle hides add {others[0]}` with the same options.",
        )


@command.command("lift")
@click.argument("hide", type=click.UUID)
def lift_command(hide: UUID) -> None:
    """Lift the hide HIDE: what is said answers again."""
    was_hidden = _with_moderation(lambda moderation, _: moderation.lift(hide))
    _say("Lifted." if was_hidden else "There is no such hide (any more).")
    sys.exit(0 if was_hidden else 1)


def _with_moderation(work: Callable[[Moderation, Settings], Awaitable[T]]) -> T:
    async def run(settings: Settings, database: Database) -> T:
        return await work(Moderation(HideStore(database), SystemClock()), settings)

    return with_database(run)


def _describe(hide: Hide) -> str:
    number = f" ({hide.x_id})" if hide.x_id is not None else ""
    return (
        f"{hide.hidden_at:{_TIME}}  @{hide.x_handle}{number} on {hide.network.value}, said by {hide.origin}:"
        f" {hide.reason.value}, by {hide.by}"
    )


def _say(*lines: str) -> None:
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
