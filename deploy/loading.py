"""Loads modules without looking for garbage among them, and without what they would load and nothing here uses."""

import gc
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Keeps the collector of garbage away until the block ends, and from what was loaded for good: that stays, and looking
    through it again and again takes a tenth of the time, and as the process ends more than that."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def load_logs() -> None:
    """Loads structlog, before anything else does. Where rich is installed, structlog loads it for tracebacks with local
    variables: ours are plain, and rich with what it loads is 4 MB of each process.

    Warnings go to standard error until `configure_logs` says otherwise: by itself structlog writes all of them among the results
    of a command.
    """
    with _hidden("rich"):
        structlog = import_module("structlog")
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Has the import of a module fail until the block ends, as if it was not installed. One that is loaded stays."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # what the import system takes for a module that cannot be found
    try:
        yield
    finally:
        del sys.modules[name]
