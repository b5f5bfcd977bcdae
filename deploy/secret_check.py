"""Checks for `passerelle doctor` which secret files are unsafe, and how to mend them."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from deploy.database import data_folder
from deploy.findings import Finding
from deploy.wiring.log import key_folder
from deploy.wiring.vault import VAULT_FOLDER
from directory.networks.bluesky.client_key_file import ClientKeyFile
from directory.secret_files import MissingSecret, SecretFileError, SecretFolder
from directory.settings import Settings
from directory.vault import KEY_FILE_NAME
from directory.vault_keys import KeyFile

NAME: Final = "Secret files"
RESTORE: Final = "Put it back from the backup of the folder."


def check_secret_files(settings: Settings) -> Iterator[Finding]:
    """Checks every file in the folders of keys and of the vault. Makes and changes nothing.

    What the log's keys contain is checked with the log.
    """
    vault = data_folder(settings) / VAULT_FOLDER
    keys = key_folder(settings)
    wrong = keys.find_unsafe() + SecretFolder(path=vault, lost=RESTORE).find_unsafe()
    wrong = wrong or _find_damaged(vault)
    for error in wrong:
        yield Finding(NAME, False, error.seen, error.mend)
    if not wrong:
        is_begun = keys.path.exists() or vault.exists()
        yield Finding(
            NAME, True, "for their owner alone" if is_begun else "none yet; the first start makes them"
        )


def _find_damaged(vault: Path) -> list[SecretFileError]:
    wrong: list[SecretFileError] = []
    for read in (KeyFile(vault / KEY_FILE_NAME).read, ClientKeyFile(vault).read):
        try:
            with suppress(MissingSecret):  # whether one is needed, the start knows
                read()
        except SecretFileError as error:
            wrong.append(error)
    return wrong
