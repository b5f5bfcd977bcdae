"""How much may be sent, and when: what we count ourselves, and what servers say, however odd."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from directory.follows.runs import Budget
from directory.networks.answers import Answer
from directory.networks.bluesky.points import (
    HOUR,
    UNTOLD_WAIT,
    Allowances,
    Granted,
    affordable,
    next_slot,
    wait_after_429,
)
from directory.networks.urls import parse_target
from tests.directory.networks.bluesky.follows.following import nothing_spent

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def answer(status: int = 200, **headers: str) -> Answer:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(status, named, b"", parse_target("https://pds.test/", allow_loopback=False))


def limits(left: int, wait_s: int, policy: str, status: int = 200) -> Answer:
    reset = str(int(NOON.timestamp()) + wait_s)
    return answer(
        status,
        ratelimit_remaining=str(left),
        ratelimit_reset=reset,
        ratelimit_policy=policy,
        ratelimit_limit="1",
    )


def spent(hour: int, day: int) -> Budget:
    return Budget(hour_began=NOON, hour_spent=hour, day_began=NOON, day_spent=day, not_before=None)


@pytest.mark.parametrize(
    ("budget", "follows", "wait"),
    [
        (nothing_spent(NOON), 1_666, timedelta()),
        (spent(4_998, 4_998), 0, HOUR),
        (spent(4_997, 4_997), 1, timedelta()),
        (spent(0, 34_999), 0, timedelta(days=1, seconds=5)),
        (spent(9_999_999, 0), 0, HOUR),
        (msgspec.structs.replace(nothing_spent(NOON), not_before=NOON + 9 * MINUTE), 0, 9 * MINUTE),
        (msgspec.structs.replace(nothing_spent(NOON), not_before=NOON - MINUTE), 1_666, timedelta()),
    ],
)
def test_what_we_count(budget: Budget, follows: int, wait: timedelta) -> None:
    assert affordable(budget, [], 3, NOON) == follows
    assert next_slot(budget, [], 3, NOON) == NOON + wait


def test_a_new_hour_begins_with_nothing_spent() -> None:
    assert affordable(spent(5_000, 5_000), [], 3, NOON + HOUR) == 1_666


def test_the_tighter_of_both_holds() -> None:
    """The member also uses other apps, which spend of the same points."""
    said = Granted.read(limits(40, 600, "5000;w=3600"), NOON)
    assert said is not None
    assert affordable(nothing_spent(NOON), [said], 3, NOON) == 13
    assert affordable(nothing_spent(NOON), [said], 1, NOON) == 40
    assert affordable(spent(4_999, 4_999), [said], 1, NOON) == 1


def test_a_limit_of_requests_is_none_of_points() -> None:
    """The tightest limit of the moment may be the one of the address, which counts requests."""
    said = Granted.read(limits(9, 100, "3000;w=300"), NOON)
    none = Granted.read(limits(0, 100, "3000;w=300"), NOON)
    assert said is not None
    assert none is not None
    assert affordable(nothing_spent(NOON), [said], 3, NOON) == 1_666
    assert affordable(nothing_spent(NOON), [none], 3, NOON) == 0
    assert next_slot(nothing_spent(NOON), [none], 3, NOON) == NOON + timedelta(seconds=105)


def test_what_was_said_ends() -> None:
    known, said = Allowances(), Granted.read(limits(0, 100, "5000;w=3600"), NOON)
    assert said is not None
    known.note("did:plc:a", said)
    assert known.of("did:plc:a", NOON) == [said]
    assert known.of("did:plc:b", NOON) == []
    assert known.of("did:plc:a", NOON + 2 * MINUTE) == []


@pytest.mark.parametrize(
    ("refusal", "wait"),
    [
        (answer(429), UNTOLD_WAIT),
        (answer(429, retry_after="30"), timedelta(seconds=35)),
        (answer(429, retry_after="-5"), UNTOLD_WAIT),
        (answer(429, retry_after="soon", ratelimit_remaining="none"), UNTOLD_WAIT),
        (limits(0, 1_800, "5000;w=3600", 429), timedelta(seconds=1_805)),
        # Their clock is a day behind, or ours is ahead: the end that they name has passed.
        (limits(0, -86_400, "5000;w=3600", 429), UNTOLD_WAIT),
        # Their clock is a year ahead: nobody waits longer than the window.
        (limits(0, 366 * 86_400, "5000;w=3600", 429), timedelta(seconds=3_605)),
        (limits(0, 999_999_999_999 - int(NOON.timestamp()), "x", 429), timedelta(days=1, seconds=10)),
    ],
)
def test_how_long_a_refusal_lasts(refusal: Answer, wait: timedelta) -> None:
    assert wait_after_429(refusal, NOON) == NOON + wait
