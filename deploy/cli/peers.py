"""`passerelle peers`: chooses the instances that this one follows, and those that may follow it."""

import sys
from typing import Final, TypeVar

import click

from deploy.cli.output import console
from deploy.cli.peer_evidence import evidence_command
from deploy.cli.peer_moving import carry_over_command, offer_carry_over
from deploy.cli.peer_policy import policy_command
from deploy.cli.peer_session import with_peering
from deploy.cli.peer_sync import sync_command
from deploy.cli.peer_table import peers_table, show_introduction, show_view, tell
from directory.clock import SystemClock
from directory.origins import Standing
from federation.errors import PeeringRefused, UnknownPeer
from federation.peers.introduction import Introduction, is_fingerprint
from federation.peers.peering import Delivered, Delivery, Peering
from federation.protocol.peer import Peer

T = TypeVar("T")
_OF_DELIVERY: Final = {
    Delivered.APPROVED: "Its operators have approved us already: its mappings come in now (`passerelle peers sync` shows how far).",
    Delivered.WAITING: "Its operators have to approve us; until then its log is read, and it gives no bodies.",
    Delivered.STOPPED: "Its answer makes no sense: run the same command again later.",
    Delivered.REFUSED: "It refuses to be followed by us: {}.",
    Delivered.FAILED: "Our request did not reach it: {}. Run the same command again later.",
}

_fingerprint_option = click.option(
    "--fingerprint", help="The fingerprint of its log key, as words or in hex, that its operators told you."
)
_yes_option = click.option(
    "--yes", is_flag=True, help="Ask nothing; only with --fingerprint, so that nobody confirms a key unseen."
)


@click.group("peers")
def command() -> None:
    """Choose the instances that this one follows, and those that may follow it."""


command.add_command(evidence_command)
command.add_command(policy_command)
command.add_command(sync_command)


@command.command("add")
@click.argument("address")
@_fingerprint_option
@_yes_option
def add_command(address: str, fingerprint: str | None, yes: bool) -> None:
    """Follow the instance at ADDRESS: show its keys, confirm them, and ask to follow it."""
    _check_options(fingerprint, is_unasked=yes)

    async def run(peering: Peering) -> tuple[Introduction, Delivery]:
        introduction = await _confirmed(peering, address, fingerprint, is_unasked=yes)
        return introduction, await peering.add(introduction)

    introduction, delivery = with_peering(run)
    tell(f"The keys of {introduction.origin} are confirmed, and its log is read from now on.")
    tell(_OF_DELIVERY[delivery.state].format(delivery.why.rstrip(".")))
    offer_carry_over(introduction.origin)
    sys.exit(0 if delivery.state in {Delivered.APPROVED, Delivered.WAITING} else 1)


@command.command("approve")
@click.argument("address")
@_fingerprint_option
@_yes_option
def approve_command(address: str, fingerprint: str | None, yes: bool) -> None:
    """Let the instance at ADDRESS take what this one publishes. Its keys are shown and confirmed first."""

    async def run(peering: Peering) -> str:
        if (known := await _find_confirmed(peering, address)) is not None:
            return (await peering.approve_known(known)).origin
        _check_options(fingerprint, is_unasked=yes)
        introduction = await _confirmed(
            peering, await _address_of(peering, address), fingerprint, is_unasked=yes
        )
        await peering.approve(introduction)
        return introduction.origin

    origin = with_peering(run)
    tell(f"{origin} may take what this instance publishes, with its bodies, from now on.")
    tell("To follow it as well, run `passerelle peers add` with its address.")


@command.command("refuse")
@click.argument("peer")
def refuse_command(peer: str) -> None:
    """Give the instance PEER nothing (any more) of what this one publishes. The log itself stays public."""
    refused = with_peering(lambda peering: peering.refuse(peer))
    tell(f"{refused.origin} is refused, and gets no bodies from now on. `peers approve` takes that back.")


@command.command("list")
def list_command() -> None:
    """List all peers, and who asks to be one."""
    views = with_peering(lambda peering: peering.views())
    if views:
        console.print(peers_table(views, SystemClock().now()))
    else:
        tell("There are no peers, and nobody asks to be one. `passerelle peers add ADDRESS` takes one up.")


@command.command("show")
@click.argument("peer")
def show_command(peer: str) -> None:
    """Show what is known of PEER: keys, standing, how far it was read, faults and evidence."""
    show_view(with_peering(lambda peering: peering.view(peer)), SystemClock().now())


@command.command("limit")
@click.argument("peer")
def limit_command(peer: str) -> None:
    """Limit PEER: its mappings are shown with their origin, and never followed without a tick."""
    limited = with_peering(lambda peering: peering.limit(peer))
    tell(
        f"{limited.origin} is limited: its mappings are shown, and followed only where somebody else agrees."
    )
    tell("`passerelle peers resume` takes that back.")


@command.command("suspend")
@click.argument("peer")
def suspend_command(peer: str) -> None:
    """Suspend PEER: delete its mappings here, fetch nothing, answer it nothing."""

    async def run(peering: Peering) -> tuple[str, int]:
        return (await peering.find(peer)).origin, await peering.suspend(peer)

    origin, count = with_peering(run)
    tell(f"{origin} is suspended: {count:,} of its mappings were deleted here, and it is answered nothing.")
    tell("`passerelle peers resume` fetches them again; `passerelle peers remove` forgets the peer.")


@command.command("resume")
@click.argument("peer")
def resume_command(peer: str) -> None:
    """Follow PEER again that was limited or suspended."""
    resumed = with_peering(lambda peering: peering.resume(peer))
    tell(f"{resumed.origin} is in good standing again, and its log is read now.")


@command.command("unfreeze")
@click.argument("peer")
@click.option("--yes", is_flag=True, help="Do not ask.")
def unfreeze_command(peer: str, yes: bool) -> None:
    """Let PEER stand as before it was frozen because its log has contradicted itself."""

    async def run(peering: Peering) -> tuple[Peer, Standing]:
        view = await peering.view(peer)
        tell(f"{view.peer.origin} was frozen. {view.evidence} proven contradictions of it are kept here.")
        if not yes:
            click.confirm("Have its operators told you what happened, and is it mended?", abort=True)
        return await peering.unfreeze(peer)

    lifted, standing = with_peering(run)
    if standing is Standing.FOLLOWING:
        tell(f"{lifted.origin} is in good standing again, and its log is read now. The evidence is kept.")
        return
    tell(f"{lifted.origin} is {standing.name.lower()} again, as before it was frozen. The evidence is kept.")
    tell("`passerelle peers resume` takes that back.")


@command.command("remove")
@click.argument("peer")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove_command(peer: str, yes: bool) -> None:
    """Forget PEER, and delete everything that it gave. It is told that this instance follows it no more."""

    async def run(peering: Peering) -> tuple[str, int, Delivery | None]:
        origin = (await peering.find(peer)).origin
        if not yes:
            click.confirm(f"Delete everything of {origin} here?", abort=True)
        return origin, *await peering.remove(peer)

    origin, count, told = with_peering(run)
    tell(f"{origin} is no peer any more; {count:,} of its mappings were deleted here.")
    if told is not None and told.state is Delivered.FAILED:
        tell(f"It could not be told: {told.why.rstrip('.')}.")


command.add_command(carry_over_command)


def _check_options(fingerprint: str | None, *, is_unasked: bool) -> None:
    if is_unasked and not fingerprint:
        raise click.UsageError("--yes goes with --fingerprint alone: nobody may confirm a key unseen")
    if not is_unasked and not sys.stdin.isatty():
        raise click.UsageError(
            "there is nobody to ask here: give the --fingerprint that its operators told you, and --yes"
        )


async def _confirmed(
    peering: Peering, address: str, fingerprint: str | None, *, is_unasked: bool
) -> Introduction:
    """Shows who is at an address, and has its fingerprint confirmed. Raises PeeringRefused, Abort."""
    introduction = await peering.introduce(address)
    show_introduction(introduction, await peering.count_evidence(introduction.origin))
    if fingerprint is not None and not is_fingerprint(fingerprint, introduction.first_key.fingerprint):
        raise PeeringRefused(
            "the log key at this address has another fingerprint than the one that you were told: nothing was changed"
        )
    if not is_unasked:
        click.confirm(
            "Are these the words that its operators told you, by another way than this address?", abort=True
        )
    return introduction


async def _find_confirmed(peering: Peering, text: str) -> str | None:
    """Finds a peer whose keys were confirmed before. Returns None where there is none."""
    try:
        peer = await peering.find(text)
    except UnknownPeer:
        return None
    return peer.origin if peer.is_confirmed else None


async def _address_of(peering: Peering, text: str) -> str:
    """Returns the address of who asks, where the text names one; else the text itself."""
    try:
        return (await peering.find(text)).address
    except UnknownPeer:
        return text
