"""Tells in words what evidence of an equivocation shows."""

from datetime import UTC, datetime

from rich.markup import escape

from deploy.cli.output import console
from federation.keys.equivocation import Equivocation
from federation.keys.fingerprints import to_words
from federation.tlog.checkpoint import SignedCheckpoint
from federation.tlog.cosignature import parse_time
from federation.tlog.keys import VerifierKey
from federation.tlog.text import count_leaves


def tell_equivocation(found: Equivocation, now: datetime) -> None:
    """Prints what a verified file proves, what it does not, and whose keys have signed, as of `now`."""
    lines = [_name_verdict(found), "Signed with, in words:"]
    for key in found.signers:
        lines += [to_words(key.fingerprint), *_tell_replacement(found, key, now)]
    for seen in (found.older, found.newer):
        lines += tell_witnesses(seen)
    lines += [
        "",
        "It tells neither which of the two is right nor who held the key: its operator, or a thief. A document that",
        "replaced a key may exist without being in this file: ask the operator, and compare the words.",
    ]
    for text in lines:
        console.print(escape(text), highlight=False, soft_wrap=True)


def _name_verdict(found: Equivocation) -> str:
    older, newer = found.older.checkpoint, found.newer.checkpoint
    if not found.is_proven:
        return (
            f"This proves nothing yet: {older.origin} has signed a tree of {count_leaves(older.size)} and one of"
            f" {newer.size:,}, and nothing in the file shows what the larger one begins with."
        )
    if older.size == newer.size:
        return f"Proven: {older.origin} has signed two different trees of {count_leaves(older.size)}."
    if older.size == 0:
        return f"Proven: {older.origin} has signed an empty tree with a root that no empty tree has."
    return (
        f"Proven: {older.origin} has signed a tree of {count_leaves(older.size)}, and one of {newer.size:,} that begins"
        " with other leaves."
    )


def _tell_replacement(found: Equivocation, key: VerifierKey, now: datetime) -> list[str]:
    document = found.find_replacement(key, now)
    if document is None:
        return []
    by = "by recovery, as when it was lost or stolen" if document.recovered_by else "by rotation"
    return [f"Document {document.number} took this key out of power {by}; who has it can still sign with it."]


def tell_witnesses(signed: SignedCheckpoint) -> list[str]:
    """Says when each trusted witness has seen a checkpoint."""
    return [
        f"The witness {line.name} saw the checkpoint of {count_leaves(signed.checkpoint.size)} on"
        f" {datetime.fromtimestamp(parse_time(line.payload), UTC):%Y-%m-%d %H:%M} UTC."
        for line in signed.cosignatures
    ]
