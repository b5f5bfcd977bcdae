"""Proof posts on the fake X, and the results of their checks."""

from datetime import timedelta

from directory.proofs.challenge import Challenge
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import CheckResult, Refuted, Unreachable, Verified
from tests.harness.clock import START
from tests.harness.fake_x import Failure, FakePost, FakeX

MINUTE = timedelta(minutes=1)
HANDLE_SOURCES = ("oembed-x", "oembed-twitter")
ID_SOURCES = ("syndication", "fxtwitter")
POST_SOURCES = ("syndication", "oembed-x", "oembed-twitter", "fxtwitter")


def only(x: FakeX, *left: str) -> None:
    """Lets only the named sources answer; all others fail."""
    for source in POST_SOURCES:
        if source in left:
            x.heal(source)
        else:
            x.fail(source, Failure(503))


def proof(x: FakeX, challenge: Challenge, handle: str = "alice") -> FakePost:
    """Posts the sentence of the challenge, a minute ago."""
    return x.post(x.account(handle), challenge.sentence, START - MINUTE)


def refuted(result: CheckResult) -> RefutedReason:
    assert isinstance(result, Refuted), result
    return result.reason


def unreachable(result: CheckResult) -> UnreachableReason:
    assert isinstance(result, Unreachable), result
    return result.reason


def verified(result: CheckResult) -> Verified:
    assert isinstance(result, Verified), result
    return result
