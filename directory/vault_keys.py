"""The vault's key ring: one small file in the data folder, of mode 0600, never in the database.

Trusted: whoever can read it and a copy of the database can act for every member at the networks. Keep it
out of the backups of the database, and in one of its own: without it what is sealed is lost.
"""

import base64
import binascii
import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, NoReturn

import msgspec
from nacl.secret import SecretBox

from directory.errors import DirectoryError

KEY_BYTES: Final = SecretBox.KEY_SIZE
KEY_ID_BYTES: Final = 4
MAX_KEY_FILE_BYTES: Final = 65_536
KEY_FILE_MODE: Final = 0o600
OTHERS: Final = 0o077


class VaultError(DirectoryError):
    """Something about sealing went wrong. Its text never holds a key or a secret."""


class UnsafeKeyFile(VaultError):
    """The key file could be read or replaced by others, or is no key file; nothing was read from it."""


class MissingKeyFile(VaultError):
    """There is no key file though things are sealed: a new one would not open them."""


class UnknownKey(VaultError):
    """Something is sealed under a key that the ring does not hold."""


@dataclass(frozen=True, slots=True, repr=False)
class VaultKey:
    """One key. Its id is no secret: it stands before each sealed message."""

    id: bytes
    created: datetime
    secret: bytes

    def __repr__(self) -> str:
        return f"VaultKey({self.id.hex()})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is never pickled")


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys, the newest first: it seals; the others only open."""

    keys: tuple[VaultKey, ...]

    @property
    def current(self) -> VaultKey:
        return self.keys[0]

    def find(self, key_id: bytes) -> VaultKey:
        """Raises UnknownKey."""
        for key in self.keys:
            if key.id == key_id:
                return key
        raise UnknownKey(f"the key {key_id.hex()} is not in the vault's key file")

    def with_new_key(self, now: datetime) -> "KeyRing":
        """The ring with a fresh key in front."""
        taken = {key.id for key in self.keys}
        key_id = secrets.token_bytes(KEY_ID_BYTES)
        while key_id in taken:
            key_id = secrets.token_bytes(KEY_ID_BYTES)
        return KeyRing((VaultKey(key_id, now, secrets.token_bytes(KEY_BYTES)), *self.keys))


class _KeyWire(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    created: datetime
    key: str


class _RingWire(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    keys: list[_KeyWire]


_VERSION: Final = 1
_decoder: Final = msgspec.json.Decoder(_RingWire)


class KeyFile:
    """The key ring on disk. Other processes may rotate it: `read` notices."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._ring = KeyRing(())

    def exists(self) -> bool:
        return self.path.exists()

    def create(self, now: datetime) -> None:
        """Makes the file with one key; nothing where it exists. Durable once it returns."""
        with self._locked():
            if not self.exists():
                self._write(KeyRing(()).with_new_key(now))

    def read(self) -> KeyRing:
        """The ring as it is now. Raises MissingKeyFile, UnsafeKeyFile."""
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            raise MissingKeyFile(f"the vault's key file {self.path} is missing") from None
        except OSError as error:
            raise UnsafeKeyFile(
                f"the vault's key file {self.path} cannot be opened: {error.strerror}"
            ) from None
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            self._check(status)
            if seen != self._seen:
                self._ring = self._parse(file.read(MAX_KEY_FILE_BYTES + 1))
                self._seen = seen
        return self._ring

    def change(self, edit: Callable[[KeyRing], KeyRing]) -> KeyRing:
        """Replaces the ring in one step, alone. Durable once it returns."""
        with self._locked():
            ring = edit(self.read())
            self._write(ring)
        return self.read()

    def _check(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise UnsafeKeyFile(f"the vault's key file {self.path} is not a plain file")
        if status.st_uid != os.geteuid():
            raise UnsafeKeyFile(f"the vault's key file {self.path} belongs to another user")
        if status.st_mode & OTHERS:
            raise UnsafeKeyFile(f"others may read the vault's key file {self.path}: set its mode to 0600")

    def _parse(self, content: bytes) -> KeyRing:
        # Errors of the parsers quote what they read, which is keys: they are not chained.
        try:
            wire = _decoder.decode(content)
            keys = tuple(_key_of(each) for each in wire.keys)
        except (ValueError, binascii.Error):
            keys = ()
        if not keys or wire.version != _VERSION or len({key.id for key in keys}) != len(keys):
            raise UnsafeKeyFile(f"{self.path} is not a key file of the vault") from None
        return KeyRing(keys)

    def _write(self, ring: KeyRing) -> None:
        keys = [_KeyWire(k.id.hex(), k.created, base64.b64encode(k.secret).decode()) for k in ring.keys]
        content = msgspec.json.format(msgspec.json.encode(_RingWire(_VERSION, keys)))
        draft = self.path.with_name(f"{self.path.name}.new")
        draft.unlink(missing_ok=True)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, KEY_FILE_MODE)
        with os.fdopen(fd, "wb") as file:
            file.write(content + b"\n")
            file.flush()
            os.fsync(fd)
        draft.replace(self.path)
        _sync_folder(self.path.parent)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self.path.with_name(f"{self.path.name}.lock")
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, KEY_FILE_MODE)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


def _key_of(wire: _KeyWire) -> VaultKey:
    key_id, secret = bytes.fromhex(wire.id), base64.b64decode(wire.key, validate=True)
    if len(key_id) != KEY_ID_BYTES or len(secret) != KEY_BYTES or wire.created.tzinfo is None:
        raise ValueError
    return VaultKey(key_id, wire.created, secret)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
