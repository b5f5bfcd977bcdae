"""The largest tree that this instance meant to sign, kept in a file beside the keys.

It is written before each signature. A database from a backup is then found out: it is older than the mark,
and to sign again what it holds would fork the log.
"""

from pathlib import Path
from typing import Final

from federation.errors import LogRefused, Malformed, MissingKeys
from federation.key_files import read_file, replace_file
from federation.tlog.checkpoint import Checkpoint

MARK_FILE: Final = "signed.checkpoint"


class SignedMark:
    """Trusted: whoever can set it back can, with a database from a backup, make this instance fork its own log."""

    def __init__(self, keys_folder: Path) -> None:
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

    def check(self, staged: Checkpoint) -> None:
        """Raises LogRefused where `staged` is not at least what was signed before."""
        mark = self.read()
        if mark is None:
            return
        if mark.origin != staged.origin:
            raise LogRefused(
                f"the keys were used for the log {mark.origin}, and the database holds {staged.origin}"
            )
        if mark.size > staged.size:
            raise LogRefused(
                f"the database is older than what this instance has signed: it holds {staged.size} leaves, and"
                f" {mark.size} were signed. It seems to come from a backup"
            )
        if mark.size == staged.size and mark.root != staged.root:
            raise LogRefused(
                f"the database holds another tree of size {mark.size} than the one that was signed"
            )

    def advance(self, staged: Checkpoint) -> None:
        """From here on nothing else of this size is signed. Raises LogRefused; durable once it returns."""
        self.check(staged)
        if self.read() != staged:
            replace_file(self._path, str(staged).removesuffix("\n"))
