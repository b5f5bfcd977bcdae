"""Signed notes: a text, and one or more signatures. https://c2sp.org/signed-note@v1.0.0"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, Self

from federation.errors import InvalidKey, InvalidNote, UntrustedNote
from federation.tlog.ed25519 import is_signed
from federation.tlog.keys import KEY_ID_BYTES, KeyKind, PrivateKey, VerifierKey, check_key_name
from federation.tlog.text import check_text, decode_base64, encode_base64

MAX_NOTE_BYTES: Final = 64 * 1024
MAX_SIGNATURES: Final = 100

_DASH: Final = "\u2014 "


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: the key's name, its id, and the signature (any length but zero)."""

    name: str
    key_id: bytes
    payload: bytes

    def __post_init__(self) -> None:
        try:
            check_key_name(self.name)
        except ValueError as e:
            raise InvalidNote(f"not a signature line: {e}") from None
        if len(self.key_id) != KEY_ID_BYTES or not self.payload:
            raise InvalidNote("not a signature line: the signature is shorter than a key's id and one byte")

    def __str__(self) -> str:
        """The line without its newline."""
        return f"{_DASH}{self.name} {encode_base64(self.key_id + self.payload)}"

    @classmethod
    def parse(cls, line: str) -> Self:
        """Parses one line without its newline. Raises InvalidNote."""
        if len(line) > MAX_NOTE_BYTES:
            raise InvalidNote(f"not a signature line: it is longer than {MAX_NOTE_BYTES} bytes")
        if not line.startswith(_DASH):
            raise InvalidNote("not a signature line: it does not start with a dash and a space")
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        try:
            decoded = decode_base64(encoded)
        except ValueError as e:
            raise InvalidNote(f"not a signature line: {e}") from None
        return cls(name, decoded[:KEY_ID_BYTES], decoded[KEY_ID_BYTES:])


@dataclass(frozen=True, slots=True)
class Note:
    """A well-formed note. Not trusted: nothing in it is to be believed before `open_note`."""

    text: str
    """Ends in a newline."""
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        try:
            check_text(self.text)
        except ValueError as e:
            raise InvalidNote(f"not a note: {e}") from None
        if not self.text.endswith("\n"):
            raise InvalidNote("not a note: the text does not end in a newline")
        if not 1 <= len(self.signatures) <= MAX_SIGNATURES:
            raise InvalidNote(f"not a note: it does not have 1 to {MAX_SIGNATURES} signatures")
        if len(bytes(self)) > MAX_NOTE_BYTES:
            raise InvalidNote(f"not a note: it is longer than {MAX_NOTE_BYTES} bytes")

    def __bytes__(self) -> bytes:
        return "\n".join([self.text, *map(str, self.signatures), ""]).encode()

    def signed_also(self, signatures: Iterable[Signature]) -> "Note":
        """Returns the note with more signature lines, each once. Raises InvalidNote where it grows too large."""
        return Note(self.text, tuple(dict.fromkeys([*self.signatures, *signatures])))


def parse_note(data: bytes) -> Note:
    """Parses a note, verifying nothing. Raises InvalidNote.

    The text ends at the last empty line, so it may hold empty lines itself.
    """
    if len(data) > MAX_NOTE_BYTES:
        raise InvalidNote(f"not a note: it is longer than {MAX_NOTE_BYTES} bytes")
    try:
        decoded = data.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidNote("not a note: it is not UTF-8") from None
    text, separator, lines = decoded.rpartition("\n\n")
    if not separator:
        raise InvalidNote("not a note: no empty line ends the text")
    return Note(text + "\n", _parse_lines(lines))


def parse_signatures(data: bytes) -> tuple[Signature, ...]:
    """Parses signature lines that stand alone, as a witness answers them. Raises InvalidNote.

    https://c2sp.org/tlog-witness@v1.0.0#add-checkpoint
    """
    if len(data) > MAX_NOTE_BYTES:
        raise InvalidNote(f"not signature lines: they are longer than {MAX_NOTE_BYTES} bytes")
    try:
        return _parse_lines(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise InvalidNote("not signature lines: they are not UTF-8") from None


def _parse_lines(lines: str) -> tuple[Signature, ...]:
    split = lines.split("\n", MAX_SIGNATURES + 1)
    if len(split) < 2 or split[-1]:
        raise InvalidNote(f"not 1 to {MAX_SIGNATURES} signature lines that end in a newline")
    return tuple(Signature.parse(line) for line in split[:-1])


class Verifier(Protocol):
    """A key that verifies signature lines."""

    @property
    def vkey(self) -> VerifierKey: ...

    def is_valid(self, text: bytes, payload: bytes) -> bool:
        """Tells whether `payload`, from a line of this key's name and id, is valid for the note text."""
        ...


@dataclass(frozen=True, slots=True)
class NoteVerifier:
    """Verifies signatures of kind 0x01 over the text of a note."""

    vkey: VerifierKey

    def __post_init__(self) -> None:
        if self.vkey.kind is not KeyKind.NOTE:
            raise InvalidKey(f"{self.vkey.name} is not a key that signs notes")

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Parses the verifier key of a log. Raises InvalidKey."""
        return cls(VerifierKey.parse(vkey))

    def is_valid(self, text: bytes, payload: bytes) -> bool:
        return is_signed(self.vkey.public_key, text, payload)


def sign_text(text: str, key: PrivateKey) -> Signature:
    """Signs a text, with kind 0x01. Raises InvalidKey if `key` is of another kind, InvalidNote on a bad text."""
    if key.kind is not KeyKind.NOTE:
        raise InvalidKey(f"{key.name} is not a key that signs notes")
    try:
        check_text(text)
    except ValueError as e:
        raise InvalidNote(f"not the text of a note: {e}") from None
    return Signature(key.name, key.vkey.key_id, key.seed.sign(text.encode()))


def sign_note(text: str, keys: Sequence[PrivateKey]) -> Note:
    """Signs a note with each of `keys`. Raises as `sign_text` and `Note` do."""
    return Note(text, tuple(sign_text(text, key) for key in keys))


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A note with at least one verified signature, and no false one of a known key."""

    text: str
    verified: tuple[Signature, ...]
    unknown: tuple[Signature, ...]
    """Lines of unknown keys. Not trusted: do not store them as if they were verified."""

    def is_signed_by(self, vkey: VerifierKey) -> bool:
        return any(line.name == vkey.name and line.key_id == vkey.key_id for line in self.verified)


def open_note(note: Note, verifiers: Iterable[Verifier]) -> OpenedNote:
    """Verifies every line of a known key. Raises UntrustedNote.

    A line is known when a verifier has both its name and its key id. A note with a known line
    that is false, or without any known line, is refused.
    https://c2sp.org/signed-note@v1.0.0#signatures
    """
    known = {(verifier.vkey.name, verifier.vkey.key_id): verifier for verifier in verifiers}
    text = note.text.encode()
    verified: list[Signature] = []
    unknown: list[Signature] = []
    for line in note.signatures:
        verifier = known.get((line.name, line.key_id))
        if verifier is None:
            unknown.append(line)
        elif verifier.is_valid(text, line.payload):
            verified.append(line)
        else:
            raise UntrustedNote(f"the signature of {line.name} is wrong")
    if not verified:
        raise UntrustedNote("no key that we know has signed this note")
    return OpenedNote(note.text, tuple(verified), tuple(unknown))
