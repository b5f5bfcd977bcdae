"""Keeps the embedded server running under an instance that runs for years.

Where it ends (killed for memory, a full disk) it is restarted; its log is pruned as at each start.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from deploy.embedded.database import EmbeddedDatabase
from deploy.embedded.errors import EmbeddedError
from deploy.embedded.logfiles import prune_logs

LOOK_EVERY_S: Final = 1.0
AFTER_FAILURE_S: Final = 5.0
PRUNE_EVERY_S: Final = 60.0

log = structlog.get_logger(__name__)


@contextmanager
def kept_running(database: EmbeddedDatabase) -> Iterator[None]:
    """Keeps the server running during the block, from a thread of its own."""
    ending = threading.Event()
    keeper = threading.Thread(target=_keep, args=(database, ending), name="database keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ending.set()
        keeper.join()


def _keep(database: EmbeddedDatabase, ending: threading.Event) -> None:
    told = ""
    pause = LOOK_EVERY_S
    prune_at = 0.0
    while not ending.wait(pause):
        if time.monotonic() >= prune_at:
            prune_at = time.monotonic() + PRUNE_EVERY_S
            _prune(database)
        trouble = _revive(database)
        pause = LOOK_EVERY_S if trouble is None else AFTER_FAILURE_S
        if trouble is not None and str(trouble) != told:
            log.error(
                "the database has ended, and is tried again", reason=str(trouble), detail=trouble.detail
            )
        told = "" if trouble is None else str(trouble)


def _prune(database: EmbeddedDatabase) -> None:
    try:
        prune_logs(database.log_dir)
    except OSError as error:
        log.warning("old files of the database's log cannot be removed", reason=str(error))


def _revive(database: EmbeddedDatabase) -> EmbeddedError | None:
    try:
        if database.revive():
            log.warning("the database had ended, and was started again")
    except EmbeddedError as error:
        return error
    return None
