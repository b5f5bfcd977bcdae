"""What a log answers for the leaves of a bundle, as bytes: `GET /federation/v1/statements/<N>[.p/<W>]`. Pure.

For each leaf, in order: `u32 length`, and then so many bytes of salt and body; or the length 0, `u8 kind` and `u64 value`.
Nothing in it is signed: a body is held against its commitment, and everything else against the log.
"""

from collections.abc import Sequence
from typing import Final

from federation.errors import InvalidBodies
from federation.protocol.body_answers import Body, Ended, Erased, LeafAnswer, Lost, NeverMapping
from federation.protocol.statement import MAX_BODY_BYTES, SALT_BYTES
from federation.tlog.merkle import MAX_TREE_SIZE
from federation.tlog.tiles import TILE_WIDTH

LENGTH_BYTES: Final = 4
TOLD_BYTES: Final = 9
"""Kind and value, where there is no body."""
MAX_ANSWER_BYTES: Final = LENGTH_BYTES + SALT_BYTES + MAX_BODY_BYTES
MAX_ANSWERS_BYTES: Final = TILE_WIDTH * MAX_ANSWER_BYTES
MAX_REASON: Final = 255

_ERASED: Final = 1
_ENDED: Final = 2
_NEVER: Final = 3
_LOST: Final = 4


def encode_answers(answers: Sequence[LeafAnswer]) -> bytes:
    """Encodes the answers for 1 to 256 leaves. Raises InvalidBodies where one has no such form, as `NotYet`."""
    if not 1 <= len(answers) <= TILE_WIDTH:
        raise InvalidBodies(f"there are answers for {len(answers)} leaves, not for 1 to {TILE_WIDTH}")
    return b"".join(map(_encode, answers))


def parse_answers(data: bytes, width: int) -> list[LeafAnswer]:
    """Parses the answers for exactly `width` leaves. Raises InvalidBodies."""
    if not 1 <= width <= TILE_WIDTH or len(data) > MAX_ANSWERS_BYTES:
        raise InvalidBodies("more is answered than there are leaves in a bundle")
    answers: list[LeafAnswer] = []
    at = 0
    for _ in range(width):
        answer, at = _parse(data, at)
        answers.append(answer)
    if at != len(data):
        raise InvalidBodies(f"there is more than the answers for {width} leaves")
    return answers


def _encode(answer: LeafAnswer) -> bytes:
    match answer:
        case Body(salt, body):
            if len(salt) != SALT_BYTES or not 1 <= len(body) <= MAX_BODY_BYTES:
                raise InvalidBodies("a salt or a body is shorter or longer than any can be")
            return (SALT_BYTES + len(body)).to_bytes(LENGTH_BYTES, "big") + salt + body
        case Erased(by):
            return _tell(_ERASED, by)
        case Ended(reason):
            return _tell(_ENDED, reason)
        case NeverMapping():
            return _tell(_NEVER, 0)
        case Lost():
            return _tell(_LOST, 0)
        case _:
            raise InvalidBodies("a leaf that is not there yet has no answer")


def _tell(kind: int, value: int) -> bytes:
    if not 0 <= value < _ENDS[kind]:
        raise InvalidBodies(f"{value} is nothing that can be told with the kind {kind}")
    return bytes(LENGTH_BYTES) + bytes([kind]) + value.to_bytes(TOLD_BYTES - 1, "big")


def _parse(data: bytes, at: int) -> tuple[LeafAnswer, int]:
    """Parses one answer. Returns it, and where the next one begins."""
    start = at + LENGTH_BYTES
    length = int.from_bytes(data[at:start], "big")
    end = start + (length or TOLD_BYTES)
    if end > len(data):
        raise InvalidBodies("the answers end within one")
    if length == 0:
        return _parse_told(data[start], int.from_bytes(data[start + 1 : end], "big")), end
    if not SALT_BYTES < length <= SALT_BYTES + MAX_BODY_BYTES:
        raise InvalidBodies("a body is shorter or longer than any can be")
    return Body(data[start : start + SALT_BYTES], data[start + SALT_BYTES : end]), end


def _parse_told(kind: int, value: int) -> LeafAnswer:
    if value >= _ENDS.get(kind, 0):
        raise InvalidBodies(f"an answer of the kind {kind} with {value} says nothing")
    if kind == _ERASED:
        return Erased(value)
    if kind == _ENDED:
        return Ended(value)
    return NeverMapping() if kind == _NEVER else Lost()


_ENDS: Final = {_ERASED: MAX_TREE_SIZE, _ENDED: MAX_REASON + 1, _NEVER: 1, _LOST: 1}
"""The first value that each kind cannot have."""
