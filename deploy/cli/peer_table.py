"""Shows peers, and the keys of an instance that may become one."""

from datetime import datetime
from hashlib import sha256
from typing import Final

from rich.markup import escape
from rich.table import Table

from deploy.cli.output import console
from directory.origins import HIDDEN_AFTER, STALE_AFTER, Standing
from federation.errors import Malformed
from federation.keys.chain import index_in_force, parse_operations_note
from federation.keys.fingerprints import resembles_fingerprint, to_words
from federation.keys.operations import Operations
from federation.peers.introduction import Introduction
from federation.peers.moving import moved_to_of
from federation.protocol.peer import PeerView, TheyFollow, WeFollow
from federation.tlog.keys import VerifierKey

_TIME: Final = "%Y-%m-%d %H:%M UTC"
WE_FOLLOW: Final = {
    WeFollow.NO: "no",
    WeFollow.ASKED: "asked; our request was not delivered",
    WeFollow.FOLLOWING: "yes",
}
THEY_FOLLOW: Final = {
    TheyFollow.NO: "no",
    TheyFollow.ASK: "they ask: approve or refuse",
    TheyFollow.APPROVED: "yes",
    TheyFollow.REFUSED: "refused",
}


def tell(text: str) -> None:
    """Prints a sentence, which may hold what strangers wrote."""
    console.print(escape(text), highlight=False, soft_wrap=True)


def quote_said(text: str) -> str:
    """Quotes what an instance says of itself, on one line. Left out is what could be taken for the fingerprint beside it:
    whoever answers there in the place of another one would show the words that the operator was told."""
    if resembles_fingerprint(text):
        return "(left out: it looks like a fingerprint, and is none)"
    return '"' + text.replace('"', "'") + '"' if text else ""


def show_introduction(introduction: Introduction, evidence: int) -> None:
    """Shows who is at an address, with the fingerprints to compare."""
    said = introduction.descriptor
    tell(f"{introduction.address.url} has the log {introduction.origin}, with {introduction.size:,} entries.")
    tell(
        f"It calls itself {quote_said(said.name)}; its operators can be reached at:"
        f" {quote_said(said.contact) or 'it does not say'}."
    )
    if evidence:
        tell(
            f"WARNING: {evidence} proven contradictions of this log are kept here. See docs/operations.md, Peers."
        )
    show_fingerprints(introduction.fingerprints)


def show_fingerprints(fingerprints: dict[str, bytes]) -> None:
    """Shows fingerprints as words and in hex."""
    for name, fingerprint in fingerprints.items():
        tell(f"  {name}")
        tell(f"    {to_words(fingerprint)}")
        tell(f"    {fingerprint.hex()}")


def peers_table(views: list[PeerView], now: datetime) -> Table:
    """Returns the table of all peers."""
    table = Table("Peer", "We follow", "They follow", "Standing", "Entries read", "Last heard")
    for view in views:
        table.add_row(
            escape(
                "\n".join(filter(None, (view.peer.origin, quote_said(view.peer.name), _move_of(view, now))))
            ),
            WE_FOLLOW[view.peer.we_follow],
            THEY_FOLLOW[view.peer.they_follow],
            describe_standing(view),
            f"{min(view.bodies_size, view.size) if _takes(view) else view.size:,} of {max(view.target_size, view.size):,}",
            describe_freshness(view, now),
        )
    return table


def describe_standing(view: PeerView) -> str:
    """Describes the standing of a peer in a word or a few."""
    if view.standing is None:
        return "not confirmed"
    return {
        Standing.FOLLOWING: "in good standing",
        Standing.LIMITED: "limited",
        Standing.SUSPENDED: "suspended",
        Standing.FROZEN: "FROZEN",
    }[view.standing]


def describe_freshness(view: PeerView, now: datetime) -> str:
    """Describes how long ago a log has signed that it is alive."""
    if view.heard_at is None:
        return "not heard yet"
    age = now - view.heard_at
    when = f"{view.heard_at:{_TIME}}"
    if age >= HIDDEN_AFTER:
        return f"{when}: hidden"
    return f"{when}: stale" if age >= STALE_AFTER else when


def describe_move(view: PeerView, now: datetime) -> str:
    """Describes where a peer says that it has moved to, and whether operators of ours have carried the trust over."""
    said = moved_to_of(_parse_documents(view.documents), now)
    if said is None:
        return f"{view.peer.moved_to}, and says so no more" if view.peer.moved_to else "no"
    if said == view.peer.moved_to:
        return f"{said}, which stands here as this one does"
    return f"{said}, as it says: `passerelle peers add` with that address, after its operators have told you"


def _move_of(view: PeerView, now: datetime) -> str:
    said = moved_to_of(_parse_documents(view.documents), now)
    return "" if said is None else f"moves to {said}"


def show_view(view: PeerView, now: datetime) -> None:
    """Shows all that is known of a peer."""
    peer = view.peer
    table = Table(show_header=False, box=None)
    for name, text in (
        ("Log", peer.origin),
        ("Address", peer.address),
        ("Calls itself", quote_said(peer.name)),
        ("Contact", quote_said(peer.contact) or "it does not say"),
        (
            "Confirmed",
            f"{peer.confirmed_at:{_TIME}}" if peer.confirmed_at else "no: nothing of it is believed",
        ),
        ("We follow", WE_FOLLOW[peer.we_follow]),
        ("They follow", THEY_FOLLOW[peer.they_follow]),
        ("Standing", describe_standing(view)),
        ("Last heard", describe_freshness(view, now)),
        ("Entries read", f"{view.size:,} of {max(view.target_size, view.size):,}"),
        ("Bodies read", _bodies_of(view)),
        ("Last asked", f"{view.seen_at:{_TIME}}" if view.seen_at else "never"),
        ("Stopped", view.stopped or "no"),
        ("Fault", view.fault or "none"),
        ("Bodies missing", f"{view.missing:,}"),
        ("Bodies not taken", _not_taken(view)),
        ("Evidence", f"{view.evidence} proven contradictions" if view.evidence else "none"),
        ("Moved to", describe_move(view, now)),
    ):
        table.add_row(name, escape(text))
    console.print(table)
    show_fingerprints(_fingerprints_of(view, now))


def _takes(view: PeerView) -> bool:
    return view.peer.we_follow is WeFollow.FOLLOWING


def _bodies_of(view: PeerView) -> str:
    """Describes how far what entries say was asked for: a number would look like one of bodies."""
    if not _takes(view):
        return "none: we do not follow it"
    return (
        "of all entries that were read"
        if view.bodies_size >= view.size
        else f"of the first {view.bodies_size:,} entries"
    )


def _not_taken(view: PeerView) -> str:
    reasons = ((view.skipped, "of a strength that we do not take"), (view.invalid, "that say nothing"))
    return ", ".join(f"{count:,} {why}" for count, why in reasons if count) or "none"


def _fingerprints_of(view: PeerView, now: datetime) -> dict[str, bytes]:
    """Returns the fingerprints of the keys that are held: the first one, and those of the document in force."""
    told = {"log key, as confirmed" if view.peer.is_confirmed else "log key, as shown": _first(view)}
    documents = _parse_documents(view.documents)
    if documents:
        document = documents[index_in_force(documents, int(now.timestamp()))]
        told["log key now"] = document.log_key.fingerprint
        told["witness key"] = document.witness_key.fingerprint
        told["peer key"] = sha256(document.peer_key).digest()
    return told


def _first(view: PeerView) -> bytes:
    return VerifierKey.parse(view.peer.first_key).fingerprint


def _parse_documents(notes: tuple[bytes, ...]) -> list[Operations]:
    try:
        return [parse_operations_note(note)[0] for note in notes]
    except Malformed:
        return []
