"""Seals the secrets that networks give us, so that the database alone reveals none.

A sealed message is `0x01 || key id[4] || nonce[24] || SecretBox(SHA-256(context)[32] || secret)`. The context names
the kind of row and the row that the secret belongs to: a sealed message that was moved to another row cannot be
opened there.
"""

import hashlib
import hmac
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NoReturn, Self
from uuid import UUID

import msgspec
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from directory.vault_keys import KEY_ID_BYTES, LOST, KeyFile, KeyRing, MissingKeyFile, VaultError

VERSION: Final = b"\x01"
HEADER_BYTES: Final = len(VERSION) + KEY_ID_BYTES
CONTEXT_BYTES: Final = 32
MAX_SECRET_BYTES: Final = 65_536
KEY_FILE_NAME: Final = "vault.keys"
MEND_VAULT: Final = "put the folder `vault` of the data back from its backup"
"""Tells the operator what to do where a key is missing."""
RETIRE_AFTER: Final = timedelta(days=1)
"""How long a key is kept after its successor was added: by then all that was sealed under it is stored."""


class BrokenSeal(VaultError):
    """A sealed message was altered, cut, moved to another row, or never was one."""


class Secret:
    """Bytes that never appear in a repr, a log, an error or a pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        """Raises VaultError where it is longer than 64 KiB."""
        if len(value) > MAX_SECRET_BYTES:
            raise VaultError(f"a secret is longer than {MAX_SECRET_BYTES} bytes")
        self._value = value

    def reveal(self) -> bytes:
        """Returns the bytes: only for the network they belong to."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]  # a secret is no key of a dict

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never pickled")


class Context(msgspec.Struct, frozen=True):
    """The row that a secret belongs to, and its kind."""

    kind: str
    row: UUID

    def digest(self) -> bytes:
        """Returns 32 bytes that no other context has."""
        return hashlib.sha256(f"passerelle/vault/v1/{self.kind}/{self.row}".encode()).digest()


class Vault:
    """Seals and opens under the keys of one file."""

    def __init__(self, keys: KeyFile) -> None:
        self._keys = keys

    @classmethod
    def open(cls, folder: Path, *, now: datetime, may_create: bool) -> Self:
        """Opens the vault of a data folder. With `may_create` it makes the key file where there is none.

        Set `may_create` only for a new instance. Raises MissingKeyFile, UnsafeKeyFile.
        """
        keys = KeyFile(folder / KEY_FILE_NAME)
        if not keys.exists():
            if not may_create:
                raise MissingKeyFile(
                    f"the vault's key file {keys.path} is missing, and the database holds things sealed under it",
                    LOST,
                )
            keys.create(now)
        keys.read()
        return cls(keys)

    @property
    def folder(self) -> Path:
        """The folder of the key file."""
        return self._keys.path.parent

    @property
    def fingerprint(self) -> bytes:
        """The fingerprint of the newest key, by which the database identifies the vault."""
        return self._keys.read().current.fingerprint

    def descends_from(self, fingerprint: bytes) -> bool:
        """Whether a fingerprint is of this vault: of its newest key, or of an earlier one, even if that is retired."""
        ring = self._keys.read()
        return fingerprint in {key.fingerprint for key in ring.keys} or fingerprint in ring.forgotten

    def seal(self, secret: Secret, context: Context) -> bytes:
        """Seals a secret for one row under the newest key."""
        return _seal(self._keys.read(), secret, context)

    def unseal(self, sealed: bytes, context: Context) -> Secret:
        """Opens a message that was sealed for that row. Raises BrokenSeal, UnknownKey."""
        return _unseal(self._keys.read(), sealed, context)

    def reseal(self, sealed: bytes, context: Context) -> bytes:
        """Seals a sealed secret again, under the newest key. Raises BrokenSeal, UnknownKey."""
        return self.seal(self.unseal(sealed, context), context)

    @property
    def header(self) -> bytes:
        """The first bytes of every message sealed under the newest key."""
        return VERSION + self._keys.read().current.id

    def key_ids(self) -> list[str]:
        """Returns the ids of all keys in hex, the newest first."""
        return [key.id.hex() for key in self._keys.read().keys]

    def missing_keys(self, used: set[bytes]) -> list[str]:
        """Returns the ids in hex of the keys that rows in `used` (headers) are sealed under and that the ring lacks."""
        return sorted({header[len(VERSION) :].hex() for header in used} - set(self.key_ids()))

    def add_key(self, now: datetime) -> None:
        """Adds a key, which from now on seals in every process. The older ones still open."""
        self._keys.change(lambda ring: ring.with_new_key(now))

    def retire_keys(self, used: set[bytes], now: datetime) -> list[str]:
        """Retires the keys that no row in `used` (headers) is sealed under and whose successor is a day old.

        Returns their ids in hex.
        """
        before = self.key_ids()
        ids = {header[len(VERSION) :] for header in used}
        self._keys.change(lambda ring: _without_retired(ring, ids, now))
        return [key_id for key_id in before if key_id not in self.key_ids()]


def _without_retired(ring: KeyRing, used: set[bytes], now: datetime) -> KeyRing:
    kept = [ring.current]
    forgotten = list(ring.forgotten)
    for successor, key in zip(ring.keys, ring.keys[1:], strict=False):
        if key.id in used or now - successor.created < RETIRE_AFTER:
            kept.append(key)
        else:
            forgotten.append(key.fingerprint)
    return KeyRing(tuple(kept), tuple(forgotten))


def _seal(ring: KeyRing, secret: Secret, context: Context) -> bytes:
    box = SecretBox(ring.current.secret)
    return VERSION + ring.current.id + box.encrypt(context.digest() + secret.reveal())


def _unseal(ring: KeyRing, sealed: bytes, context: Context) -> Secret:
    if sealed[: len(VERSION)] != VERSION or len(sealed) < HEADER_BYTES:
        raise BrokenSeal(f"what is stored as a secret of a {context.kind} is not sealed")
    box = SecretBox(ring.find(sealed[len(VERSION) : HEADER_BYTES]).secret)
    try:
        opened = box.decrypt(sealed[HEADER_BYTES:])
    except (CryptoError, ValueError):
        raise BrokenSeal(f"a secret of a {context.kind} was altered") from None
    if not hmac.compare_digest(opened[:CONTEXT_BYTES], context.digest()):
        raise BrokenSeal(f"a secret of a {context.kind} belongs to another row")
    return Secret(opened[CONTEXT_BYTES:])
