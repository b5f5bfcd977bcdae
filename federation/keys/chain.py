"""The chain of operations documents: how each follows from the one before, in a rotation or a recovery of the log key.

1. *Announce*: a document names the next key, and is signed by the log key and by the next key. From then on the log
   signs each checkpoint with both.
2. *Switch*, at least `MIN_OVERLAP_S` after the last document that named it: the next key becomes the log key, in a
   document signed by the former log key. The checkpoint that publishes the document is signed by both, later ones by
   the new key.
3. *Recover*, when the log key is lost or stolen: the recovery key, kept offline, signs instead. The document may name
   any log key, which is valid at once. A recovery key serves once: the document names another.

Only the recovery key can change the recovery key: whoever steals the log key cannot lock the operator out. Nor can they
fill the chain, as recoveries count apart, nor date it ahead: a recovery is bound by no time in the documents before it,
and no other document is in force before its own time.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import Final

from directory.mappings import MAX_AHEAD
from federation.errors import InvalidNote, InvalidOperations, UntrustedNote, UntrustedOperations
from federation.keys.operations import Operations, fingerprint_recovery
from federation.tlog.keys import PrivateKey, VerifierKey
from federation.tlog.note import Note, NoteVerifier, Signature, open_note, parse_note, sign_note

MIN_OVERLAP_S: Final = 7 * 24 * 3600
"""How long a next key is announced before the switch: time for the operator to notice a theft."""
MIN_BETWEEN_S: Final = 3_600
"""How long after the document before it an ordinary one may be issued at the earliest."""
MAX_AHEAD_S: Final = MAX_AHEAD // timedelta(seconds=1)
"""How far in the future of its reader a document may be issued, and be in force."""
MAX_ORDINARY: Final = 1_000
"""The most documents after the first one or a recovery, up to the next recovery."""
MAX_RECOVERIES: Final = 100
MAX_DOCUMENTS: Final = (1 + MAX_RECOVERIES) * (1 + MAX_ORDINARY)


def parse_operations_note(data: bytes) -> tuple[Operations, Note]:
    """Parses a signed operations document. Verifies nothing. Raises InvalidOperations."""
    try:
        note = parse_note(data)
    except InvalidNote as e:
        raise InvalidOperations(f"not an operations document: {e}") from None
    return Operations.parse(note.text), note


def sign_operations(document: Operations, keys: Sequence[PrivateKey]) -> Note:
    """Signs a document with keys of kind 0x01: those of `required_keys`. Raises as `sign_note` does."""
    return sign_note(document.text, keys)


def required_keys(document: Operations, previous: Operations | None) -> tuple[VerifierKey, ...]:
    """Returns every key that must sign `document`: the log key before it (or the recovery key), and each new log key.

    A new key signs, too, so that a document cannot name a key whose private half its author does not hold.
    """
    if previous is None:
        return document.checkpoint_keys
    power = document.recovered_by or previous.log_key
    new = (key for key in document.checkpoint_keys if key not in previous.checkpoint_keys)
    return (power, *new)


def strip_operations(note: Note, document: Operations, previous: Operations | None) -> Note:
    """Leaves one line of each key that has to sign a document, as whoever keeps it needs: a log could add lines, each as
    long as they get. Verifies nothing."""
    needed = {(key.name, key.key_id) for key in required_keys(document, previous)}
    lines: dict[tuple[str, bytes], Signature] = {}
    for line in note.signatures:
        lines.setdefault((line.name, line.key_id), line)
    return Note(note.text, tuple(line for place, line in lines.items() if place in needed))


def open_first_operations(data: bytes, log_key: VerifierKey) -> Operations:
    """Reads and verifies the first document of a log whose first key is known from elsewhere.

    Raises InvalidOperations where it is malformed, UntrustedOperations where it is not the first one under `log_key`.
    """
    document, note = parse_operations_note(data)
    if document.number != 0 or document.log_key != log_key:
        raise UntrustedOperations("this is not the first document under the key that was expected")
    _check_signatures(note, required_keys(document, None))
    return document


def open_next_operations(data: bytes, previous: Operations) -> Operations:
    """Reads the document after `previous`, and verifies that it follows.

    Raises InvalidOperations where it is malformed, UntrustedOperations where it does not follow.
    """
    document, note = parse_operations_note(data)
    fault = _find_link_fault(document, previous) or find_power_fault(document, previous)
    if fault:
        raise UntrustedOperations(f"document {document.number} does not follow: {fault}")
    _check_signatures(note, required_keys(document, previous))
    return document


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """What a reader keeps of a chain, to follow it further."""

    document: Operations
    ordinary: int = 0
    """How many documents were not recoveries, since the first one or the last recovery."""
    recoveries: int = 0

    def after(self, document: Operations) -> "ChainEnd":
        """Returns the end with the next document. Raises UntrustedOperations where there is no room for it."""
        is_recovery = document.recovered_by is not None
        if fault := self.find_limit_fault(is_recovery=is_recovery):
            raise UntrustedOperations(f"document {document.number} does not follow: {fault}")
        if is_recovery:
            return ChainEnd(document, 0, self.recoveries + 1)
        return ChainEnd(document, self.ordinary + 1, self.recoveries)

    def find_limit_fault(self, *, is_recovery: bool) -> str | None:
        """Finds whether the chain is full. Whoever holds the log key cannot fill it for a recovery."""
        if is_recovery:
            is_full = self.recoveries >= MAX_RECOVERIES
            return f"there were {MAX_RECOVERIES} recoveries" if is_full else None
        is_full = self.ordinary >= MAX_ORDINARY
        return f"there were {MAX_ORDINARY:,} documents since the last recovery" if is_full else None


def end_of(chain: Sequence[Operations]) -> ChainEnd:
    """Returns the end of a chain that was verified. Raises UntrustedOperations where it is too long."""
    return reduce(ChainEnd.after, chain[1:], ChainEnd(chain[0]))


def follow(data: bytes, end: ChainEnd) -> ChainEnd:
    """Reads the next document of a chain as `open_next_operations` does, within the limits."""
    return end.after(open_next_operations(data, end.document))


def open_chain(notes: Iterable[bytes], log_key: VerifierKey) -> list[Operations]:
    """Reads all documents of a log from the first. Raises as the functions above do.

    Does not verify that each document is in the log, at its leaf.
    """
    chain: list[Operations] = []
    end: ChainEnd | None = None
    for data in notes:
        end = follow(data, end) if end else ChainEnd(open_first_operations(data, log_key))
        chain.append(end.document)
    return chain


def in_force(chain: Sequence[Operations], now: int) -> Operations:
    """Returns the document in force: the last one whose time has come, or that is a recovery; else the first one, which
    operators compare."""
    return chain[index_in_force(chain, now)]


def index_in_force(chain: Sequence[Operations], now: int) -> int:
    """Returns the document in force: its log keys count, with those of all after it.

    A recovery is in force at once, also before its time: it says that the keys before it are lost or stolen, and a thief may
    have written what stands beside them.
    """
    return max((at for at, each in enumerate(chain) if each.recovered_by or has_come(each, now)), default=0)


def index_come(chain: Sequence[Operations], now: int) -> int:
    """Returns the last document whose time has come, as if there were no recovery."""
    return max((at for at, each in enumerate(chain) if has_come(each, now)), default=0)


def has_come(document: Operations, now: int) -> bool:
    """Tells whether the time of a document has come."""
    return document.issued <= now + MAX_AHEAD_S


def find_keys_in_power(
    chain: Sequence[Operations], held: Iterable[VerifierKey], now: int
) -> tuple[VerifierKey, ...]:
    """Returns the log keys of the document in force and of later ones, from the last recovery on, and those of `held` that
    no document names: a database from a backup may be older than they are."""
    named = {key for each in chain for key in each.checkpoint_keys}
    in_power = (key for each in chain[index_in_force(chain, now) :] for key in each.checkpoint_keys)
    return tuple(dict.fromkeys([*in_power, *(key for key in held if key not in named)]))


def _check_signatures(note: Note, keys: Collection[VerifierKey]) -> None:
    try:
        opened = open_note(note, [NoteVerifier(key) for key in keys])
    except UntrustedNote as e:
        raise UntrustedOperations(f"an operations document is not to be trusted: {e}") from None
    missing = [key.name for key in keys if not opened.is_signed_by(key)]
    if missing:
        raise UntrustedOperations(f"a key that had to sign has not: {missing[0]}")


def _find_link_fault(document: Operations, previous: Operations) -> str | None:
    if document.origin != previous.origin:
        return "it is of another log"
    if document.number != previous.number + 1 or document.previous != previous.digest:
        return "another document comes before it"
    if document.recovered_by is None and document.issued < previous.issued + MIN_BETWEEN_S:
        return "it was issued less than an hour after the one before it"
    return _find_moving_fault(document, previous)


def _find_moving_fault(document: Operations, previous: Operations) -> str | None:
    if document.moved_to == previous.moved_to:
        return None
    if document.recovered_by is None:
        return (
            None if previous.moved_to is None else "only the recovery key can take back where it has moved to"
        )
    return None if document.moved_to is None else "a recovery cannot say anew where it has moved to"


def find_power_fault(document: Operations, previous: Operations) -> str | None:
    """Finds why the key that signs may not make this change. Returns None where it may."""
    if document.recovered_by is not None:
        if fingerprint_recovery(document.recovered_by.public_key) != previous.recovery:
            return "its recovery key is not the one that was named"
        if document.recovery == previous.recovery:
            return "a recovery key serves once"
        return None
    if document.recovery != previous.recovery:
        return "only the recovery key can name another recovery key"
    if document.log_key == previous.log_key:
        return None
    if document.log_key != previous.next_key:
        return "its log key was not announced"
    if document.issued < previous.issued + MIN_OVERLAP_S:
        return "its log key was announced too short a time ago"
    return None
