"""Verifier keys (vkeys) and private keys, as texts. https://c2sp.org/signed-note#verifier-keys"""

import enum
import hashlib
import re
from dataclasses import dataclass, field
from typing import Final, Self

from federation.errors import InvalidKey
from federation.tlog.ed25519 import PUBLIC_KEY_BYTES, Seed, is_public_key
from federation.tlog.text import check_text, decode_base64, encode_base64

KEY_ID_BYTES: Final = 4
MAX_KEY_NAME_BYTES: Final = 255
MAX_KEY_CHARS: Final = 1_024

_PRIVATE: Final = "PRIVATE+KEY+"
_NOT_IN_NAME = re.compile(r"[\s+]")
_HEX_ID = re.compile(r"[0-9a-f]{8}")


class KeyKind(enum.IntEnum):
    """The signature type byte. One Ed25519 key must never serve as two kinds."""

    NOTE = 0x01
    """Signs the text of a note; the kind of a log's own key."""
    COSIGNATURE = 0x04
    """Signs a checkpoint with the time; the kind of a witness's key."""


def check_key_name(name: str) -> None:
    """Checks a key's name: not empty, no Unicode space, no `+`, no control character. Raises ValueError.

    https://c2sp.org/signed-note#format
    """
    check_text(name)
    if not name or _NOT_IN_NAME.search(name):
        raise ValueError("a key's name is empty, or holds a space or a plus sign")


def compute_key_id(name: str, kind: int, public_key: bytes) -> bytes:
    """Computes the four bytes that, with the name, tell which key made a signature."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public_key).digest()[:KEY_ID_BYTES]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key under a name. Written as `name+hex(key id)+base64(kind || public key)`."""

    name: str
    kind: KeyKind
    public_key: bytes
    key_id: bytes = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        try:
            check_key_name(self.name)
        except ValueError as e:
            raise InvalidKey(f"not a verifier key: {e}") from None
        if len(self.name.encode()) > MAX_KEY_NAME_BYTES:
            raise InvalidKey(f"not a verifier key: its name is longer than {MAX_KEY_NAME_BYTES} bytes")
        if len(self.public_key) != PUBLIC_KEY_BYTES:
            raise InvalidKey("not a verifier key: it is not 32 bytes long")
        if not is_public_key(self.public_key):
            raise InvalidKey("not a verifier key: its 32 bytes are no public key of Ed25519")
        object.__setattr__(self, "key_id", compute_key_id(self.name, self.kind, self.public_key))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses a verifier key. Raises InvalidKey, also on kinds of key that we do not use."""
        try:
            name, kind, key_id, public_key = _split_key(text)
            key = cls(name, kind, public_key)
        except ValueError as e:
            raise InvalidKey(f"not a verifier key: {e}") from None
        if key.key_id != key_id:
            raise InvalidKey("not a verifier key: its id is not the one of this key")
        return key

    def __str__(self) -> str:
        encoded = encode_base64(bytes([self.kind]) + self.public_key)
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 over kind and public key, 32 bytes: what two people compare aloud."""
        return hashlib.sha256(bytes([self.kind]) + self.public_key).digest()


@dataclass(frozen=True, slots=True, eq=False)
class PrivateKey:
    """A key that signs, under a name. Trusted: whoever holds it can sign as `name`."""

    name: str
    kind: KeyKind
    seed: Seed = field(repr=False)

    @classmethod
    def generate(cls, name: str, kind: KeyKind) -> Self:
        """Generates a key. Raises InvalidKey on a name that no key can have."""
        key = cls(name, kind, Seed.generate())
        _ = key.vkey
        return key

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses `PRIVATE+KEY+name+hex(key id)+base64(kind || seed)`.

        Raises InvalidKey, which never quotes the text.
        """
        if len(text) > MAX_KEY_CHARS:
            raise InvalidKey(f"not a private key: it is longer than {MAX_KEY_CHARS} characters")
        if not text.startswith(_PRIVATE):
            raise InvalidKey("not a private key: it does not start as one")
        try:
            name, kind, key_id, seed = _split_key(text.removeprefix(_PRIVATE))
            key = cls(name, kind, Seed(seed))
        except ValueError as e:
            raise InvalidKey(f"not a private key: {e}") from None
        if key.vkey.key_id != key_id:
            raise InvalidKey("not a private key: its id is not the one of this key")
        return key

    def reveal(self) -> str:
        """Returns the secret itself, as `parse` reads it. For the key file, and nowhere else."""
        encoded = encode_base64(bytes([self.kind]) + bytes(self.seed))
        return f"{_PRIVATE}{self.name}+{self.vkey.key_id.hex()}+{encoded}"

    @property
    def vkey(self) -> VerifierKey:
        return VerifierKey(self.name, self.kind, self.seed.public_key)


def _split_key(text: str) -> tuple[str, KeyKind, bytes, bytes]:
    # The base64 may hold a plus sign itself: split from the left, at most twice.
    if len(text) > MAX_KEY_CHARS:
        raise ValueError(f"it is longer than {MAX_KEY_CHARS} characters")
    parts = text.split("+", 2)
    if len(parts) != 3 or not _HEX_ID.fullmatch(parts[1]):
        raise ValueError("it is not name, id and key joined by plus signs")
    key = decode_base64(parts[2])
    return parts[0], KeyKind(key[0] if key else 0), bytes.fromhex(parts[1]), key[1:]
