"""The largest tree that this instance meant to sign, kept in a file beside the keys.

It is made with the keys, of nothing, and written before each signature. A database from a backup, or a second copy of
it, is then found out: it is older than the mark, or has not grown out of it, and to sign what it holds would fork the
log. Without the mark nothing is signed until the operator has confirmed what was (`federation.own_log.confirming`).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from directory.secret_files import SecretFolder
from federation.errors import DatabaseIsOlder, LogRefused, LogWaits, Malformed, MissingKeys, UnsafeKeys
from federation.keys.instance import MARK_FILE
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.text import count_leaves

RESTORE: Final = (
    "Run `passerelle recover`, which brings what is missing back from peers; or stop the instance and restore a newer copy"
    ' of its database, one that holds all that was signed (docs/operations.md, "A database from a backup").'
)
MARK_LOST: Final = 'Do not delete it; see docs/operations.md, "When the mark is lost".'
CONFIRM: Final = (
    "Bring the file back from the machine that signed last; not from a backup. If it is lost for good, run `passerelle"
    " recover`, which shows what peers have seen; or, if this database holds all that was ever signed, `passerelle recover"
    " --confirm SIZE` with that size"
    ' (docs/operations.md, "When the mark is lost").'
)


class MissingMark(LogRefused):
    """Nothing beside the keys tells what was signed."""


class SignedMark:
    """Trusted: whoever can set it back can, with a database from a backup, make this instance fork its own log."""

    def __init__(self, keys_folder: Path) -> None:
        self._path = keys_folder / MARK_FILE
        self._folder = SecretFolder(
            path=keys_folder, lost=MARK_LOST, what="the mark", missing=MissingKeys, unsafe=UnsafeKeys
        )

    def read(self) -> Checkpoint | None:
        """Returns None where the mark is lost. Raises LogRefused, UnsafeKeys."""
        return self._read_by(self._folder.read)

    def swap(self, before: Checkpoint | None, staged: Checkpoint) -> None:
        """Compare and swap: from here on nothing but `staged` is signed of this size, and nothing smaller.

        Raises LogWaits where another process came first, or the file cannot be written; durable once it returns.
        Raises LogRefused, MissingKeys, UnsafeKeys.
        """
        try:
            # Never waits: a web server may run on this thread.
            with self._folder.locked(wait=False) as folder:
                mark = self._read_by(folder.read)
                if mark == staged:
                    return
                if mark != before:
                    raise LogWaits("another process has signed at the same time")
                folder.replace(MARK_FILE, str(staged).encode())
        except BlockingIOError as error:
            raise LogWaits("another process is signing at this moment") from error
        except OSError as error:
            raise LogWaits(f"{self._path} cannot be written: {error.strerror or error}") from error

    def _read_by(self, read: Callable[[str], bytes]) -> Checkpoint | None:
        try:
            text = self._folder.text_of(MARK_FILE, read(MARK_FILE))
        except MissingKeys:
            return None
        try:
            return Checkpoint.parse(text + "\n")
        except Malformed as error:
            raise LogRefused(f"{self._path} cannot be read: {error}", mend=MARK_LOST) from error


def check_size(mark: Checkpoint | None, origin: str, size: int) -> None:
    """Raises DatabaseIsOlder where a database with `size` leaves of `origin` does not hold all that was signed, LogRefused where
    it is another log's, and MissingMark where nothing tells."""
    if mark is None:
        raise MissingMark(
            f"{MARK_FILE}, which says what was signed last, is missing from the folder of keys, and the database holds"
            f" {count_leaves(size)}: nothing tells whether more were signed",
            mend=CONFIRM,
        )
    if mark.origin != origin:
        raise LogRefused(f"the keys were used for the log {mark.origin}, and the database holds {origin}")
    if mark.size > size:
        raise DatabaseIsOlder(
            f"the database is older than what this instance has signed: it holds {count_leaves(size)}, and"
            f" {mark.size} were signed. It seems to come from a backup",
            mend=RESTORE,
        )
