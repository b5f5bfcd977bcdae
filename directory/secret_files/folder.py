"""Writes secret files. Every write is durable once it returns; a crash leaves the former file or the new one."""

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from directory.secret_files.checks import FOLDER_MODE, MissingSecret, check_parents
from directory.secret_files.reading import ReadableFolder
from directory.secret_files.steps import (
    draft_of,
    make_parents,
    put_beside,
    put_in_place,
    remove_drafts,
    sync,
    sync_folder,
    take_place,
    write_new,
)

LOCK_FILE: Final = "lock"
LOCK: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFolder(ReadableFolder):
    """A folder of secret files that can be read and written."""

    def make(self, files: Mapping[str, bytes]) -> bool:
        """Makes the folder with all its files, or nothing. Returns False where the folder exists and is not empty."""
        self._make_parents()
        draft = SecretFolder(path=self.path.with_name(f".{self.path.name}-{secrets.token_hex(8)}"))
        draft.path.mkdir(mode=FOLDER_MODE)
        try:
            with draft.opened() as folder:
                for name, content in files.items():
                    write_new(folder, name, content)
                sync(folder)
            return take_place(draft.path, self.path)
        finally:
            shutil.rmtree(draft.path, ignore_errors=True)

    def ensure(self) -> None:
        """Makes an empty folder where there is none, and checks it."""
        self._make_parents()
        with contextlib.suppress(FileExistsError):
            self.path.mkdir(mode=FOLDER_MODE)
            sync_folder(self.path.parent)
        with self.opened():
            return

    def add(self, name: str, content: bytes) -> None:
        """Adds a file. Raises FileExistsError."""
        with self.locked() as folder:
            folder.add(name, content)

    def replace(self, name: str, content: bytes) -> None:
        """Replaces a file in one step, or adds it where there is none."""
        with self.locked() as folder:
            folder.replace(name, content)

    def read_or_make(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Returns the content of a file, which is made where it is missing.

        Of several processes one makes it, and all return the same content.
        """
        with contextlib.suppress(MissingSecret):
            return self.read(name)
        self.ensure()
        with contextlib.suppress(FileExistsError):
            self.add(name, make())
        return self.read(name)

    @contextlib.contextmanager
    def locked(self, *, wait: bool = True) -> Iterator["LockedFolder"]:
        """Locks out every other writer until the block ends. The lock of a killed process is free again.

        Raises BlockingIOError where another writer has the lock and `wait` is False.
        """
        with self.opened() as folder, self.opened_file(folder, LOCK_FILE, LOCK) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            remove_drafts(folder)
            yield LockedFolder(self, folder)

    def _make_parents(self) -> None:
        make_parents(self.path)
        check_parents(self.path, self.unsafe)  # before a secret is written there


@dataclass(frozen=True, slots=True)
class LockedFolder:
    """A folder that every other writer is locked out of."""

    folder: SecretFolder
    fd: int

    def read(self, name: str) -> bytes:
        """As SecretFolder.read."""
        return self.folder.read_from(self.fd, name)

    def add(self, name: str, content: bytes) -> None:
        """As SecretFolder.add."""
        with _naming(self.folder.path / name), draft_of(self.fd, name, content) as draft:
            put_beside(self.fd, draft, name)
        sync(self.fd)

    def replace(self, name: str, content: bytes) -> None:
        """As SecretFolder.replace. First checks the replaced file, and refuses one that others could write."""
        with contextlib.suppress(MissingSecret), self.folder.opened_file(self.fd, name):
            pass
        with _naming(self.folder.path / name), draft_of(self.fd, name, content) as draft:
            put_in_place(self.fd, draft, name)
        sync(self.fd)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Names the file in errors of the system, instead of its draft."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
