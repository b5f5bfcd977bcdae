"""What the browser brings back belongs to one sign-in, or to none."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.networks.oauth import MAX_CALLBACK_CHARS, Expected, Returned, challenge, new_secret
from directory.networks.port import SIGN_IN_LIFETIME, Purpose
from directory.networks.sign_in_errors import SignInError, SignInExpired, StateMismatch

BACK = "https://find.example.org/auth/bluesky/callback"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def expected() -> Expected:
    return Expected.of(BACK, Purpose.PROVE, NOW, None)


def test_a_challenge_is_the_digest_of_its_verifier() -> None:
    verifier = new_secret()
    assert 43 <= len(verifier) <= 128
    digest = hashlib.sha256(verifier.encode()).digest()
    assert base64.urlsafe_b64decode(challenge(verifier) + "=") == digest


def test_no_two_sign_ins_are_alike() -> None:
    assert len({expected().state for _ in range(50)}) == 50


def test_in_time_and_at_the_right_place() -> None:
    awaited = expected()
    returned = Returned.parse(f"{BACK}?{urlencode({'state': awaited.state, 'code': 'a b+c'})}")
    returned.check(awaited, NOW + SIGN_IN_LIFETIME - timedelta(seconds=1))
    assert returned.code("") == "a b+c"
    assert "a b+c" not in repr(returned)
    with pytest.raises(SignInExpired):
        returned.check(awaited, NOW + SIGN_IN_LIFETIME)


@pytest.mark.parametrize(
    "address", [f"{BACK}/", f"{BACK}x", BACK.replace("https", "http"), BACK.replace("find", "FIND"), ""]
)
def test_at_another_place(address: str) -> None:
    awaited = expected()
    with pytest.raises(StateMismatch):
        Returned.parse(f"{address}?state={awaited.state}&code=x").check(awaited, NOW)


@pytest.mark.parametrize(
    "query",
    ["state=a&state=a", "code=1&code=2", "&".join(f"f{n}=1" for n in range(30)), "x" * MAX_CALLBACK_CHARS],
)
def test_a_query_that_no_server_writes(query: str) -> None:
    with pytest.raises(StateMismatch):
        Returned.parse(f"{BACK}?{query}")


@given(st.text(max_size=200))
def test_any_address(text: str) -> None:
    awaited = expected()
    try:
        returned = Returned.parse(text)
        returned.check(awaited, NOW)
    except SignInError:
        return
    pytest.fail("nobody guesses a state")
