"""Reads the secret files for a backup, and puts those of a backup in their places.

Keys that are there stay: they may be newer than the backup, and what is missing beside them is added. A vault that is
there belongs to the database that is replaced: it is kept under another name.
"""

import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from deploy.backups.contents import VAULT, max_bytes, place_of
from deploy.backups.errors import BackupError
from directory.secret_files import SecretFolder, sync_folder
from federation.keys.instance import PEER_FILE, RECOVERY_KEY_FILES, WITNESS_FILE

Secrets = dict[str, dict[str, bytes]]
"""The content of secret files, by folder and name."""
_DRAFTS: Final = ".restoring-"
_TIME: Final = "%Y%m%dT%H%M%SZ"
_OF_THE_INSTANCE: Final = (WITNESS_FILE, PEER_FILE)
"""The keys that never change: they tell whose a folder is."""


def read_secrets(data: Path) -> Secrets:
    """Reads all that a backup holds of the keys and the vault. Raises SecretFileError, OSError."""
    return {
        folder.name: _read(folder)
        for folder in sorted(data.iterdir())
        if folder.is_dir() and place_of(f"{folder.name}/a") is not None
    }


def _read(path: Path) -> dict[str, bytes]:
    folder = _folder(path)
    names = sorted(file.name for file in path.iterdir())
    return {name: folder.read(name) for name in names if place_of(f"{path.name}/{name}") is not None}


def _folder(path: Path, kind: str | None = None) -> SecretFolder:
    return SecretFolder(path=path, max_bytes=max_bytes(kind or path.name))


@dataclass(slots=True)
class Placing:
    """The secret files of a backup, written beside their places."""

    data: Path
    now: datetime
    drafts: dict[str, Path] = field(default_factory=dict)
    added: Secrets = field(default_factory=dict)
    aside: Path | None = None
    """Where the former vault is kept."""

    def place(self) -> None:
        """Puts all in its place: renames, and the few files that were missing beside others."""
        vault = self.data / VAULT
        if VAULT in self.drafts and vault.exists():
            self.aside = self.data / f"{VAULT}-before-{self.now:{_TIME}}"
            vault.rename(self.aside)
        for name, draft in self.drafts.items():
            draft.rename(self.data / name)
        sync_folder(self.data)
        for folder, files in self.added.items():
            for name, content in files.items():
                _folder(self.data / folder).add(name, content)


@contextmanager
def drafted(data: Path, wanted: Mapping[str, Mapping[str, bytes]], now: datetime) -> Iterator[Placing]:
    """Writes the secret files of a backup beside their places; `place` puts them there. What was not placed by the end of
    the block is removed. Raises BackupError where the keys of another instance are there, SecretFileError, OSError."""
    for left in data.glob(f"{_DRAFTS}*"):
        shutil.rmtree(left)  # of a run that was killed
    placing = Placing(data, now)
    try:
        for name, files in wanted.items():
            _prepare(placing, name, files)
        yield placing
    finally:
        for draft in placing.drafts.values():
            shutil.rmtree(draft, ignore_errors=True)


def _prepare(placing: Placing, name: str, files: Mapping[str, bytes]) -> None:
    path = placing.data / name
    if not path.is_dir():
        _draft(placing, name, files)
        return
    there = _read(path)
    if name == VAULT:
        if there != files:
            _draft(placing, name, files)
        return
    _check_same(path, there, files)
    # The operator has taken a recovery key off this machine for good.
    missing = {each for each in files.keys() - there.keys() if not Path(each).match(RECOVERY_KEY_FILES)}
    placing.added[name] = {each: files[each] for each in missing}


def _draft(placing: Placing, name: str, files: Mapping[str, bytes]) -> None:
    draft = placing.data / f"{_DRAFTS}{name}-{secrets.token_hex(8)}"
    placing.drafts[name] = draft
    _folder(draft, name).make(files)


def _check_same(path: Path, there: Mapping[str, bytes], files: Mapping[str, bytes]) -> None:
    for name in _OF_THE_INSTANCE:
        if name in there and name in files and there[name] != files[name]:
            raise BackupError(
                f"the keys in {path} are not those of the backup: move that folder aside first, where it is of an"
                " instance that was only tried out. Nothing was changed"
            )
