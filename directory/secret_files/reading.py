"""Opening a folder of secret files, and reading what it holds."""

import contextlib
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from directory.secret_files.checks import (
    FILE_MODE,
    MissingSecret,
    SecretFileError,
    UnsafeSecret,
    check_file,
    check_folder,
    check_parents,
)

MAX_SECRET_BYTES: Final = 4_096
"""A key, or what is kept beside one, unless a folder says otherwise."""
READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe does not hold us up
OF_ANOTHER_KIND: Final = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO, errno.EACCES)
"""What the system says to us of a link, a folder, a socket, or a file that is not ours. The rest can pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadableFolder:
    """A folder of secret files. Read anew at each use, so that what another process wrote is seen.

    `lost` is a sentence for the operator: what to do where a file is missing or damaged; `what` is the word for its
    files. `missing` and `unsafe` are the errors of all operations.
    """

    path: Path
    lost: str = ""
    what: str = "the secret file"
    max_bytes: int = MAX_SECRET_BYTES
    missing: type[MissingSecret] = MissingSecret
    unsafe: type[UnsafeSecret] = UnsafeSecret

    def read(self, name: str) -> bytes:
        """Returns what a file holds: one byte at least, `max_bytes` at most."""
        with self.opened() as folder:
            return self.read_from(folder, name)

    def read_from(self, folder: int, name: str) -> bytes:
        """As `read`, where the folder is open already."""
        with self.opened_file(folder, name) as fd, os.fdopen(fd, "rb", closefd=False) as file:
            content = file.read(self.max_bytes + 1)
        if not content:
            raise self.damaged(name, "is empty")
        if len(content) > self.max_bytes:
            raise self.damaged(name, f"is larger than {self.max_bytes:,} bytes")
        return content

    def read_text(self, name: str) -> str:
        """Returns an ASCII text, without the newline at its end."""
        return self.text_of(name, self.read(name))

    def text_of(self, name: str, content: bytes) -> str:
        """What was read, as `read_text` returns it."""
        if not content.isascii():
            raise self.damaged(name, "is not ASCII text")
        return content.decode("ascii").removesuffix("\n")

    def damaged(self, name: str, why: str) -> UnsafeSecret:
        """The error for a file that was read and does not hold what it should. `why` quotes nothing of it."""
        return self.unsafe(f"{self._said(name)} {why}", self.lost)

    def find_unsafe(self) -> list[SecretFileError]:
        """Returns what is wrong with the folder and its files, whatever they hold; nothing where there is none."""
        try:
            with self.opened() as folder:
                found = [self._look_at(folder, name) for name in sorted(os.listdir(folder))]
        except MissingSecret:
            return []
        except UnsafeSecret as error:
            return [error]
        return [error for error in found if error is not None]

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        """The folder, checked. What is then opened below it is in this one, wherever its name leads by then."""
        try:
            fd = os.open(self.path, READ | os.O_DIRECTORY)
        except FileNotFoundError:
            raise self.missing(f"the folder {self.path} is missing", self.lost) from None
        except OSError as error:
            if error.errno not in OF_ANOTHER_KIND:
                raise
            with contextlib.suppress(PermissionError):  # of a folder above
                check_folder(self.path, self.path.lstat(), self.unsafe)
            said = f"the folder {self.path} cannot be opened: {error.strerror}"
            raise self.unsafe(said, "Its owner has to have the rights to read, write and enter it.") from None
        try:
            check_folder(self.path, os.fstat(fd), self.unsafe)
            check_parents(self.path, self.unsafe)
            yield fd
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def opened_file(self, folder: int, name: str, flags: int = READ) -> Iterator[int]:
        """A file in it, checked."""
        try:
            fd = os.open(name, flags, FILE_MODE, dir_fd=folder)
        except FileNotFoundError:
            raise self.missing(f"{self._said(name)} is missing", self.lost) from None
        except OSError as error:
            if error.errno not in OF_ANOTHER_KIND:
                raise
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            check_file(self.path / name, status, self.unsafe)
            raise self.damaged(name, f"cannot be opened: {error.strerror}") from None
        try:
            check_file(self.path / name, os.fstat(fd), self.unsafe)
            yield fd
        finally:
            os.close(fd)

    def _look_at(self, folder: int, name: str) -> SecretFileError | None:
        try:
            with self.opened_file(folder, name):
                return None
        except UnsafeSecret as error:
            return error
        except MissingSecret:  # gone meanwhile
            return None

    def _said(self, name: str) -> str:
        return f"{self.what} {self.path / name}"
