"""Checks a secret file and the folders above it, at every read and every write.

- The file is a plain file, not a link; it belongs to the user who runs this; its mode is 0600 or less.
- Its folder is a folder, not a link; it also belongs to that user, and no other user may enter it or write to it.
- No folder above it may be writable by everybody, unless it is sticky (as /tmp is): whoever may write there can
  remove the folder and put a former copy of it in its place.

Not checked: the owners and groups of the folders above. A data folder in a home folder, on a mounted volume or with a
group of its own is common. Whoever owns or shares these can also remove the folder, but can neither read its files
nor replace them by files of their own.
"""

import os
import pwd
import shlex
import stat
from pathlib import Path
from typing import Final

from directory.errors import DirectoryError

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
OF_OTHERS: Final = 0o077
"""The mode bits that a folder may not have. The set-group-id bit is not among them: it is inherited from a volume."""
READ_MORE: Final = 'docs/operations.md, "Secret files", tells what else to do.'


class SecretFileError(DirectoryError):
    """A secret file cannot be used. The text of the error names the path, and never holds any of the content."""

    def __init__(self, seen: str, mend: str = "") -> None:
        """`seen` is what is wrong, `mend` a sentence that tells the operator what to do."""
        super().__init__(f"{seen}. {mend}" if mend else seen)
        self.seen = seen
        self.mend = mend


class MissingSecret(SecretFileError):
    """A secret file is not where it should be."""


class UnsafeSecret(SecretFileError):
    """A secret file could be read or replaced by others, or is damaged; nothing was done with what it holds."""


def check_file(path: Path, status: os.stat_result, unsafe: type[UnsafeSecret]) -> None:
    """Checks kind, owner and mode of a secret file. Raises `unsafe`."""
    if not stat.S_ISREG(status.st_mode):
        raise unsafe(f"{path} is not a plain file", f"Put the file itself in its place. {READ_MORE}")
    _check_owner(path, status, unsafe)
    if stat.S_IMODE(status.st_mode) & ~FILE_MODE:
        raise unsafe(*_too_open(path, status, FILE_MODE))


def check_folder(path: Path, status: os.stat_result, unsafe: type[UnsafeSecret]) -> None:
    """Checks kind, owner and mode of a folder of secret files. Raises `unsafe`."""
    if not stat.S_ISDIR(status.st_mode):
        raise unsafe(f"{path} is no folder, or a link to one", "Put the folder itself in its place.")
    _check_owner(path, status, unsafe)
    if status.st_mode & OF_OTHERS:
        raise unsafe(*_too_open(path, status, FOLDER_MODE))


def check_parents(path: Path, unsafe: type[UnsafeSecret]) -> None:
    """Checks the folders above, and where the path leads through links, those above its target. Raises `unsafe`."""
    names = (os.path.abspath(path), os.path.realpath(path))
    for parent in {above for name in names for above in _above(name)}:
        mode = os.stat(parent).st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise unsafe(
                f"everybody may write to {parent}, and so exchange {path}",
                f"Run `chmod o-w {shlex.quote(parent)}`. {READ_MORE}",
            )


def _above(name: str) -> list[str]:
    found = []
    while (parent := os.path.dirname(name)) != name:
        found.append(parent)
        name = parent
    return found


def _check_owner(path: Path, status: os.stat_result, unsafe: type[UnsafeSecret]) -> None:
    if status.st_uid == os.geteuid():
        return
    owner, ours = _name_of(status.st_uid), _name_of(os.geteuid())
    raise unsafe(
        f"{path} belongs to {owner}, and this is run by {ours}",
        f"Run this as {owner}, or, where nobody else can have written to it, `chown {ours} {shlex.quote(str(path))}`.",
    )


def _too_open(path: Path, status: os.stat_result, mode: int) -> tuple[str, str]:
    return (
        f"{path} has the mode {stat.S_IMODE(status.st_mode):04o}, not {mode:04o}: others may read or exchange it",
        f"Run `chmod {mode:o} {shlex.quote(str(path))}`. {READ_MORE}",
    )


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
