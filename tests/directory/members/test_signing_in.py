"""Sign-ins and sessions: bound to one browser, used once, ended in time."""

import asyncio
from uuid import UUID, uuid4

import msgspec
import pytest

from directory.accounts import AccountNetwork, LinkedAccount
from directory.errors import DirectoryUnavailable
from directory.members.errors import MemberGone
from directory.members.sessions import MAX_SESSIONS, hash_token, new_token
from directory.members.sign_ins import MAX_SIGN_INS
from directory.networks.port import Purpose
from directory.networks.sign_in_errors import SignInExpired
from directory.services.housekeeping import STEP, Housekeeping
from directory.services.membership import Membership
from directory.services.signing_in import Departure, SigningIn
from directory.store.database import Database
from directory.store.member_tables import PURGES
from directory.vault import Secret
from tests.directory.members.people import at_bluesky
from tests.harness.clock import FakeClock


def departure(state: str, member: UUID | None = None) -> Departure:
    return Departure(state, Purpose.PROVE, AccountNetwork.BLUESKY, member, Secret(b"verifier"))


@pytest.fixture
async def account(membership: Membership) -> LinkedAccount:
    return (await membership.sign_in(at_bluesky("ada"))).account


@pytest.fixture
def member(account: LinkedAccount) -> UUID:
    return account.member


@pytest.fixture
def housekeeping(database: Database, clock: FakeClock) -> Housekeeping:
    return Housekeeping(database, clock)


async def test_a_browser_that_left_comes_back(signing_in: SigningIn) -> None:
    browser, state = new_token(), new_token()
    await signing_in.begin(browser, departure(state))
    returned = await signing_in.finish(browser, state, None)
    assert (returned.purpose, returned.network, returned.member) == (
        Purpose.PROVE,
        AccountNetwork.BLUESKY,
        None,
    )
    assert returned.secrets.reveal() == b"verifier"


async def test_a_state_serves_once(signing_in: SigningIn) -> None:
    """Replay: whoever reads the address that the browser came back with, from a log or over a shoulder."""
    browser, state = new_token(), new_token()
    await signing_in.begin(browser, departure(state))
    await signing_in.finish(browser, state, None)
    with pytest.raises(SignInExpired):
        await signing_in.finish(browser, state, None)


async def test_of_many_returns_at_once_one_gets_in(signing_in: SigningIn) -> None:
    """Replay in the very moment of the first use."""
    browser, state = new_token(), new_token()
    await signing_in.begin(browser, departure(state))
    results = await asyncio.gather(
        *(signing_in.finish(browser, state, None) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(result, SignInExpired) for result in results) == 7


async def test_login_csrf(signing_in: SigningIn) -> None:
    """An attacker begins a sign-in, and has a victim's browser finish it: the victim would be signed in as
    the attacker, and publish under the attacker's membership. The attacker's own browser may still go on."""
    attacker, victim, state = new_token(), new_token(), new_token()
    await signing_in.begin(attacker, departure(state))
    for browser in (victim, "", state, "x" * 5_000):
        with pytest.raises(SignInExpired):
            await signing_in.finish(browser, state, None)
    assert await signing_in.finish(attacker, state, None)


async def test_who_links_is_who_began(signing_in: SigningIn, member: UUID) -> None:
    """Somebody else signs in, in the same browser, while a link is under way: nothing is linked to them."""
    browser = new_token()
    for began_as, now_as in ((member, uuid4()), (member, None), (None, member)):
        state = new_token()
        await signing_in.begin(browser, departure(state, began_as))
        with pytest.raises(SignInExpired):
            await signing_in.finish(browser, state, now_as)
        with pytest.raises(SignInExpired):
            await signing_in.finish(browser, state, began_as)


async def test_a_sign_in_waits_ten_minutes(signing_in: SigningIn, clock: FakeClock) -> None:
    browser, first, second = new_token(), new_token(), new_token()
    await signing_in.begin(browser, departure(first))
    await signing_in.begin(browser, departure(second))
    clock.advance(minutes=10, seconds=-1)
    await signing_in.finish(browser, first, None)
    clock.advance(seconds=1)
    with pytest.raises(SignInExpired):
        await signing_in.finish(browser, second, None)


async def test_a_browser_has_few_sign_ins_under_way(signing_in: SigningIn, clock: FakeClock) -> None:
    browser = new_token()
    states = [new_token() for _ in range(MAX_SIGN_INS + 1)]
    for state in states:
        await signing_in.begin(browser, departure(state))
        clock.advance(seconds=1)
    with pytest.raises(SignInExpired):
        await signing_in.finish(browser, states[0], None)
    for state in states[1:]:
        await signing_in.finish(browser, state, None)


async def test_a_state_has_to_be_long(signing_in: SigningIn) -> None:
    with pytest.raises(ValueError, match="state"):
        await signing_in.begin(new_token(), departure("1234"))
    with pytest.raises(MemberGone):
        await signing_in.begin(new_token(), departure(new_token(), uuid4()))


async def test_the_database_knows_neither_state_nor_browser_nor_verifier(
    signing_in: SigningIn, database: Database
) -> None:
    browser, state = new_token(), new_token()
    await signing_in.begin(browser, departure(state))
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT * FROM sign_in")
    assert row is not None
    stored = b"".join(value for value in row.values() if isinstance(value, bytes))
    assert not any(secret in stored for secret in (browser.encode(), state.encode(), b"verifier"))


async def test_a_session_is_known_by_its_token(
    signing_in: SigningIn, account: LinkedAccount, database: Database
) -> None:
    token, session = await signing_in.start_session(account, "Firefox on Linux")
    assert await signing_in.session_of(token) == session
    for wrong in ("", new_token(), token + "x", "é" * 20, "\ud800", "x" * 5_000):
        assert await signing_in.session_of(wrong) is None
    async with database.connection() as connection:
        stored = await connection.fetchval("SELECT token_hash FROM member_session")
    assert stored == hash_token(token)
    assert len(token) == 43


async def test_a_token_from_before_the_sign_in_is_worth_nothing_after(
    signing_in: SigningIn, account: LinkedAccount, membership: Membership
) -> None:
    """Session fixation: a token that an attacker has planted, or seen, before the victim signs in."""
    planted, _ = await signing_in.start_session(
        (await membership.sign_in(at_bluesky("eve"))).account, "planted"
    )
    token, session = await signing_in.start_session(account, "Firefox", former=planted)
    assert token != planted
    assert await signing_in.session_of(planted) is None
    assert await signing_in.session_of(token) == session
    unknown = new_token()
    token, _ = await signing_in.start_session(account, "Firefox", former=unknown)
    assert token != unknown
    assert await signing_in.session_of(unknown) is None


async def test_a_session_that_nobody_uses_ends(
    signing_in: SigningIn, account: LinkedAccount, member: UUID, clock: FakeClock
) -> None:
    token, _ = await signing_in.start_session(account, "Firefox")
    clock.advance(days=29)
    assert await signing_in.session_of(token)
    clock.advance(days=29)
    assert await signing_in.session_of(token)
    clock.advance(days=30)
    assert await signing_in.session_of(token) is None
    assert await signing_in.sessions(member) == []


async def test_a_session_ends_however_much_it_is_used(
    signing_in: SigningIn, account: LinkedAccount, clock: FakeClock
) -> None:
    token, _ = await signing_in.start_session(account, "Firefox")
    for _ in range(9):
        clock.advance(days=19)
        assert await signing_in.session_of(token)
    clock.advance(days=9)
    assert await signing_in.session_of(token) is None


async def test_the_last_use_is_kept_by_the_hour(
    signing_in: SigningIn, account: LinkedAccount, member: UUID, clock: FakeClock
) -> None:
    token, session = await signing_in.start_session(account, "Firefox")
    clock.advance(minutes=59)
    await signing_in.session_of(token)
    assert (await signing_in.sessions(member))[0].used_at == session.used_at
    clock.advance(minutes=1)
    await signing_in.session_of(token)
    assert (await signing_in.sessions(member))[0].used_at == clock.now()


async def test_signing_out_here_there_and_everywhere(
    signing_in: SigningIn, account: LinkedAccount, member: UUID, membership: Membership
) -> None:
    tokens = [await signing_in.start_session(account, f"browser {number}") for number in range(4)]
    stranger = (await membership.sign_in(at_bluesky("eve"))).member
    assert not await signing_in.end_session(stranger, tokens[0][1].id)
    assert await signing_in.end_session(member, tokens[0][1].id)
    await signing_in.sign_out(tokens[1][0])
    assert {session.id for session in await signing_in.sessions(member)} == {
        session.id for _, session in tokens[2:]
    }
    assert await signing_in.sign_out_everywhere(member, but=tokens[2][1].id) == 1
    assert await signing_in.session_of(tokens[2][0])
    assert await signing_in.sign_out_everywhere(member) == 1
    assert all([await signing_in.session_of(token) is None for token, _ in tokens])


async def test_sessions_and_their_labels_are_bounded(
    signing_in: SigningIn, account: LinkedAccount, member: UUID, clock: FakeClock
) -> None:
    first, _ = await signing_in.start_session(account, "x" * 1_000)
    for _ in range(MAX_SESSIONS):
        clock.advance(seconds=1)
        await signing_in.start_session(account, "Firefox")
    assert len(await signing_in.sessions(member)) == MAX_SESSIONS
    assert await signing_in.session_of(first) is None
    with pytest.raises(MemberGone):
        await signing_in.start_session(msgspec.structs.replace(account, member=uuid4()), "Firefox")


async def test_what_ran_out_is_put_away(
    signing_in: SigningIn, account: LinkedAccount, housekeeping: Housekeeping, clock: FakeClock
) -> None:
    await signing_in.start_session(account, "Firefox")
    await signing_in.begin(new_token(), departure(new_token()))
    assert set((await housekeeping.run()).values()) == {0}
    clock.advance(days=31)
    done = await housekeeping.run()
    assert (done["member_session"], done["sign_in"]) == (1, 1)
    assert all(count < STEP for count in done.values())
    assert set((await housekeeping.run()).values()) == {0}


@pytest.mark.parametrize("fault", [ValueError, DirectoryUnavailable])
async def test_a_table_that_cannot_be_purged_keeps_no_other_from_it(
    signing_in: SigningIn,
    housekeeping: Housekeeping,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    fault: type[Exception],
) -> None:
    """Fault: one purge that failed each time, or took too long each time, ended all that came after it, for ever: sessions,
    sign-ins under way, and lists whose consent has expired stayed."""

    async def fails(*_: object) -> int:
        raise fault("a row that nobody thought of")

    await signing_in.begin(new_token(), departure(new_token()))
    clock.advance(days=1)
    first = next(iter(PURGES))
    monkeypatch.setitem(PURGES, first, fails)
    with pytest.raises(DirectoryUnavailable if fault is DirectoryUnavailable else ExceptionGroup):
        await housekeeping.run()
    monkeypatch.undo()
    assert set((await housekeeping.run()).values()) == {0}


async def test_what_a_clock_that_ran_ahead_began_does_not_last_longer(
    signing_in: SigningIn, account: LinkedAccount, housekeeping: Housekeeping, clock: FakeClock
) -> None:
    """The machine's clock was 400 days ahead for an hour: a session from then lasted 580 days, and the way back of a
    sign-in stayed open for 400."""
    browser, first, second = new_token(), new_token(), new_token()
    clock.advance(days=400)
    token, _ = await signing_in.start_session(account, "Firefox")
    await signing_in.begin(browser, departure(first))
    await signing_in.begin(browser, departure(second))
    clock.advance(days=-400)
    assert await signing_in.session_of(token) is None
    with pytest.raises(SignInExpired):
        await signing_in.finish(browser, first, None)
    done = await housekeeping.run()
    assert (done["member_session"], done["sign_in"]) == (1, 1)


async def test_a_use_by_a_clock_that_ran_ahead_is_no_use_of_next_year(
    signing_in: SigningIn, account: LinkedAccount, clock: FakeClock
) -> None:
    token, _ = await signing_in.start_session(account, "Firefox")
    clock.advance(days=29)
    assert await signing_in.session_of(token)
    clock.advance(days=-28)
    assert await signing_in.session_of(token)
    clock.advance(days=30)
    assert await signing_in.session_of(token) is None


async def test_a_session_of_a_machine_whose_clock_differs(
    signing_in: SigningIn, account: LinkedAccount, clock: FakeClock
) -> None:
    token, _ = await signing_in.start_session(account, "Firefox")
    clock.advance(minutes=-59)
    assert await signing_in.session_of(token)
