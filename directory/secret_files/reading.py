"""Opens a folder of secret files, and reads its files."""

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
"""The limit of a file, unless a folder has another one: a key and what is kept beside it are below it."""
READ: Final = (
    os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
)  # without O_NONBLOCK a pipe would block
OF_ANOTHER_KIND: Final = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO, errno.EACCES)
"""The errors of opening a link, a folder, a socket, or a file of another user. All others may be temporary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadableFolder:
    """A folder of secret files that can be read. It is read at each use, so that what another process wrote is seen.

    `lost` is a sentence that tells the operator what to do where a file is missing, `broken` one for where it is damaged
    (the same by default); `what` is the word for its files. All operations raise `missing` and `unsafe`.
    """

    path: Path
    lost: str = ""
    broken: str = ""
    what: str = "the secret file"
    max_bytes: int = MAX_SECRET_BYTES
    missing: type[MissingSecret] = MissingSecret
    unsafe: type[UnsafeSecret] = UnsafeSecret

    def read(self, name: str) -> bytes:
        """Returns the content of a file: at least one byte, at most `max_bytes`."""
        with self.opened() as folder:
            return self.read_from(folder, name)

    def read_from(self, folder: int, name: str) -> bytes:
        """As `read`, in a folder that is already open."""
        with self.opened_file(folder, name) as fd, os.fdopen(fd, "rb", closefd=False) as file:
            content = file.read(self.max_bytes + 1)
        if not content:
            raise self.damaged(name, "is empty")
        if len(content) > self.max_bytes:
            raise self.damaged(name, f"is larger than {self.max_bytes:,} bytes")
        return content

    def read_text(self, name: str) -> str:
        """Returns the content of a file as ASCII text, without the newline at its end."""
        return self.text_of(name, self.read(name))

    def text_of(self, name: str, content: bytes) -> str:
        """Decodes content that was read, as `read_text` does."""
        if not content.isascii():
            raise self.damaged(name, "is not ASCII text")
        return content.decode("ascii").removesuffix("\n")

    def damaged(self, name: str, why: str) -> UnsafeSecret:
        """Returns the error for a file with wrong content. `why` must quote none of the content."""
        return self.unsafe(f"{self._said(name)} {why}", self.broken or self.lost)

    def find_unsafe(self) -> list[SecretFileError]:
        """Returns the errors of the folder and its files, whatever their content; none where there is no folder."""
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
        """Opens the folder and checks it. Files are then opened in this folder, even if its path is replaced."""
        try:
            fd = os.open(self.path, READ | os.O_DIRECTORY)
        except FileNotFoundError:
            raise self.missing(f"the folder {self.path} is missing", self.lost) from None
        except OSError as error:
            if error.errno not in OF_ANOTHER_KIND:
                raise
            with contextlib.suppress(PermissionError):  # a folder above may not be entered
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
        """Opens a file of the folder and checks it."""
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
        except MissingSecret:  # removed meanwhile
            return None

    def _said(self, name: str) -> str:
        return f"{self.what} {self.path / name}"
