"""Evidence of an equivocation: two checkpoints that one log has signed, and what shows that they contradict each other.

A text that anyone can check who trusts a key of the log:

    passerelle/equivocation@v1
    key <verifier key>          one for each log key that is needed, where there are no documents
    hash <base64>               what shows the root that the larger tree had at the smaller size

    <operations documents from the first, as signed notes>

    <the smaller checkpoint, a note>

    <the larger checkpoint, a note>

An empty line stands before each note. Not trusted: nothing in it is to be believed before `equivocation.open_evidence`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

from federation.errors import (
    InvalidCheckpoint,
    InvalidEvidence,
    InvalidKey,
    InvalidNote,
    InvalidOperations,
)
from federation.keys.chain import strip_operations
from federation.keys.operations import Operations
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.keys import KeyKind, VerifierKey
from federation.tlog.merkle import HASH_BYTES, MAX_CONSISTENCY_HASHES
from federation.tlog.note import Note, parse_note
from federation.tlog.text import decode_hash, encode_base64

MAX_EVIDENCE_BYTES: Final = 256 * 1024
MAX_EVIDENCE_KEYS: Final = 16
MAX_EVIDENCE_DOCUMENTS: Final = 256
HEADER: Final = "passerelle/equivocation@v1"

_MAX_HEAD_LINES: Final = 1 + MAX_EVIDENCE_KEYS + MAX_CONSISTENCY_HASHES
_MAX_BLOCKS: Final = 1 + 2 * (MAX_EVIDENCE_DOCUMENTS + 2)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two checkpoints of one origin, the smaller first; of one size, the one with the smaller root."""

    older: Note
    newer: Note
    keys: tuple[VerifierKey, ...] = ()
    """Log keys, sorted as texts. Whoever made the evidence trusts them; a reader does not for that."""
    documents: tuple[Note, ...] = ()
    """All operations documents up to those that name the keys; in the place of `keys`."""
    hashes: tuple[bytes, ...] = ()
    """As `derive_prefix_root` takes them. Empty where nothing shows what the larger tree began with."""

    def __post_init__(self) -> None:
        try:
            older, newer = Checkpoint.parse(self.older.text), Checkpoint.parse(self.newer.text)
        except InvalidCheckpoint as e:
            raise InvalidEvidence(f"not evidence: {e}") from None
        fault = (
            _find_pair_fault(older, newer)
            or _find_hash_fault(self.hashes, older, newer)
            or _find_key_fault(self.keys, self.documents, older.origin)
        )
        if fault or len(bytes(self)) > MAX_EVIDENCE_BYTES:
            raise InvalidEvidence(f"not evidence: {fault or f'it is longer than {MAX_EVIDENCE_BYTES} bytes'}")

    @property
    def origin(self) -> str:
        """The log's origin, not verified."""
        return Checkpoint.parse(self.older.text).origin

    def __bytes__(self) -> bytes:
        lines = [HEADER, *(f"key {key}" for key in self.keys)]
        lines += (f"hash {encode_base64(each)}" for each in self.hashes)
        head = "\n".join([*lines, ""]).encode()
        return b"\n".join([head, *map(bytes, (*self.documents, self.older, self.newer))])

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Parses evidence, verifying nothing. Raises InvalidEvidence."""
        if len(data) > MAX_EVIDENCE_BYTES:
            raise InvalidEvidence(f"not evidence: it is longer than {MAX_EVIDENCE_BYTES} bytes")
        head, *blocks = data.split(b"\n\n", _MAX_BLOCKS)
        try:
            keys, hashes = _parse_head(head)
            *documents, older, newer = _parse_notes(blocks)
            return cls(older, newer, keys, tuple(documents), hashes)
        except (ValueError, InvalidKey, InvalidNote) as e:
            raise InvalidEvidence(f"not evidence: {e}") from None


def _find_pair_fault(older: Checkpoint, newer: Checkpoint) -> str | None:
    if older.origin != newer.origin:
        return "its checkpoints are of two logs"
    if (older.size, older.root) >= (newer.size, newer.root):
        return "its checkpoints say the same, or the larger one stands first"
    return None


def _find_hash_fault(hashes: Sequence[bytes], older: Checkpoint, newer: Checkpoint) -> str | None:
    if len(hashes) > MAX_CONSISTENCY_HASHES or any(len(each) != HASH_BYTES for each in hashes):
        return "it holds too many hashes, or something else"
    if hashes and older.size in {0, newer.size}:
        return "it holds hashes where none are needed"
    return None


def _find_key_fault(keys: Sequence[VerifierKey], documents: Sequence[Note], origin: str) -> str | None:
    if bool(keys) == bool(documents):
        return "it holds neither keys nor documents, or both"
    if len(keys) > MAX_EVIDENCE_KEYS or len(documents) > MAX_EVIDENCE_DOCUMENTS:
        return f"it holds over {MAX_EVIDENCE_KEYS} keys or {MAX_EVIDENCE_DOCUMENTS} documents"
    if list(keys) != sorted(set(keys), key=str):
        return "its keys are not sorted, or one stands there twice"
    if any((key.kind, key.name) != (KeyKind.NOTE, origin) for key in keys):
        return "one of its keys is not of this log"
    if any("\n\n" in f"\n{note.text}" for note in documents):
        return "a document holds an empty line"
    return None


def _parse_head(head: bytes) -> tuple[tuple[VerifierKey, ...], tuple[bytes, ...]]:
    lines = head.decode("utf-8").split("\n", _MAX_HEAD_LINES)
    if lines.pop(0) != HEADER or len(lines) >= _MAX_HEAD_LINES:
        raise ValueError("it does not start as evidence, or has too many lines before its notes")
    first_hash = next((at for at, line in enumerate(lines) if line.startswith("hash ")), len(lines))
    keys = tuple(VerifierKey.parse(_after("key ", line)) for line in lines[:first_hash])
    return keys, tuple(decode_hash(_after("hash ", line)) for line in lines[first_hash:])


def _after(word: str, line: str) -> str:
    if not line.startswith(word):
        raise ValueError("a line before its notes is neither a key nor a hash")
    return line.removeprefix(word)


def _parse_notes(blocks: Sequence[bytes]) -> list[Note]:
    if len(blocks) % 2 or not 4 <= len(blocks) < _MAX_BLOCKS:
        raise ValueError("it does not hold two checkpoints, after its documents")
    pairs = list(zip(blocks[::2], blocks[1::2], strict=True))
    # What stood between the notes went with the empty lines: each but the last has lost its last newline.
    ended = [text + b"\n\n" + lines + b"\n" for text, lines in pairs[:-1]]
    return [parse_note(note) for note in (*ended, b"\n\n".join(pairs[-1]))]


def make_evidence(
    one: Note,
    other: Note,
    *,
    keys: Iterable[VerifierKey] = (),
    documents: Iterable[Note] = (),
    hashes: Iterable[bytes] = (),
) -> Evidence:
    """Makes evidence of two notes in any order; `bytes()` of it is the file. Verifies nothing.

    Give checkpoints with verified lines alone: `SignedCheckpoint.verified_note`. Give `documents` from the first where there are any, else the log `keys`
    that have signed; as `hashes`, those of `TileHashes.prove_prefix` in the larger tree. Raises InvalidEvidence.
    """
    try:
        ordered = sorted((one, other), key=_place_of)
        stripped = tuple(_strip_documents(documents))
    except (InvalidCheckpoint, InvalidOperations, InvalidNote) as e:
        raise InvalidEvidence(f"not evidence: {e}") from None
    listed = tuple(sorted(set(keys), key=str))
    return Evidence(ordered[0], ordered[1], listed, stripped, tuple(hashes))


def _strip_documents(notes: Iterable[Note]) -> Iterator[Note]:
    """Keeps one line of each key that had to sign: a log could add lines until no evidence against it fits."""
    previous: Operations | None = None
    for note in notes:
        document = Operations.parse(note.text)
        yield strip_operations(note, document, previous)
        previous = document


def _place_of(note: Note) -> tuple[int, bytes]:
    checkpoint = Checkpoint.parse(note.text)
    return checkpoint.size, checkpoint.root
