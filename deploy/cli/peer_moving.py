"""Carries the trust in a peer over to its new name: `passerelle peers carry-over`, and what `peers add` offers."""

import sys

import click

from deploy.cli.peer_table import tell
from deploy.cli.session import with_database
from directory.clock import SystemClock
from directory.origin_names import LOG_SUFFIX, parse_origin
from directory.settings import Settings
from directory.store.database import Database
from federation.peers.addresses import parse_peer_address
from federation.peers.moving import PeerMoving


@click.command("carry-over")
@click.argument("peer")
@click.option("--yes", is_flag=True, help="Do not ask.")
def carry_over_command(peer: str, yes: bool) -> None:
    """Let PEER, the new name of a peer, stand here as the former one does."""

    async def run(settings: Settings, database: Database) -> str:
        new = _origin_of(peer, settings)
        moving = PeerMoving(database, SystemClock())
        former = await moving.find_former(new)
        if former is not None and not yes:
            click.confirm(_question(former, new), abort=True)
        return await moving.carry_over(new)

    _tell_carried(with_database(run))


def offer_carry_over(origin: str) -> None:
    """Offers it, where a peer goes on under this origin and there is somebody to ask. Else tells how."""

    async def run(_: Settings, database: Database) -> str | None:
        moving = PeerMoving(database, SystemClock())
        former = await moving.find_former(origin)
        if former is None:
            return None
        if not sys.stdin.isatty():
            tell(
                f"{former} goes on as {origin}: `passerelle peers carry-over {origin}` lets it stand as that does."
            )
            return None
        return await moving.carry_over(origin) if click.confirm(_question(former, origin)) else None

    if (former := with_database(run)) is not None:
        _tell_carried(former)


def _question(former: str, new: str) -> str:
    return (
        f"Both logs say that {former} goes on as {new}. Carry its standing, both directions, its policy and what is hidden of"
        " it over? Ask its operators first, where they have not told you by another way"
    )


def _tell_carried(former: str) -> None:
    tell(
        f"It stands as {former} does. What {former} has said stays until it revokes it; `passerelle peers remove {former}`"
        " deletes it here."
    )


def _origin_of(text: str, settings: Settings) -> str:
    if "://" in text:
        return parse_peer_address(text, allow_loopback=settings.allow_loopback).origin
    return parse_origin(text if text.endswith(LOG_SUFFIX) else text + LOG_SUFFIX)
