"""tlog-proof: proves one entry of a log offline. https://c2sp.org/tlog-proof

It proves that the log had the entry by this checkpoint, never that the entry still holds.
"""

from dataclasses import dataclass
from typing import Final, Self

from federation.errors import InvalidCheckpoint, InvalidTlogProof
from federation.tlog.checkpoint import (
    Checkpoint,
    LogTrust,
    SignedCheckpoint,
    open_checkpoint,
    parse_signed_checkpoint,
)
from federation.tlog.merkle import (
    HASH_BYTES,
    MAX_INCLUSION_HASHES,
    MAX_TREE_SIZE,
    leaf_hash,
    verify_inclusion,
)
from federation.tlog.note import MAX_NOTE_BYTES, Note
from federation.tlog.text import decode_base64, decode_hash, encode_base64, parse_decimal

MAX_EXTRA_BYTES: Final = 16 * 1024
MAX_TLOG_PROOF_BYTES: Final = MAX_NOTE_BYTES + 32 * 1024
MEDIA_SUFFIX: Final = ".tlog-proof"

_HEADER: Final = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class TlogProof:
    """An entry's index, its inclusion proof, and the checkpoint that it leads to: not trusted yet."""

    index: int
    hashes: tuple[bytes, ...]
    note: Note
    """The checkpoint with all its signature lines."""
    extra: bytes | None = None
    """Data that the application adds. Nothing authenticates it."""

    def __post_init__(self) -> None:
        if not 0 <= self.index < MAX_TREE_SIZE:
            raise InvalidTlogProof("not a tlog-proof: its index is out of range")
        if len(self.hashes) > MAX_INCLUSION_HASHES or any(len(each) != HASH_BYTES for each in self.hashes):
            raise InvalidTlogProof("not a tlog-proof: it holds too many hashes, or something else")
        if self.extra is not None and len(self.extra) > MAX_EXTRA_BYTES:
            raise InvalidTlogProof(f"not a tlog-proof: its extra data is over {MAX_EXTRA_BYTES} bytes")
        try:
            Checkpoint.parse(self.note.text)
        except InvalidCheckpoint as e:
            raise InvalidTlogProof(f"not a tlog-proof: {e}") from None

    @property
    def checkpoint(self) -> Checkpoint:
        """The proof's checkpoint, not verified."""
        return Checkpoint.parse(self.note.text)

    def __bytes__(self) -> bytes:
        lines = [_HEADER]
        if self.extra is not None:
            lines.append(f"extra {encode_base64(self.extra)}")
        lines += [f"index {self.index}", *map(encode_base64, self.hashes), "", ""]
        return "\n".join(lines).encode() + bytes(self.note)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Parses a proof, verifying nothing. Raises InvalidTlogProof."""
        if len(data) > MAX_TLOG_PROOF_BYTES:
            raise InvalidTlogProof(f"not a tlog-proof: it is longer than {MAX_TLOG_PROOF_BYTES} bytes")
        # The proof's own lines are never empty, so the first empty line ends them.
        head, _, note = data.partition(b"\n\n")
        try:
            index, extra, hashes = _parse_head(head.decode("ascii").split("\n"))
            return cls(index, hashes, parse_signed_checkpoint(note)[1], extra)
        except (ValueError, InvalidCheckpoint) as e:
            raise InvalidTlogProof(f"not a tlog-proof: {e}") from None


def _parse_head(lines: list[str]) -> tuple[int, bytes | None, tuple[bytes, ...]]:
    if lines.pop(0) != _HEADER or not lines:
        raise ValueError("it does not start as one")
    extra = None
    if lines[0].startswith("extra "):
        extra = decode_base64(lines.pop(0).removeprefix("extra "))
    if not lines or not lines[0].startswith("index "):
        raise ValueError("its index is missing")
    if len(lines) > MAX_INCLUSION_HASHES + 1:
        raise ValueError(f"it holds more than {MAX_INCLUSION_HASHES} hashes")
    index = parse_decimal(lines[0].removeprefix("index "))
    return index, extra, tuple(decode_hash(line) for line in lines[1:])


def verify_tlog_proof(proof: TlogProof, entry: bytes, trust: LogTrust) -> SignedCheckpoint:
    """Verifies that the log had `entry` at the proof's index. Returns the checkpoint that it leads to.

    Raises InvalidCheckpoint or UntrustedNote as `open_checkpoint` does, InvalidProof where the
    entry is not in the tree.
    """
    signed = open_checkpoint(bytes(proof.note), trust)
    checkpoint = signed.checkpoint
    verify_inclusion(proof.index, checkpoint.size, leaf_hash(entry), proof.hashes, checkpoint.root)
    return signed
