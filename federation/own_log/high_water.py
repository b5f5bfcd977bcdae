"""The largest tree that this instance meant to sign, kept in a file beside the keys.

It is written before each signature. A database from a backup, or a second copy of it, is then found out: it is
older than the mark, or has not grown out of it, and to sign what it holds would fork the log.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from directory.secret_files import MissingKeys, read_file, replace_file
from federation.errors import LogRefused, LogWaits, Malformed
from federation.tlog.checkpoint import Checkpoint

MARK_FILE: Final = "signed.checkpoint"
RESTORE: Final = (
    "Stop the instance and restore a newer copy of its database, one that holds all that was signed"
    ' (docs/operations.md, "A database from a backup").'
)


class SignedMark:
    """Trusted: whoever can set it back can, with a database from a backup, make this instance fork its own log."""

    def __init__(self, keys_folder: Path) -> None:
        self._folder = keys_folder
        self._path = keys_folder / MARK_FILE

    def read(self) -> Checkpoint | None:
        """None before the first signature. Raises LogRefused, UnsafeKeys."""
        try:
            text = read_file(self._path)
        except MissingKeys:
            return None
        try:
            return Checkpoint.parse(text + "\n")
        except Malformed as error:
            raise LogRefused(f"{self._path} cannot be read: {error}") from error

    def swap(self, before: Checkpoint | None, staged: Checkpoint) -> None:
        """Compare and swap: from here on nothing but `staged` is signed of this size, and nothing smaller.

        Raises LogWaits where another process came first, or the file cannot be written; durable once it returns.
        """
        try:
            with self._alone():
                mark = self.read()
                if mark == staged:
                    return
                if mark != before:
                    raise LogWaits("another process has signed at the same time")
                replace_file(self._path, str(staged).removesuffix("\n"))
        except BlockingIOError as error:
            raise LogWaits("another process is signing at this moment") from error
        except OSError as error:
            raise LogWaits(f"{self._path} cannot be written: {error.strerror or error}") from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process of this machine at a time; a killed one holds nothing, and what it left half is removed."""
        fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # never waits: a web server may run on this thread
            for left in self._folder.glob(f".{MARK_FILE}-*"):
                left.unlink(missing_ok=True)
            yield
        finally:
            os.close(fd)


def check_size(mark: Checkpoint | None, origin: str, size: int) -> None:
    """Raises LogRefused where a database with `size` leaves of `origin` does not hold all that was signed."""
    if mark is None:
        return
    if mark.origin != origin:
        raise LogRefused(f"the keys were used for the log {mark.origin}, and the database holds {origin}")
    if mark.size > size:
        raise LogRefused(
            f"the database is older than what this instance has signed: it holds {size} leaves, and"
            f" {mark.size} were signed. It seems to come from a backup",
            mend=RESTORE,
        )
