"""Speaks the Mastodon API through Mastodon.py, over the guarded client.

Mastodon.py waits for its answers, so each call has a thread, from a pool with shares. All that it sends goes through
`_Exchange` to the guarded client on the event loop. It is loaded at the first call (`library.py`).
"""

import asyncio
import threading
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import replace
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import requests

    from directory.networks.mastodon.library import Ask

from directory.networks.answers import Answer
from directory.networks.callers import current_caller
from directory.networks.contacts import Contacts, contacts_told_to, current_contacts
from directory.networks.errors import BadAnswer, NetworkError, TooSlow
from directory.networks.http import TOO_MANY_REQUESTS, GuardedClient
from directory.networks.limits import Limits
from directory.networks.places import Room
from directory.networks.threads import Threads

LIBRARY: Final = "directory.networks.mastodon.library"
CALLS: Final = Room(places=64)
"""Calls that hold a thread at the same time: as many as there are places for requests."""
SLACK_S: Final = 10.0
"""A thread waits so much longer than its request may take, should the loop have ended."""
_SENT: Final = frozenset({"authorization", "content-type"})
_OF_ITS_ADDRESS: Final = b"rate limit reached"
"""How GoToSocial refuses an address, for all its members; other servers refuse one token."""
_AWAY: Final = frozenset({502, 503, 504})


class Said:
    """What came of one call: the answer, and what Mastodon.py read in it; `read` is None where it reads nothing."""

    def __init__(self, answer: Answer, read: object) -> None:
        self.answer = answer
        self.read = read

    @property
    def status(self) -> int:
        return self.answer.status

    def found(self) -> object:
        """Returns what was read. Raises BadAnswer where the answer is not what was asked for."""
        if self.read is None:
            raise BadAnswer(self.answer.host, "the answer cannot be read", may_have_arrived=True)
        return self.read


class Wire:
    """One server, asked as one account or as nobody. One call at a time."""

    def __init__(self, http: GuardedClient, host: str, access: str | None = None) -> None:
        self.host = host
        self.requests = 0
        self._http = http
        self._access = access

    async def call(self, ask: "Ask", limits: Limits, *, about: str = "") -> Said:
        """Calls Mastodon.py once, which sends one request. Raises NetworkError.

        `about`: another server, which this one asks meanwhile; its silence is none of this one's.
        """
        loop = asyncio.get_running_loop()
        exchange = _Exchange(self._http, loop, limits, _Blamed(current_contacts(), about))
        self.requests += 1
        try:
            # The caller and who listens to the job go along into the thread.
            work = partial(copy_context().run, _read, exchange, self.host, self._access, ask)
            read = await _threads().run(self.host, current_caller(), work)
        finally:
            # Also where nobody waits any more: nothing may be sent after that.
            exchange.abandon()
        if exchange.failure is not None:
            raise exchange.failure
        if exchange.answer is None:
            raise BadAnswer(self.host, "nothing was asked")
        return Said(exchange.answer, read)


class _Exchange:
    """Hands one request to the guarded client, from a thread. What came is in `answer` or `failure`."""

    def __init__(
        self, http: GuardedClient, loop: asyncio.AbstractEventLoop, limits: Limits, contacts: "_Blamed"
    ) -> None:
        self.answer: Answer | None = None
        self.failure: NetworkError | None = None
        self._http = http
        self._loop = loop
        self._limits = limits
        self._contacts = contacts
        self._lock = threading.Lock()
        self._is_abandoned = False
        self._asked: Future[Answer] | None = None

    def send(self, request: "requests.PreparedRequest") -> Answer:
        """Sends the request. Raises NetworkError, and CancelledError where nobody waits for it any more."""
        try:
            self.answer = self._hand_over(request).result(self._limits.total_s + SLACK_S)
        except NetworkError as error:
            self.failure = error
            raise
        except TimeoutError:
            self.failure = TooSlow(self._host(request), "the answer takes too long", may_have_arrived=True)
            raise self.failure from None
        return self.answer

    def abandon(self) -> None:
        """Ends what is under way, and sends nothing any more."""
        with self._lock:
            self._is_abandoned = True
            if self._asked is not None:
                self._asked.cancel()

    def _hand_over(self, request: "requests.PreparedRequest") -> Future[Answer]:
        with self._lock:
            if self._is_abandoned or self._asked is not None:
                # Mastodon.py is asked for one request at a time, so that none is sent unseen.
                raise BadAnswer(self._host(request), "more than one request was to be sent")
            self._asked = asyncio.run_coroutine_threadsafe(self._ask(request), self._loop)
            return self._asked

    async def _ask(self, request: "requests.PreparedRequest") -> Answer:
        headers = {name.lower(): value for name, value in request.headers.items() if name.lower() in _SENT}
        body = request.body.encode() if isinstance(request.body, str) else request.body
        content = None if request.method == "GET" else bytes(body or b"")
        with contacts_told_to(self._contacts):
            return await self._http.request(
                request.method or "",
                request.url or "",
                headers=headers | {"accept": "application/json"},
                content=content,
                limits=self._limits,
            )

    @staticmethod
    def _host(request: "requests.PreparedRequest") -> str:
        return (request.url or "").partition("://")[2].partition("/")[0]


class _Blamed:
    """Tells a job's listener what it should know of the server, and not what is the fault of one target or one token."""

    def __init__(self, listener: Contacts | None, about: str) -> None:
        self._listener = listener
        self._about = about

    async def require_free(self, host: str) -> None:
        """Raises HeldBack."""
        if self._listener is not None:
            await self._listener.require_free(host)

    def note_answer(self, host: str, answer: Answer) -> None:
        """Tells of an answer: 500 says nothing about the server, and 429 only where it is said to the whole address."""
        is_address = answer.status == TOO_MANY_REQUESTS and _OF_ITS_ADDRESS in answer.body
        is_its_fault = is_address or (answer.status in _AWAY and not self._about)
        if self._listener is not None:
            self._listener.note_answer(host, answer if is_its_fault else replace(answer, status=200))

    def note_failure(self, host: str, error: NetworkError) -> None:
        """Tells of a failure."""
        if self._listener is None:
            return
        if self._about and isinstance(error, TooSlow):
            error = NetworkError(error.host, error.why, may_have_arrived=True)
        self._listener.note_failure(host, error)


def _read(exchange: _Exchange, host: str, access: str | None, ask: "Ask") -> object:
    """Calls Mastodon.py, in a thread, which also loads it. Returns what it reads; None where it reads nothing."""
    return import_module(LIBRARY).read(exchange.send, host, access, ask)


@cache
def _threads() -> Threads:
    """Makes threads of its own: their work waits for the loop, which waits for other threads."""
    return Threads("mastodon", CALLS)
