"""Sends evidence of forks to peers, who verify it themselves."""

from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from typing import Final

import structlog

from directory.clock import Clock
from directory.networks.answers import Answer
from directory.networks.errors import NetworkError
from directory.secret_files import SecretFileError
from federation.errors import FederationError
from federation.store.deliveries import Delivery, DeliveryStore

EVIDENCE_PATH: Final = "/federation/v1/evidence"
EVIDENCE_TYPE: Final = "text/plain"
PROBLEM_TYPE: Final = "application/problem+json"
"""Of what instances answer where something is wrong (RFC 9457)."""
FIRST_PAUSE: Final = timedelta(minutes=1)
MAX_PAUSE: Final = timedelta(hours=6)
TAKEN: Final = range(200, 300)
NEVER: Final = frozenset({400, 413})
"""The peer cannot read the file, and will not."""
NOT_YET: Final = frozenset({404, 422})
"""The peer does not know that log yet, or has not read the documents of it that prove the fork."""

PostSigned = Callable[[str, str, bytes, str], Awaitable[Answer]]
"""Sends a signed POST: the peer's address, the path, the content and its media type."""

log = structlog.get_logger(__name__)


def is_taken(answer: Answer) -> bool:
    """Whether a peer has taken a file. It says so without a body: a page with status 200 is one of a proxy before it."""
    return answer.status in TAKEN and not answer.body


def is_refused(answer: Answer) -> bool:
    """Whether a peer cannot read a file, and says so itself: a proxy has limits of its own, which may be mended."""
    return answer.status in NEVER and (answer.header("content-type") or "").startswith(PROBLEM_TYPE)


class EvidenceDelivery:
    """Sends one file at a time to one peer; any number of processes can."""

    def __init__(self, store: DeliveryStore, post: PostSigned, clock: Clock) -> None:
        self._store = store
        self._post = post
        self._clock = clock

    async def claim(self, busy: Collection[str]) -> Delivery | None:
        """Claims a delivery that is due. Returns None where none is."""
        return await self._store.claim(self._clock.now(), busy)

    async def release(self, delivery: Delivery) -> None:
        """Makes an interrupted delivery due again."""
        await self._store.release(delivery.lease, self._clock.now())

    async def deliver(self, delivery: Delivery) -> None:
        """Sends a file. One that the peer does not take now is sent again later, for 30 days."""
        try:
            answer = await self._post(delivery.address, EVIDENCE_PATH, delivery.file, EVIDENCE_TYPE)
        except (NetworkError, FederationError, SecretFileError) as error:
            log.info("evidence could not be sent", origin=delivery.origin, reason=str(error))
            await self._pause(delivery)
            return
        if is_taken(answer) or is_refused(answer):
            await self._store.finish(delivery.lease)
        elif answer.status in NOT_YET:
            await self._wait(delivery, MAX_PAUSE)
        else:
            await self._pause(delivery)

    async def _pause(self, delivery: Delivery) -> None:
        await self._wait(delivery, min(FIRST_PAUSE * 2 ** min(delivery.lease.attempt, 10), MAX_PAUSE))

    async def _wait(self, delivery: Delivery, pause: timedelta) -> None:
        await self._store.reschedule(delivery.lease, self._clock.now() + pause)
