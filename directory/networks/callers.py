"""For whom requests to other servers are made: each caller has a share of the places for them.

The edge names the caller (`web/middleware/rate_limit`), and the worker names itself. Whatever names none is one
caller together, so that a guard that was forgotten refuses too much rather than too little.
"""

from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Final

import msgspec


class Caller(msgspec.Struct, frozen=True):
    """Somebody for whom requests are made, by keys that do not tell an address.

    `network` is a wider one, which the address of `key` is in: whoever has a /64 often has the whole /48.
    """

    key: bytes
    network: bytes
    is_job: bool = False


NOBODY: Final = Caller(b"nobody", b"nobody")
JOBS: Final = Caller(b"jobs", b"jobs", is_job=True)

_caller: ContextVar[Caller] = ContextVar("caller", default=NOBODY)


def current_caller() -> Caller:
    """Returns for whom requests are made now."""
    return _caller.get()


class _Calling:
    """A block whose requests are made for a caller. Not a generator: it stands around each request."""

    __slots__ = ("_caller", "_token")

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def __enter__(self) -> None:
        self._token = _caller.set(self._caller)

    def __exit__(self, *_: object) -> None:
        _caller.reset(self._token)


def called_by(caller: Caller) -> AbstractContextManager[None]:
    """Has the requests of the block, and of tasks that it starts, made for this caller."""
    return _Calling(caller)
