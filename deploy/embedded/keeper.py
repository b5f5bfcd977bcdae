"""Keeps the embedded server running under an instance that runs for years.

Where it ends (killed for memory, a full disk) it is restarted; its log is pruned as at each start.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

import structlog

from deploy.embedded.errors import EmbeddedError
from deploy.embedded.logfiles import prune_logs

LOOK_EVERY_S: Final = 1.0
AFTER_FAILURE_S: Final = 5.0
PRUNE_EVERY_S: Final = 60.0

log = structlog.get_logger(__name__)


class Kept(Protocol):
    """A database that can be started again where it has ended."""

    @property
    def log_dir(self) -> Path: ...

    def revive(self) -> bool:
        """Returns whether it had ended, and was started. Raises EmbeddedError."""
        ...


@contextmanager
def kept_running(database: Kept) -> Iterator[None]:
    """Keeps the server running during the block, from a thread of its own."""
    ending = threading.Event()
    keeper = _Keeper(database)
    thread = threading.Thread(target=keeper.run, args=(ending,), name="database keeper", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


class _Keeper:
    def __init__(self, database: Kept) -> None:
        self._database = database
        self._told = ""
        self._prune_at = 0.0

    def run(self, ending: threading.Event) -> None:
        """Never raises: a thread that has ended watches nothing, and nobody would see it."""
        pause = LOOK_EVERY_S
        while not ending.wait(pause):
            try:
                is_well = self._look()
            except Exception as error:  # noqa: BLE001 - see above
                is_well = False
                with suppress(Exception):  # the log's own disk may be the full one
                    self._tell_fault(error)
            pause = LOOK_EVERY_S if is_well else AFTER_FAILURE_S

    def _look(self) -> bool:
        if time.monotonic() >= self._prune_at:
            self._prune_at = time.monotonic() + PRUNE_EVERY_S
            _prune(self._database)
        trouble = _revive(self._database)
        told, self._told = self._told, "" if trouble is None else str(trouble)
        if trouble is not None and self._told != told:
            log.error(
                "the database has ended, or cannot be watched, and is tried again",
                reason=self._told,
                detail=trouble.detail,
            )
        return trouble is None

    def _tell_fault(self, error: Exception) -> None:
        told, self._told = self._told, str(error)
        if self._told != told:
            log.error("the database cannot be watched, and is tried again", exc_info=error)


def _prune(database: Kept) -> None:
    try:
        prune_logs(database.log_dir)
    except OSError as error:
        log.warning("old files of the database's log cannot be removed", reason=str(error))


def _revive(database: Kept) -> EmbeddedError | None:
    try:
        if database.revive():
            log.warning("the database had ended, and was started again")
    except EmbeddedError as error:
        return error
    return None
