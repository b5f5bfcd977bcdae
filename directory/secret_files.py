"""Secret files: one text each, of mode 0600 in a folder of mode 0700, never overwritten.

Trusted: whoever can read them can sign as this instance.
"""

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from directory.errors import DirectoryError

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
OTHERS: Final = 0o077
MAX_KEY_FILE_BYTES: Final = 4_096


class SecretFileError(DirectoryError):
    """A secret file cannot be used."""


class MissingKeys(SecretFileError):
    """A key of this instance is not where it should be."""


class UnsafeKeys(SecretFileError):
    """A key file could be read or replaced by others, or is no key file; nothing was signed with it."""


def make_folder(folder: Path, files: Mapping[str, str]) -> bool:
    """Makes the folder with all its files, or nothing; False where it is there already. Durable once it returns."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}-{secrets.token_hex(8)}")
    draft.mkdir(mode=FOLDER_MODE)
    try:
        for name, text in files.items():
            _write_new(draft / name, text)
        sync_folder(draft)
        if folder.exists() and any(folder.iterdir()):
            return False
        try:
            draft.rename(folder)  # takes the place of an empty folder, and of no other
        except OSError:
            if folder.exists():
                return False
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    sync_folder(folder.parent)
    return True


def add_file(path: Path, text: str) -> None:
    """Makes one more file. Raises FileExistsError; durable once it returns."""
    _write_new(path, text)
    sync_folder(path.parent)


def replace_file(path: Path, text: str) -> None:
    """Puts a text in the place of another in one step. Durable once it returns."""
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        _write_new(draft, text)
        draft.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
    sync_folder(path.parent)


def check_folder(folder: Path) -> None:
    """Raises MissingKeys, and UnsafeKeys where others may enter it."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        raise MissingKeys(f"the folder {folder} of this instance's keys is missing") from None
    if not stat.S_ISDIR(status.st_mode):
        raise UnsafeKeys(f"{folder} is not a folder")
    _check_owner(folder, status, "0700")


def read_file(path: Path) -> str:
    """Its text, without the newline at its end. Raises MissingKeys, UnsafeKeys."""
    with _opened(path) as fd:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise UnsafeKeys(f"{path} is not a plain file")
        _check_owner(path, status, "0600")
        content = os.read(fd, MAX_KEY_FILE_BYTES + 1)
    if len(content) > MAX_KEY_FILE_BYTES or not content.isascii():
        raise UnsafeKeys(f"{path} is not a key file")
    return content.decode("ascii").removesuffix("\n")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise MissingKeys(f"the key file {path} is missing") from None
    except OSError as error:
        raise UnsafeKeys(f"the key file {path} cannot be opened: {error.strerror}") from None
    try:
        yield fd
    finally:
        os.close(fd)


def _check_owner(path: Path, status: os.stat_result, mode: str) -> None:
    if status.st_uid != os.geteuid():
        raise UnsafeKeys(f"{path} belongs to another user than the one who runs this")
    if status.st_mode & OTHERS:
        raise UnsafeKeys(f"others may read {path}: set its mode to {mode}")


def _write_new(path: Path, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(fd, "w", encoding="ascii") as file:
        os.fchmod(fd, FILE_MODE)
        file.write(text + "\n")
        file.flush()
        os.fsync(fd)


def sync_folder(folder: Path) -> None:
    """Makes a rename in it durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
