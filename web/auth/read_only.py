"""Refuses members' changes while an instance is read only; ways out (withdrawing, exporting, leaving) go on.

Every form of members is refused unless its route is marked to go on, so that a new form is refused by default.
"""

from collections.abc import Callable
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from directory.members.errors import ReadOnly
from directory.services.live_settings import LiveSettings

GOES_ON: Final = {"goes_on": True}
"""`opt` of a form that withdraws, signs out or erases, or that calls `require_writable` itself where it must."""
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})

Guard = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], None]


def read_only_guard(instance: LiveSettings) -> Guard:
    """Returns the guard of the routes of members."""

    def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        if connection.scope.get("method") not in _READING and not handler.opt.get("goes_on"):
            require_writable(instance)

    return guard


def require_writable(instance: LiveSettings) -> None:
    """Raises ReadOnly while the instance is read only."""
    if instance.now.read_only:
        raise ReadOnly
