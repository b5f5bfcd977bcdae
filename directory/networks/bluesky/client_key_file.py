"""The keys that name this instance to Bluesky's servers, in a secret file.

Trusted: whoever can read or exchange it can be this instance to those servers, and use the tokens of its members.
"""

import os
from pathlib import Path
from typing import Final

from directory.networks.bluesky.client import ClientKeys
from directory.secret_files import SecretFolder

CLIENT_KEYS_FILE: Final = "bluesky-client.keys"
MAX_CLIENT_KEYS_BYTES: Final = 16_384
"""Ten keys are some 3 KB."""
LOST: Final = (
    "Bring it back from its backup, or remove it: the next start makes another, and whoever had signed in with Bluesky"
    " signs in again before they can follow."
)


class ClientKeyFile:
    """The file in a folder of secret files."""

    def __init__(self, folder: Path) -> None:
        self._folder = SecretFolder(
            path=folder, lost=LOST, what="the key file of Bluesky's client", max_bytes=MAX_CLIENT_KEYS_BYTES
        )

    def exists(self) -> bool:
        return os.path.lexists(self._folder.path / CLIENT_KEYS_FILE)

    def read(self) -> ClientKeys:
        """Raises MissingSecret, UnsafeSecret."""
        return self._parse(self._folder.read(CLIENT_KEYS_FILE))

    def read_or_make(self) -> ClientKeys:
        """The keys, which are made at the first start: once, however many processes are first. Raises UnsafeSecret."""
        return self._parse(
            self._folder.read_or_make(CLIENT_KEYS_FILE, lambda: ClientKeys.generate().to_json())
        )

    def _parse(self, content: bytes) -> ClientKeys:
        try:
            keys = ClientKeys.from_json(content)
        except ValueError:
            keys = None
        if keys is None:  # raised here, so that no error of a parser goes along
            raise self._folder.damaged(CLIENT_KEYS_FILE, "holds no such keys")
        return keys
