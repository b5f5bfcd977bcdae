"""The client keys for Bluesky's servers. The instance publishes them, so all its machines must have the same."""

from datetime import datetime
from pathlib import Path
from typing import Final

from directory.networks.bluesky.client import ClientKeys
from directory.networks.bluesky.client_key_file import CLIENT_KEYS_FILE, ClientKeyFile
from directory.secret_files import SecretFileError
from directory.store.database import Connection
from directory.store.instance_identity import KnownSecret, find_known_secret, record_secret
from directory.vault_keys import MissingKeyFile, VaultError

CLIENT_KEYS: Final = "bluesky-client"
MEND: Final = "Copy the folder from the machine that has it, or put it back from its backup."


class OtherClientKeys(VaultError, SecretFileError):
    """The keys on this machine are not those that the instance publishes."""


async def check_client_keys(connection: Connection, folder: Path) -> None:
    """Checks the client keys, and makes nothing; the caller holds the lock.

    Raises OtherClientKeys, MissingKeyFile, UnsafeSecret.
    """
    known = await find_known_secret(connection, CLIENT_KEYS)
    if known is None:
        return
    file, path = ClientKeyFile(folder), folder / CLIENT_KEYS_FILE
    if not file.exists():
        raise MissingKeyFile(
            f"{path} is missing, and this instance has such keys (last seen in {known.place})", MEND
        )
    if file.read().fingerprint != known.fingerprint:
        raise OtherClientKeys(
            f"{path} holds other keys than this instance publishes (last seen in {known.place})", MEND
        )


async def keep_client_keys(connection: Connection, folder: Path, now: datetime) -> ClientKeys:
    """Makes the client keys of a new instance, or reads the existing ones, and records them; called after
    `check_client_keys`."""
    keys = ClientKeyFile(folder).read_or_make()
    await record_secret(connection, CLIENT_KEYS, KnownSecret.seen_in(folder, keys.fingerprint), now)
    return keys
