"""Every secret file of the product: where it lies, and how the product reads and replaces it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from directory.networks.bluesky.client_key_file import CLIENT_KEYS_FILE, ClientKeyFile
from directory.secret_files import SecretFolder
from directory.vault import KEY_FILE_NAME, Vault
from directory.vault_keys import KeyFile
from federation.keys.instance import (
    LOG_FILE,
    MARK_FILE,
    PEER_FILE,
    RECOVERY_FILE,
    RECOVERY_KEY_FILE,
    WITNESS_FILE,
    KeyFolder,
)
from federation.own_log.high_water import SignedMark
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.keys import KeyKind, PrivateKey

HOST: Final = "one.example"
ORIGIN: Final = "one.example/log"
NOW: Final = datetime(2026, 11, 1, 12, tzinfo=UTC)
KEYS: Final = "keys"
VAULT: Final = "vault"


@dataclass(frozen=True)
class Secret:
    """One file below the data folder. `read` and `write` are what the product does with it; `write` does not say
    what was there before."""

    folder: str
    name: str
    read: Callable[[Path], object] | None
    write: Callable[[Path], object] | None = None
    is_text: bool = True

    def path(self, data: Path) -> Path:
        return data / self.folder / self.name

    def uses(self, data: Path) -> list[Callable[[], object]]:
        """Each way in which the product opens it."""
        return [partial(each, data) for each in (self.read, self.write) if each is not None]

    def __str__(self) -> str:
        return self.name


def read_keys(data: Path) -> object:
    return KeyFolder(data).read()


def add_log_key(data: Path) -> object:
    """Another file: but what is wrong with the folder must not go unseen."""
    read_keys(data)
    return KeyFolder(data).add_log_key(ORIGIN)


def read_mark(data: Path) -> object:
    return SignedMark(data / KEYS).read()


def swap_mark(data: Path) -> None:
    SignedMark(data / KEYS).swap(mark(1), mark(2))


def mark(size: int) -> Checkpoint:
    return Checkpoint(ORIGIN, size, bytes([size]) * 32)


def put_recovery_key(data: Path) -> object:
    """Beside one that is there, which may be in force."""
    return KeyFolder(data).put_recovery_key(PrivateKey.generate(f"{HOST}/recovery", KeyKind.NOTE))


def read_ring(data: Path) -> object:
    return KeyFile(data / VAULT / KEY_FILE_NAME).read()


def rotate_ring(data: Path) -> object:
    return KeyFile(data / VAULT / KEY_FILE_NAME).change(lambda ring: ring.with_new_key(NOW))


def read_client_keys(data: Path) -> object:
    return ClientKeyFile(data / VAULT).read_or_make()


SECRETS: Final = (
    Secret(KEYS, LOG_FILE, read_keys, add_log_key),
    Secret(KEYS, WITNESS_FILE, read_keys, add_log_key),
    Secret(KEYS, PEER_FILE, read_keys, add_log_key),
    Secret(KEYS, RECOVERY_FILE, read_keys, add_log_key),
    Secret(KEYS, MARK_FILE, read_mark, swap_mark),
    Secret(KEYS, RECOVERY_KEY_FILE, None, put_recovery_key),
    Secret(VAULT, KEY_FILE_NAME, read_ring, rotate_ring, is_text=False),
    Secret(VAULT, CLIENT_KEYS_FILE, read_client_keys, is_text=False),
)


def make_all(data: Path) -> None:
    """An instance that was started, has signed, and still has its recovery key."""
    assert KeyFolder(data).make(HOST)
    beside = SignedMark(data / KEYS)
    beside.swap(beside.read(), mark(1))
    put_recovery_key(data)
    SecretFolder(path=data / VAULT).ensure()
    Vault.open(data / VAULT, now=NOW, may_create=True)
    read_client_keys(data)
