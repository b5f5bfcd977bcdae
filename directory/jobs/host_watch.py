"""Watches the hosts that a job asks: those that fail are left alone for a while, by all jobs."""

from collections.abc import Callable
from datetime import timedelta

from directory.clock import Clock
from directory.errors import DirectoryUnavailable
from directory.networks.answers import Answer
from directory.networks.backoff import MAX_TOLD_S, Failure
from directory.networks.errors import Busy, HeldBack, NetworkError, Unreachable
from directory.networks.http import SERVER_ERRORS, TOO_MANY_REQUESTS
from directory.networks.retry_after import retry_after_s
from directory.store.host_backoff import HostBackoffStore


class HostWatch:
    """Watches the hosts of one job.

    `shared` are hosts that all members need, such as X's. Only a 429 makes those be left alone: any other failure
    could be the work of a single post.
    """

    def __init__(self, store: HostBackoffStore, clock: Clock, shared: frozenset[str]) -> None:
        self._store = store
        self._clock = clock
        self._shared = shared
        self._free: set[str] = set()
        self._asked: set[str] = set()
        self._well: set[str] = set()
        self._failures: dict[str, Failure] = {}

    async def require_free(self, host: str) -> None:
        """Raises HeldBack where the host is left alone. A host found free is not looked up again."""
        if host not in self._free:
            left = await self._time_left(host)
            if left is not None:
                raise HeldBack(host, min(int(left.total_seconds()) + 1, MAX_TOLD_S))
            self._free.add(host)
        self._asked.add(host)

    def note_answer(self, host: str, answer: Answer) -> None:
        """Notes an answer: 429 and 5xx are failures, any other status shows that the host is well."""
        self._asked.discard(host)
        if answer.status == TOO_MANY_REQUESTS or answer.status in SERVER_ERRORS:
            is_asked_to_wait = answer.status == TOO_MANY_REQUESTS
            self._fail(host, retry_after_s(answer, self._clock.now()), is_asked_to_wait=is_asked_to_wait)
        else:
            self._well.add(host)

    def note_failure(self, host: str, error: NetworkError) -> None:
        """Notes a failure where the host cannot be reached. That all our own connections are in use is none."""
        self._asked.discard(host)
        if isinstance(error, Unreachable) and not isinstance(error, Busy):
            self._fail(host, None)

    async def record(self) -> None:
        """Records the hosts that failed, and those that are well.

        A host that had not answered when the job ended has failed. One failure in a job counts, whatever else the
        host answered.
        """
        for host in self._asked:
            self._fail(host, None)
        if self._well or self._failures:
            well = self._well - self._failures.keys()
            await self._store.record_contacts(self._failures, well, self._clock.now())

    def _fail(self, host: str, asked_s: int | None, *, is_asked_to_wait: bool = False) -> None:
        is_shared = host in self._shared
        if is_asked_to_wait or not is_shared:
            before = self._failures.get(host)
            asked = max((each for each in (asked_s, before and before.asked_s) if each), default=None)
            self._failures[host] = Failure(asked, is_shared)

    async def _time_left(self, host: str) -> timedelta | None:
        now = self._clock.now()
        try:
            until = await self._store.find_backoff_end(host, now)
        except DirectoryUnavailable:
            return None  # no failure can be recorded now either, so the host is asked
        return None if until is None else until - now


WatchHosts = Callable[[], HostWatch]
