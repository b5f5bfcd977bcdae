"""Holds the one row that tells how far our log has come against the notes that it has signed. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from federation.errors import FederationError, UntrustedNote
from federation.fsck.findings import Fault, Finding
from federation.protocol.log_state import LogState
from federation.tlog.checkpoint import Checkpoint, LogTrust, open_checkpoint, parse_signed_checkpoint
from federation.tlog.keys import VerifierKey
from federation.tlog.note import NoteVerifier


@dataclass(frozen=True, slots=True)
class ExaminedState:
    """What the row leads to, and what is wrong with it."""

    tree: Checkpoint
    """All that is kept: the tree that entries and tiles must lead to."""
    published: Checkpoint
    """What readers see, which is as large as that or smaller."""
    earlier: tuple[Checkpoint, ...]
    """Smaller trees that were signed: their roots must follow from the same tiles."""
    findings: tuple[Finding, ...]


def examine_state(
    state: LogState, keys: Sequence[VerifierKey], former: Collection[VerifierKey], kept: int
) -> ExaminedState:
    """`keys` are those of which one must have signed; none to believe the notes as they are. `former` are keys
    that may have signed beside it; `kept` is how many entries the last bundle leads to.

    What is signed is believed before what is only staged. Nothing can tell whether `staged_at` is right, nor
    whether `ingested_size` is too small: the next batch then takes in again what is there already.
    """
    faults: list[str] = []
    known: dict[str, Checkpoint] = {}
    for column, note in (("published", state.published), ("signed", state.signed)):
        try:
            known[column] = _open(note or b"", keys, former)
        except FederationError as error:
            faults.append(f"`{column}`: {error}")
    signed = known.get("signed", known.get("published", state.staged))
    published = known.get("published", signed)
    tree = signed
    if state.staged.size != signed.size and kept > signed.size:
        tree = Checkpoint(signed.origin, kept, state.staged.root)
    if state.staged.size != tree.size:
        faults.append(f"`staged_size`: it is {state.staged.size}, and should be {tree.size}")
    elif state.staged.root != tree.root:
        faults.append("`staged_root`: it is not the root that was signed")
    faults += _find_faults(state, known, signed.origin)
    earlier = dict.fromkeys(each for each in (published, signed) if each.size < tree.size)
    findings = tuple(Finding(Fault.WRONG_STATE, detail=fault) for fault in faults)
    return ExaminedState(tree, published, tuple(earlier), findings)


def _open(note: bytes, keys: Sequence[VerifierKey], former: Collection[VerifierKey]) -> Checkpoint:
    if not keys:
        return parse_signed_checkpoint(note)[0]
    # The row's own name for the log may be what is wrong.
    opened = open_checkpoint(note, LogTrust(keys[0].name, tuple(map(NoteVerifier, keys))))
    ours = {(key.name, key.key_id) for key in former}
    if any((line.name, line.key_id) not in ours for line in opened.unknown):
        raise UntrustedNote("a key that is not this log's has signed it as well")
    return opened.checkpoint


def _find_faults(state: LogState, known: dict[str, Checkpoint], origin: str) -> Iterator[str]:
    if origin != state.origin:
        yield f"`origin`: it is {state.origin}, and its checkpoints are of {origin}"
    published, signed = known.get("published"), known.get("signed")
    if published is not None and published.size != state.published_size:
        yield f"`published_size`: it is {state.published_size}, and {published.size} leaves are published"
    if published is not None and not 0 <= state.ingested_size <= published.size:
        yield f"`ingested_size`: it is {state.ingested_size}, which is more than is published"
    if published is None or signed is None:
        return
    if published.size > signed.size:
        yield f"`signed`: its {signed.size} leaves are fewer than are published"
    elif published.size == signed.size and state.published != state.signed:
        yield "`signed` and `published`: they are of one size, and not one note"
