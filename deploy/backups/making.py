"""Makes a backup of an instance into one file, while it runs."""

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from deploy.backups.archive import Archive, ArchiveWriter, check_archive, new_file
from deploy.backups.blocking import held
from deploy.backups.contents import DUMP, FORMAT, VAULT, Description
from deploy.backups.dumping import Moment, dump, moment_of
from deploy.backups.errors import BackupError
from deploy.backups.secret_copies import Secrets, read_secrets
from deploy.database import data_folder
from deploy.wiring.log import key_folder
from directory.clock import Clock
from directory.secret_files import SecretFileError
from directory.settings import Settings
from directory.vault import KEY_FILE_NAME
from federation.keys.instance import log_origin
from web.version import VERSION


class Telling(Protocol):
    """Is told what is under way, for whoever waits."""

    def begin(self, what: str, total: int | None = None) -> None:
        """Something else begins; `total` are its bytes where they are known."""

    def advance(self, count: int) -> None:
        """So many bytes more are done."""


@dataclass(frozen=True, slots=True)
class Made:
    """A finished backup."""

    archive: Archive
    recovery_keys: list[Path]
    """Files with a recovery key that are still on this machine, and so in the backup."""
    lacking: list[str]
    """What the instance has to have and this machine does not, one clause each: the backup lacks it."""


def make_backup(settings: Settings, dsn: str, path: Path, clock: Clock, telling: Telling) -> Made:
    """Makes a backup. Durable once it returns; nothing is left where it fails. What was written is read and checked before
    it gets its name. Raises BackupError, SecretFileError, DirectoryUnavailable, OSError."""
    with new_file(path) as (file, draft):
        before = read_secrets(data_folder(settings))
        writer = ArchiveWriter(file, int(clock.now().timestamp()))
        moment = _write_dump(writer, dsn, telling)
        # A vault that was rotated meanwhile does not open what the dump holds.
        if read_secrets(data_folder(settings)) != before:
            raise BackupError("keys or vault have changed meanwhile: no backup was made, run it again")
        _write_secrets(writer, before)
        writer.finish(_describe(settings, writer, moment, clock))
        file.flush()
        telling.begin("Checking", file.tell())
        archive = check_archive(draft, telling.advance)
    lacking = _find_lacking(settings, before) if moment.leaves or before else []
    return Made(replace(archive, path=path), key_folder(settings).list_recovery_keys(), lacking)


def _find_lacking(settings: Settings, found: Secrets) -> list[str]:
    lacking = []
    try:
        key_folder(settings).read()
    except SecretFileError as error:
        lacking.append(error.seen)
    if KEY_FILE_NAME not in found.get(VAULT, {}):
        lacking.append(f"the key file {data_folder(settings) / VAULT / KEY_FILE_NAME} is missing")
    return lacking


def _write_dump(writer: ArchiveWriter, dsn: str, telling: Telling) -> Moment:
    telling.begin("Counting")
    with held(moment_of(dsn)) as moment:
        telling.begin("Dumping the database")
        with closing(dump(dsn, moment, telling.advance)) as chunks:
            writer.add(DUMP, chunks)
    return moment


def _write_secrets(writer: ArchiveWriter, found: Secrets) -> None:
    for folder, files in found.items():
        for name, content in files.items():
            writer.add(f"{folder}/{name}", [content])


def _describe(settings: Settings, writer: ArchiveWriter, moment: Moment, clock: Clock) -> Description:
    return Description(
        FORMAT,
        VERSION,
        clock.now(),
        log_origin(settings),
        moment.leaves,
        moment.migrations,
        moment.rows,
        dict(writer.members),
    )
