"""The vault's key ring: one small file in the data folder, of mode 0600, never in the database.

Trusted: whoever can read it and a copy of the database can act for every member at the networks. Keep it out of the
backups of the database, and in a backup of its own: without it all sealed secrets are lost.
"""

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, NoReturn

import msgspec
from nacl.secret import SecretBox

from directory.errors import DirectoryError
from directory.secret_files import MissingSecret, SecretFolder, UnsafeSecret

KEY_BYTES: Final = SecretBox.KEY_SIZE
KEY_ID_BYTES: Final = 4
MAX_KEY_FILE_BYTES: Final = 65_536
LOST: Final = "Put it back from its backup."


class VaultError(DirectoryError):
    """Sealing or opening failed. The text of the error never holds a key or a secret."""


class UnsafeKeyFile(VaultError, UnsafeSecret):
    """The key file could be read or replaced by others, or is no key file; nothing was opened with it."""


class MissingKeyFile(VaultError, MissingSecret):
    """There is no key file though things are sealed: a new one would not open them."""


class UnknownKey(VaultError):
    """Something is sealed under a key that the ring does not hold."""


@dataclass(frozen=True, slots=True, repr=False)
class VaultKey:
    """One key. Its id is no secret: each sealed message begins with it."""

    id: bytes
    created: datetime
    secret: bytes

    @property
    def fingerprint(self) -> bytes:
        """Identifies this key, and reveals nothing of it."""
        return hashlib.sha256(b"passerelle/vault-key/v1\0" + self.secret).digest()

    def __repr__(self) -> str:
        return f"VaultKey({self.id.hex()})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is never pickled")


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys, the newest first: it seals; the others only open. `forgotten` are fingerprints of retired keys,
    so that a database from before a rotation is recognised as belonging to this ring."""

    keys: tuple[VaultKey, ...]
    forgotten: tuple[bytes, ...] = ()

    @property
    def current(self) -> VaultKey:
        return self.keys[0]

    def find(self, key_id: bytes) -> VaultKey:
        """Finds a key by its id. Raises UnknownKey."""
        for key in self.keys:
            if key.id == key_id:
                return key
        raise UnknownKey(f"the key {key_id.hex()} is not in the vault's key file")

    def with_new_key(self, now: datetime) -> "KeyRing":
        """Returns the ring with a new key in front."""
        taken = {key.id for key in self.keys}
        key_id = secrets.token_bytes(KEY_ID_BYTES)
        while key_id in taken:
            key_id = secrets.token_bytes(KEY_ID_BYTES)
        return KeyRing((VaultKey(key_id, now, secrets.token_bytes(KEY_BYTES)), *self.keys), self.forgotten)


class _KeyWire(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    created: datetime
    key: str


class _RingWire(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    keys: list[_KeyWire]
    forgotten: list[str] = []


_VERSION: Final = 1
_decoder: Final = msgspec.json.Decoder(_RingWire)


class KeyFile:
    """The key ring on disk. It is read at each use: other processes may rotate it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._folder = SecretFolder(
            path=path.parent,
            lost=LOST,
            what="the vault's key file",
            max_bytes=MAX_KEY_FILE_BYTES,
            missing=MissingKeyFile,
            unsafe=UnsafeKeyFile,
        )

    def exists(self) -> bool:
        return os.path.lexists(self.path)

    def create(self, now: datetime) -> None:
        """Makes the file with one key where there is none. Durable once it returns. Raises UnsafeKeyFile."""
        self._folder.read_or_make(self.path.name, lambda: _encode(KeyRing(()).with_new_key(now)))

    def read(self) -> KeyRing:
        """Reads the ring. Raises MissingKeyFile, UnsafeKeyFile."""
        return self._parse(self._folder.read(self.path.name))

    def change(self, edit: Callable[[KeyRing], KeyRing]) -> KeyRing:
        """Replaces the ring in one step, with every other writer locked out. Durable once it returns.

        Raises MissingKeyFile, UnsafeKeyFile.
        """
        with self._folder.locked() as folder:
            ring = edit(self._parse(folder.read(self.path.name)))
            folder.replace(self.path.name, _encode(ring))
        return ring

    def _parse(self, content: bytes) -> KeyRing:
        try:
            wire = _decoder.decode(content)
            keys = tuple(_key_of(each) for each in wire.keys)
            forgotten = tuple(bytes.fromhex(each) for each in wire.forgotten)
        except (ValueError, binascii.Error):
            keys, forgotten = (), ()
        # Raised outside of the block: errors of the parsers quote what they read, and that is keys.
        if not keys or wire.version != _VERSION or len({key.id for key in keys}) != len(keys):
            raise self._folder.damaged(self.path.name, "holds no ring of keys")
        return KeyRing(keys, forgotten)


def _encode(ring: KeyRing) -> bytes:
    keys = [_KeyWire(k.id.hex(), k.created, base64.b64encode(k.secret).decode()) for k in ring.keys]
    wire = _RingWire(_VERSION, keys, [each.hex() for each in ring.forgotten])
    return msgspec.json.format(msgspec.json.encode(wire)) + b"\n"


def _key_of(wire: _KeyWire) -> VaultKey:
    key_id, secret = bytes.fromhex(wire.id), base64.b64decode(wire.key, validate=True)
    if len(key_id) != KEY_ID_BYTES or len(secret) != KEY_BYTES or wire.created.tzinfo is None:
        raise ValueError
    return VaultKey(key_id, wire.created, secret)
