"""Compares the state row of our own log with the signed notes in it. Pure."""

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
    """The trees that the row leads to, and its faults."""

    tree: Checkpoint
    """The whole stored tree: entries and tiles must lead to it."""
    published: Checkpoint
    """The tree that readers see."""
    earlier: tuple[Checkpoint, ...]
    """Smaller trees that were signed: their roots must follow from the same tiles."""
    findings: tuple[Finding, ...]


def examine_state(
    state: LogState, keys: Sequence[VerifierKey], former: Collection[VerifierKey], kept: int
) -> ExaminedState:
    """Examines the state row.

    One of `keys` must have signed each note; without keys the notes are believed as they are. `former` are keys
    that may have signed as well; `kept` is the number of entries that the last bundle leads to.

    What is signed is believed before what is only staged. Two faults cannot be found: a wrong `staged_at`, and
    an `ingested_size` that is too small, with which the next batch takes leaves in again.
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
    # Not the row's origin, which may be the fault.
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
