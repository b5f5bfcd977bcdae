"""Checkpoints: the size and root of a log, signed. https://c2sp.org/tlog-checkpoint@v1.0.0"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from federation.errors import InvalidCheckpoint, InvalidNote, UntrustedNote
from federation.tlog.keys import PrivateKey
from federation.tlog.merkle import HASH_BYTES, MAX_TREE_SIZE
from federation.tlog.note import MAX_NOTE_BYTES, Note, Signature, Verifier, open_note, parse_note, sign_note
from federation.tlog.text import check_text, decode_hash, encode_base64, parse_decimal

MAX_EXTENSION_LINES: Final = 16


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The statement that the log `origin` had `size` leaves whose Merkle root is `root`. It carries no time."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()
    """Lines that nobody can audit: read and kept for others, never written by us."""

    def __post_init__(self) -> None:
        for line in (self.origin, *self.extensions):
            _check_line(line)
        if not 0 <= self.size <= MAX_TREE_SIZE or len(self.root) != HASH_BYTES:
            raise InvalidCheckpoint("not a checkpoint: its size or its root is out of range")
        if len(self.extensions) > MAX_EXTENSION_LINES:
            raise InvalidCheckpoint(f"not a checkpoint: over {MAX_EXTENSION_LINES} extension lines")

    def __str__(self) -> str:
        """The text of the note, with its final newline."""
        return "\n".join([self.origin, str(self.size), encode_base64(self.root), *self.extensions, ""])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses the text of a note. Raises InvalidCheckpoint."""
        if len(text) > MAX_NOTE_BYTES:
            raise InvalidCheckpoint(f"not a checkpoint: it is longer than {MAX_NOTE_BYTES} bytes")
        lines = text.split("\n", MAX_EXTENSION_LINES + 4)
        if len(lines) < 4 or lines[-1]:
            raise InvalidCheckpoint("not a checkpoint: it is not three lines or some more")
        try:
            size, root = parse_decimal(lines[1]), decode_hash(lines[2])
        except ValueError as e:
            raise InvalidCheckpoint(f"not a checkpoint: {e}") from None
        return cls(lines[0], size, root, tuple(lines[3:-1]))


def _check_line(line: str) -> None:
    try:
        check_text(line)
    except ValueError as e:
        raise InvalidCheckpoint(f"not a checkpoint: {e}") from None
    if not line or "\n" in line:
        raise InvalidCheckpoint("not a checkpoint: its origin or an extension is not one line")


@dataclass(frozen=True, slots=True)
class LogTrust:
    """The keys trusted about one log: its own, and those of witnesses, of which a quorum must have cosigned."""

    origin: str
    log_keys: tuple[Verifier, ...]
    witnesses: tuple[Verifier, ...] = ()
    quorum: int = 0


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint that its log has signed, with all signature lines."""

    checkpoint: Checkpoint
    log_signatures: tuple[Signature, ...]
    cosignatures: tuple[Signature, ...]
    """Lines of the trusted witnesses, each verified."""
    unknown: tuple[Signature, ...]
    """Lines of other keys, not verified."""

    @property
    def verified_note(self) -> Note:
        """The checkpoint with the verified lines alone. Only this may be stored and passed on."""
        return Note(str(self.checkpoint), self.log_signatures + self.cosignatures)


def sign_checkpoint(checkpoint: Checkpoint, keys: Sequence[PrivateKey]) -> Note:
    """Signs a checkpoint as its log, with keys that are named as the origin.

    The caller makes sure that it is consistent with all that these keys ever signed.
    Raises InvalidCheckpoint if a key has another name, InvalidKey if one is not of kind 0x01.
    """
    if any(key.name != checkpoint.origin for key in keys):
        raise InvalidCheckpoint(f"a key that is not named {checkpoint.origin} cannot sign its checkpoint")
    return sign_note(str(checkpoint), keys)


def parse_signed_checkpoint(data: bytes) -> tuple[Checkpoint, Note]:
    """Parses a note whose text is a checkpoint, verifying nothing. Raises InvalidCheckpoint."""
    try:
        note = parse_note(data)
    except InvalidNote as e:
        raise InvalidCheckpoint(f"not a checkpoint: {e}") from None
    return Checkpoint.parse(note.text), note


def open_checkpoint(data: bytes, trust: LogTrust) -> SignedCheckpoint:
    """Parses a checkpoint of one log, and verifies it.

    Raises InvalidCheckpoint where it is malformed or of another origin; UntrustedNote where no
    log key has signed it (a witness alone is not enough), fewer witnesses than the quorum have
    cosigned it, or a line of a known key is false.
    """
    checkpoint, note = parse_signed_checkpoint(data)
    if checkpoint.origin != trust.origin:
        raise InvalidCheckpoint(f"this checkpoint is not of {trust.origin}")
    opened = open_note(note, [*trust.log_keys, *trust.witnesses])
    by_log = _lines_of(trust.log_keys, opened.verified)
    by_witnesses = _lines_of(trust.witnesses, opened.verified)
    if not by_log:
        raise UntrustedNote(f"no key of {trust.origin} that we know has signed this checkpoint")
    if len({line.name for line in by_witnesses}) < trust.quorum:
        raise UntrustedNote(f"fewer than {trust.quorum} witnesses have cosigned this checkpoint")
    return SignedCheckpoint(checkpoint, by_log, by_witnesses, opened.unknown)


def _lines_of(keys: Iterable[Verifier], lines: Iterable[Signature]) -> tuple[Signature, ...]:
    ids = {(key.vkey.name, key.vkey.key_id) for key in keys}
    return tuple(line for line in lines if (line.name, line.key_id) in ids)
