"""Checks a proof post: asks the sources in order, and judges what they show.

- The first source that shows the post and tells the author's id decides.
- A source that tells only the handle gives a weaker proof. The later sources that can tell an id are still asked, and
  make it stronger where they agree. Where they name another author or refute it, the result is unreachable.
- A source that knows of a later version is asked for that one, and so are the sources after it: an edited post counts
  by its final text.
- Where no source shows the post, the most telling reason is given. The post is then never refuted.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec

from directory.clock import Clock
from directory.identifiers import XHandle, XId
from directory.networks.answers import Answer
from directory.networks.errors import BadAnswer, HeldBack, NetworkError
from directory.networks.limits import Limits
from directory.networks.retry_after import retry_after_s
from directory.proofs.challenge import Challenge
from directory.proofs.foreign import ForeignClaim, judge_foreign
from directory.proofs.judge import judge, judge_again, refusal_unseen
from directory.proofs.post_url import XPostId
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import CheckResult, PostSeen, Reading, Refuted, Unreachable, Verified
from directory.proofs.sources.fxtwitter import FxTwitter
from directory.proofs.sources.oembed import TWITTER_BASE, X_BASE, oembed_of_twitter, oembed_of_x
from directory.proofs.sources.port import Source
from directory.proofs.sources.syndication import DEFAULT_BASE as SYNDICATION_BASE
from directory.proofs.sources.syndication import Syndication

MAX_ANSWER_BYTES: Final = 512 * 1024
SOURCE_LIMITS: Final = Limits(connect_s=5.0, first_byte_s=8.0, total_s=12.0, max_body_bytes=MAX_ANSWER_BYTES)

_MOST_TELLING: Final = {reason: place for place, reason in enumerate(UnreachableReason)}

Verdict = Callable[[PostSeen], Verified | Refuted]


class Getter(Protocol):
    """The part of the guarded client that is used here: `GuardedClient.get`. Raises NetworkError and nothing else."""

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        redirects: int = 0,
    ) -> Answer: ...


class XSources(msgspec.Struct, frozen=True, kw_only=True):
    """The base addresses of the sources; None turns one off. FxTwitter is off by default."""

    syndication: str | None = SYNDICATION_BASE
    oembed_x: str | None = X_BASE
    oembed_twitter: str | None = TWITTER_BASE
    fxtwitter: str | None = None

    def in_order(self) -> tuple[Source, ...]:
        """Returns the sources that are on, in the order in which they are asked."""
        sources: list[Source] = []
        if self.syndication:
            sources.append(Syndication(self.syndication))
        if self.oembed_x:
            sources.append(oembed_of_x(self.oembed_x))
        if self.oembed_twitter:
            sources.append(oembed_of_twitter(self.oembed_twitter))
        if self.fxtwitter:
            sources.append(FxTwitter(self.fxtwitter))
        return tuple(sources)


class PostChecker:
    """Checks proof posts. Built once; keeps nothing between two checks."""

    def __init__(
        self, client: Getter, sources: Sequence[Source], clock: Clock, limits: Limits = SOURCE_LIMITS
    ) -> None:
        self._client = client
        self._limits = limits
        self._sources = tuple(sources)
        self._clock = clock

    async def check(
        self,
        challenge: Challenge,
        post: XPostId,
        expected: XId | XHandle | None = None,
        handed_in: datetime | None = None,
    ) -> CheckResult:
        """Checks a post for a challenge that was open when it was `handed_in`, now where that is not given. `expected` is the
        X account that the member named, if any.

        Asks no source where the post's id or the challenge already refutes it.
        """
        refused = refusal_unseen(challenge, post, self._clock.now(), handed_in)
        if refused:
            return Refuted(refused)
        return await self._look(
            post, lambda seen: judge(challenge, seen, self._clock.now(), expected, handed_in)
        )

    async def recheck(self, challenge: Challenge, post: XPostId, known: XId | None) -> CheckResult:
        """Re-checks the post that met the challenge. `known` is the account's id, where one is known.

        The result holds the present handle: the caller compares it with the one that was proven.
        """
        return await self._look(post, lambda seen: judge_again(challenge, seen, self._clock.now(), known))

    async def check_foreign(self, claim: ForeignClaim) -> CheckResult:
        """Checks the post with which another instance has proven an account, without knowing its nonce."""
        return await self._look(claim.post, lambda seen: judge_foreign(claim, seen))

    async def _look(self, post: XPostId, verdict: Verdict) -> CheckResult:
        by_handle: Verified | None = None
        failures: list[Unreachable] = []
        for source in self._sources:
            if by_handle is not None and not source.tells_id:
                continue
            reading = await self._read_latest(source, post)
            if isinstance(reading, Unreachable):
                failures.append(reading)
                continue
            if reading.latest != post:  # a verdict on an older version does not count
                post, by_handle = reading.latest, None
            if not reading.is_latest:
                failures.append(Unreachable(UnreachableReason.EDITED_SINCE))
                continue
            result = verdict(reading)
            if by_handle is not None and not _agree(by_handle, result):
                return Unreachable(UnreachableReason.SOURCES_DISAGREE)
            if isinstance(result, Refuted) or result.account.id is not None:
                return result
            by_handle = by_handle or result
        return by_handle or _most_telling(failures)

    async def _read_latest(self, source: Source, post: XPostId) -> Reading:
        """Reads the post at a source; where the source knows of a later version, and shows it, that one."""
        reading = await self._read(source, post)
        if isinstance(reading, PostSeen) and not reading.is_latest:
            latest = await self._read(source, reading.latest)
            if isinstance(latest, PostSeen):
                return latest
        return reading

    async def _read(self, source: Source, post: XPostId) -> Reading:
        try:
            answer = await self._client.get(
                source.url(post),
                headers={"accept": "application/json"},
                limits=self._limits,
                redirects=source.redirects,
            )
        except BadAnswer:
            return Unreachable(UnreachableReason.UNREADABLE)
        except HeldBack as error:
            return Unreachable(UnreachableReason.TOO_MANY_REQUESTS, error.retry_after_s)
        except NetworkError:
            return Unreachable(UnreachableReason.NO_ANSWER)
        reading = source.read(post, answer.status, answer.body)
        if isinstance(reading, Unreachable):
            return Unreachable(reading.reason, retry_after_s(answer, self._clock.now()))
        return reading


def _agree(known: Verified, result: Verified | Refuted) -> bool:
    return isinstance(result, Verified) and result.account.handle.key == known.account.handle.key


def _most_telling(failures: Iterable[Unreachable]) -> Unreachable:
    """Returns the most telling reason, and the longest wait that any source asked for."""
    known = list(failures)
    if not known:
        return Unreachable(UnreachableReason.NO_SOURCE)
    waits = [failure.retry_after_s for failure in known if failure.retry_after_s is not None]
    reason = min((failure.reason for failure in known), key=_MOST_TELLING.__getitem__)
    return Unreachable(reason, max(waits, default=None))
