"""The request by which a log asks a witness to cosign its checkpoint. https://c2sp.org/tlog-witness@v1.0.0#add-checkpoint

    old <size that the witness has cosigned last>
    <base64 of each hash of the consistency proof>

    <the checkpoint, a note>

Pure. Not trusted: nothing in it is to be believed before the checkpoint is opened and the proof verified.
"""

from dataclasses import dataclass
from typing import Final, Self

from federation.errors import InvalidAddCheckpoint
from federation.tlog.note import MAX_NOTE_BYTES
from federation.tlog.text import decode_hash, encode_base64, parse_decimal

MAX_PROOF_LINES: Final = 63
SIZE_TYPE: Final = "text/x.tlog.size"
MAX_SIZE_BYTES: Final = 20
"""Of the body that tells a size: 19 digits and a newline."""

_OLD: Final = "old "
_MAX_HEAD_BYTES: Final = 24 + MAX_PROOF_LINES * 45
MAX_REQUEST_BYTES: Final = _MAX_HEAD_BYTES + 1 + MAX_NOTE_BYTES


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A checkpoint as it was signed, and the proof that it has grown out of the tree of size `old`."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    def __bytes__(self) -> bytes:
        lines = [f"{_OLD}{self.old}", *map(encode_base64, self.proof), "", ""]
        return "\n".join(lines).encode() + self.note

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Parses a request; what its note says is left alone. Raises InvalidAddCheckpoint."""
        if len(data) > MAX_REQUEST_BYTES:
            raise InvalidAddCheckpoint(f"it is longer than {MAX_REQUEST_BYTES} bytes")
        head, separator, note = data.partition(b"\n\n")
        if not separator or len(head) > _MAX_HEAD_BYTES:
            raise InvalidAddCheckpoint("no empty line stands before the checkpoint")
        first, *proof = head.split(b"\n")
        if len(proof) > MAX_PROOF_LINES:
            raise InvalidAddCheckpoint(f"it holds more than {MAX_PROOF_LINES} hashes")
        try:
            old = _parse_old(first.decode("ascii"))
            return cls(old, tuple(decode_hash(line.decode("ascii")) for line in proof), note)
        except ValueError as error:
            raise InvalidAddCheckpoint(str(error)) from None


def _parse_old(line: str) -> int:
    if not line.startswith(_OLD):
        raise ValueError("it does not begin with the old size")
    return parse_decimal(line.removeprefix(_OLD))


def encode_size(size: int) -> bytes:
    """Encodes a size as a witness tells it."""
    return b"%d\n" % size


def parse_size(data: bytes) -> int:
    """Parses a size that a witness has told. Raises InvalidAddCheckpoint."""
    if len(data) > MAX_SIZE_BYTES or not data.endswith(b"\n"):
        raise InvalidAddCheckpoint("a size is not one line")
    try:
        return parse_decimal(data[:-1].decode("ascii"))
    except ValueError as error:
        raise InvalidAddCheckpoint(str(error)) from None
