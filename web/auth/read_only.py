"""While an instance is read only, members change nothing; what takes them away from it goes on.

Every form of members is refused unless its route says that it goes on: a new one is, until somebody thought of it.
"""

from collections.abc import Callable
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from directory.members.errors import ReadOnly
from directory.services.live_settings import LiveSettings

GOES_ON: Final = {"goes_on": True}
"""`opt` of a form that withdraws, signs out or erases, or looks for itself at what it is asked."""
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})

Guard = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], None]


def read_only_guard(instance: LiveSettings) -> Guard:
    """For the routes of members."""

    def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        if connection.scope.get("method") not in _READING and not handler.opt.get("goes_on"):
            require_writable(instance)

    return guard


def require_writable(instance: LiveSettings) -> None:
    """Raises ReadOnly while members change nothing."""
    if instance.now.read_only:
        raise ReadOnly
