"""Sets up logs: a fixed short message and key/values, never with an address, a query or a token."""

import logging
import sys
from typing import Literal

import structlog

from directory.store.quiet_errors import hide_values


def configure_logs(style: Literal["auto", "json", "text"], level: str) -> None:
    """Sets up structlog for the process, and formats the logs of libraries alike."""
    as_json = style == "json" or (style == "auto" and not sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        # Plain: the default shows local variables, which hold what people looked up.
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _hide_values_of_exception,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.getLogger("piccolo").setLevel(logging.WARNING)
    # While the database is gone, each pool would log a traceback; whoever asks it logs one sentence.
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)
    # The server's own lines hold addresses, and paths with what was looked up.
    logging.getLogger("hypercorn").setLevel(logging.WARNING)
    for server in ("hypercorn", "uvicorn", "granian"):
        logging.getLogger(f"{server}.access").disabled = True


def _hide_values_of_exception(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Removes the values from a database error before it is logged: they hold names that people looked up."""
    error = event.get("exc_info")
    if isinstance(error, tuple):
        error = error[1]
    elif error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        hide_values(error)
    return event
