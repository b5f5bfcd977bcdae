"""Makes the document that follows another one: a next key announced, the switch to it, a recovery."""

from dataclasses import dataclass, replace

from federation.errors import InvalidOperations
from federation.keys.chain import MIN_BETWEEN_S, MIN_OVERLAP_S, find_power_fault
from federation.keys.operations import Operations, RightTree
from federation.tlog.keys import VerifierKey


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a recovery says: the recovery key that signs it, the new log key, the fingerprint of the next recovery key,
    and the tree up to which the log was right."""

    recovered_by: VerifierKey
    log_key: VerifierKey
    recovery: bytes
    right_tree: RightTree


def announce_key(previous: Operations, next_key: VerifierKey, issued: int) -> Operations:
    """Makes the document that announces `next_key`. Raises InvalidOperations, also less than an hour after `previous`."""
    if issued < previous.issued + MIN_BETWEEN_S:
        raise InvalidOperations("the document before was issued too short a time ago")
    return _next_after(previous, issued, log_key=previous.log_key, next_key=next_key)


def switch_key(previous: Operations, issued: int) -> Operations:
    """Makes the document that switches to the announced key.

    Raises InvalidOperations where none is announced, or not for long enough.
    """
    if previous.next_key is None:
        raise InvalidOperations("no next key has been announced")
    if issued < previous.issued + MIN_OVERLAP_S:
        raise InvalidOperations("the next key was announced too short a time ago")
    return _next_after(previous, issued, log_key=previous.next_key, next_key=None)


def say_moved(previous: Operations, moved_to: VerifierKey, issued: int) -> Operations:
    """Makes the document that says under which log key the instance goes on, in a log of another name.

    Raises InvalidOperations where it said so before, for another key, or less than an hour after `previous`.
    """
    if issued < previous.issued + MIN_BETWEEN_S:
        raise InvalidOperations("the document before was issued too short a time ago")
    if previous.moved_to not in {None, moved_to}:
        raise InvalidOperations("it has moved elsewhere already, which the recovery key alone takes back")
    kept = _next_after(previous, issued, log_key=previous.log_key, next_key=previous.next_key)
    return replace(kept, moved_to=moved_to)


def recover_key(previous: Operations, issued: int, says: Recovery) -> Operations:
    """Makes the document that the recovery key signs: the new log key is valid at once. It takes back where a thief of
    the log key may have moved the instance to, and leaves out `ext`, with which they may have filled the document before
    until nothing more fits.

    Raises InvalidOperations, also where `previous` does not name the recovery key that signs.
    """
    document = replace(
        _next_after(previous, issued, log_key=says.log_key, next_key=None),
        recovered_by=says.recovered_by,
        recovery=says.recovery,
        right_tree=says.right_tree,
        moved_to=None,
        ext=(),
    )
    fault = find_power_fault(document, previous)
    if fault:
        raise InvalidOperations(f"this recovery would not be followed: {fault}")
    return document


def _next_after(
    previous: Operations, issued: int, *, log_key: VerifierKey, next_key: VerifierKey | None
) -> Operations:
    return replace(
        previous,
        number=previous.number + 1,
        previous=previous.digest,
        issued=issued,
        log_key=log_key,
        next_key=next_key,
        recovered_by=None,
        right_tree=None,
        moved_from=None,
    )
