"""What fails leaves a count by reason, and one line with the host and no name."""

import asyncio
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from directory.errors import InvalidIdentifier
from directory.failures import Failing, failure_counts, failures_noted, hide_name, note_failure
from directory.members import errors as member_errors
from directory.networks.errors import Busy, HeldBack, NetworkError, TooSlow
from directory.networks.sign_in_errors import ServerUnreachable, SignInError
from directory.proofs.noting import note_result
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import Refuted, Unreachable
from tests.directory.networks.strangers import HASTY, OK, answer, forever, loopback_client, says, stranger

MAX_CODES = 100
"""What one label of a metric can bear."""


def count(what: Failing, reason: str) -> int:
    return failure_counts().get((what, reason), 0)


def subclasses(error: type[Exception]) -> Iterator[type[Exception]]:
    yield error
    for each in error.__subclasses__():
        yield from subclasses(each)


@pytest.mark.parametrize("error", [SignInError, NetworkError, member_errors.MemberError, InvalidIdentifier])
def test_each_error_has_a_code_of_its_own(error: type[Exception]) -> None:
    """Else two reasons would be one count. Two that share a code mean the same to whoever looks at it."""
    found = [each for each in subclasses(error) if each.__module__.startswith("directory.")]
    codes = [vars(each)["code"] for each in found if "code" in vars(each)]
    assert len(codes) == len(set(codes))
    assert all(code == code.lower() and " " not in code for code in codes)
    assert len(codes) < MAX_CODES


def test_a_failure_is_counted_and_told_in_one_line() -> None:
    before = count(Failing.SIGN_IN, "unreachable")
    with (
        capture_logs() as lines,
        pytest.raises(ServerUnreachable),
        failures_noted(Failing.SIGN_IN, SignInError),
    ):
        raise ServerUnreachable("social.example", "does not answer")
    assert count(Failing.SIGN_IN, "unreachable") == before + 1
    assert lines == [
        {
            "event": "something failed",
            "log_level": "info",
            "what": "sign-in",
            "reason": "unreachable",
            "host": "social.example",
        }
    ]


@pytest.mark.parametrize("reason", [*RefutedReason, *UnreachableReason])
def test_each_reason_of_a_check_is_counted(reason: RefutedReason | UnreachableReason) -> None:
    result = Refuted(reason) if isinstance(reason, RefutedReason) else Unreachable(reason)
    for what in (Failing.POST_CHECK, Failing.LINK_CHECK, Failing.RECHECK):
        before = count(what, reason.value)
        note_result(what, result)
        assert count(what, reason.value) == before + 1


@pytest.mark.parametrize(
    "written", ["alice.example", "@alice.example", "at://Alice.Example", " alice.example. "]
)
async def test_a_name_that_is_asked_as_a_host_is_left_out(written: str) -> None:
    """A handle of Bluesky is a host name: each lookup of it that failed would name the person in the log."""

    async def sign_in() -> None:
        hide_name(written)
        note_failure(Failing.REQUEST, "unreachable", "alice.example")
        note_failure(Failing.REQUEST, "unreachable", "pds.example")

    with capture_logs() as lines:
        await asyncio.create_task(sign_in())
        note_failure(Failing.REQUEST, "unreachable", "alice.example")
    assert [line["host"] for line in lines] == ["", "pds.example", "alice.example"]


async def test_requests_are_counted_by_what_became_of_them() -> None:
    before = failure_counts()
    with capture_logs() as lines:
        async with (
            stranger(says(answer(b"", status="503 Busy"))) as busy,
            stranger(says(OK)) as well,
            stranger(forever) as silent,
            loopback_client() as ours,
        ):
            assert (await ours.get(f"{busy.url}secret?name=alice")).status == 503
            assert (await ours.get(well.url)).status == 200
            with pytest.raises(TooSlow):
                await ours.get(silent.url, limits=HASTY)
            with pytest.raises(NetworkError):
                await ours.get("ftp://social.example/")
    after = failure_counts()
    added = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}
    assert added == {
        (Failing.REQUEST, "status-5xx"): 1,
        (Failing.REQUEST, "too-slow"): 1,
        (Failing.REQUEST, "not-allowed"): 1,
    }
    assert [(line["reason"], line["host"]) for line in lines] == [
        ("status-5xx", "127.0.0.1"),
        ("too-slow", "127.0.0.1"),
        ("not-allowed", "social.example"),
    ]
    assert "alice" not in str(lines)
    assert (Busy.code, HeldBack.code) == ("busy", "held-back")
