"""The chain of operations documents: how each follows from the one before, in a rotation or a recovery of the log key.

1. *Announce*: a document names the next key, and is signed by the log key and by the next key. From then on the log
   signs each checkpoint with both.
2. *Switch*, at least `MIN_OVERLAP_S` after the last document that named it: the next key becomes the log key, in a
   document signed by the former log key. The checkpoint that publishes the document is signed by both, later ones by
   the new key.
3. *Recover*, when the log key is lost or stolen: the recovery key, kept offline, signs instead. The document may name
   any log key, which is valid at once. A recovery key serves once: the document names another.

Only the recovery key can change the recovery key: whoever steals the log key cannot lock the operator out.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Final

from federation.errors import InvalidNote, InvalidOperations, UntrustedNote, UntrustedOperations
from federation.keys.operations import Operations, fingerprint_recovery
from federation.tlog.keys import PrivateKey, VerifierKey
from federation.tlog.note import Note, NoteVerifier, open_note, parse_note, sign_note

MIN_OVERLAP_S: Final = 7 * 24 * 3600
"""How long a next key is announced before the switch: time for the operator to notice a theft."""
MAX_DOCUMENTS: Final = 1_000
"""The most documents that are read of one log."""


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
    fault = _find_link_fault(document, previous) or _find_power_fault(document, previous)
    if fault:
        raise UntrustedOperations(f"document {document.number} does not follow: {fault}")
    _check_signatures(note, required_keys(document, previous))
    return document


def open_chain(notes: Iterable[bytes], log_key: VerifierKey) -> list[Operations]:
    """Reads all documents of a log from the first. Raises as the two functions above do.

    Does not verify that each document is in the log, at its leaf.
    """
    chain: list[Operations] = []
    for data in notes:
        if len(chain) >= MAX_DOCUMENTS:
            raise UntrustedOperations(f"there are more than {MAX_DOCUMENTS} documents")
        chain.append(open_next_operations(data, chain[-1]) if chain else open_first_operations(data, log_key))
    return chain


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
    if document.issued < previous.issued:
        return "it is older than the one before it"
    return None


def _find_power_fault(document: Operations, previous: Operations) -> str | None:
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


def announce_key(previous: Operations, next_key: VerifierKey, issued: int) -> Operations:
    """Makes the document that announces `next_key`. Raises InvalidOperations."""
    return _follow(previous, issued, log_key=previous.log_key, next_key=next_key)


def switch_key(previous: Operations, issued: int) -> Operations:
    """Makes the document that switches to the announced key.

    Raises InvalidOperations where none is announced, or not for long enough.
    """
    if previous.next_key is None:
        raise InvalidOperations("no next key has been announced")
    if issued < previous.issued + MIN_OVERLAP_S:
        raise InvalidOperations("the next key was announced too short a time ago")
    return _follow(previous, issued, log_key=previous.next_key, next_key=None)


def recover_key(
    previous: Operations, issued: int, *, recovered_by: VerifierKey, log_key: VerifierKey, recovery: bytes
) -> Operations:
    """Makes the document that the recovery key signs: it names a log key, valid at once, and the next recovery key.

    Raises InvalidOperations, also where `recovered_by` is not the recovery key that `previous` names.
    """
    document = replace(
        _follow(previous, issued, log_key=log_key, next_key=None),
        recovered_by=recovered_by,
        recovery=recovery,
    )
    fault = _find_power_fault(document, previous)
    if fault:
        raise InvalidOperations(f"this recovery would not be followed: {fault}")
    return document


def _follow(
    previous: Operations, issued: int, *, log_key: VerifierKey, next_key: VerifierKey | None
) -> Operations:
    return replace(
        previous,
        number=previous.number + 1,
        previous=previous.digest,
        issued=max(issued, previous.issued),
        log_key=log_key,
        next_key=next_key,
        recovered_by=None,
    )
