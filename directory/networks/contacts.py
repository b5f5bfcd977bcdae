"""Which hosts a job asks, and what comes of it: told by the guarded client to whoever listens to that job.

Only what runs inside `contacts_told_to` is listened to: what a stranger does in the web tells nobody anything.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from directory.networks.answers import Answer
from directory.networks.errors import NetworkError


class Contacts(Protocol):
    """Who listens. A host is named as in a URL, with its port where that is not the usual one.

    A request counts for the host that was asked, wherever it redirects to: nobody is blamed for being pointed at.
    """

    async def require_free(self, host: str) -> None:
        """Raises HeldBack where the host is left alone for now."""
        ...

    def note_answer(self, host: str, answer: Answer) -> None: ...

    def note_failure(self, host: str, error: NetworkError) -> None: ...


_listening: ContextVar[Contacts | None] = ContextVar("contacts", default=None)


def current_contacts() -> Contacts | None:
    """Who listens to the job that runs now. None: nobody, or no job."""
    return _listening.get()


@contextmanager
def contacts_told_to(contacts: Contacts | None) -> Iterator[None]:
    """Has `contacts`, or nobody, hear of every request that is made in the block, and in tasks that it starts."""
    token = _listening.set(contacts)
    try:
        yield
    finally:
        _listening.reset(token)
