"""File locks that end with the processes that hold them, so that a kill -9 leaves nothing behind.

Three files, made once and never removed (a lock on a removed file locks nothing):
- *start*: held by the process that starts or stops the server, so that only one does.
- *users*: held, shared, by every process that uses the server; one that gets it alone is the last.
- *server*: inherited by PostgreSQL and all its children; free where none of them lives. This holds
  across containers that share the folder, where process ids mean nothing.

Trusted: whoever can write in their folder can make us start a second server on the same data.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

POLL_S = 0.005
TELL_AFTER_S = 3.0
_START, _USERS, _SERVER = "postgres-start.lock", "postgres-users.lock", "postgres-server.lock"


class FileLock:
    """One open file with at most one lock, which ends when the file is closed or the process ends."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def try_shared(self) -> bool:
        return self._try(fcntl.LOCK_SH)

    def try_alone(self) -> bool:
        """Tries to hold it alone. Returns whether we do; a shared lock of ours is lost either way."""
        return self._try(fcntl.LOCK_EX)

    def release(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def is_free(self) -> bool:
        """Tells whether no process holds it. Not for a lock that this object holds itself."""
        if not self.try_alone():
            return False
        self.release()
        return True

    @contextmanager
    def held(self, timeout_s: float, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Holds it alone during the block. `on_wait` is called where that takes seconds. Raises TimeoutError."""
        if not wait_until(self.try_alone, min(timeout_s, TELL_AFTER_S)):
            on_wait()
            if not wait_until(self.try_alone, timeout_s - TELL_AFTER_S):
                raise TimeoutError
        try:
            yield
        finally:
            self.release()

    def _try(self, kind: int) -> bool:
        try:
            fcntl.flock(self._fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Locks:
    folder: Path
    start: FileLock
    users: FileLock
    server: FileLock

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Raises OSError."""
        with ExitStack() as undo:
            locks = [
                undo.enter_context(closing(FileLock(folder / name))) for name in (_START, _USERS, _SERVER)
            ]
            undo.pop_all()
        return cls(folder, *locks)

    @property
    def start_path(self) -> Path:
        return self.folder / _START

    def has_no_other_user(self) -> bool:
        """Tells whether only we share the server, and keeps our share. Call it with the start lock held."""
        alone = self.users.try_alone()
        self.users.try_shared()
        return alone

    @contextmanager
    def held_by_server(self) -> Iterator[FileLock]:
        """Takes the server's lock, for the server to inherit: its copy stays locked when ours is closed here."""
        with closing(FileLock(self.folder / _SERVER)) as lock:
            lock.try_alone()
            yield lock

    def close(self) -> None:
        for lock in (self.users, self.server, self.start):
            lock.close()


def wait_until(is_true: Callable[[], bool], timeout_s: float) -> bool:
    """Polls until it is true. Returns False where the time runs out first."""
    deadline = time.monotonic() + timeout_s
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
