"""Whatever happens to a run, in whatever order: nobody is followed twice, nobody is lost, and an undo restores what was."""

from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from directory.follows.errors import FollowError
from directory.follows.states import ItemState, RunState
from directory.networks.port import Purpose
from directory.networks.sign_in_errors import NeedsSignIn
from directory.services.membership import Membership
from directory.services.permissions import Permissions
from directory.store.claims import ClaimStore
from directory.store.database import Database
from directory.store.follow_runs import RUN_LEASE
from directory.store.members import MemberStore
from directory.store.revocations import RevocationStore
from directory.store.tokens import TokenStore
from directory.vault import Vault
from tests.directory.follows.site import FollowSite, handle
from tests.harness.clock import FakeClock
from tests.harness.fake_follows import FakeNetwork, Killed

PEOPLE = 7
WITHDRAWN = 3
BEFORE = (2, 5)

ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("kill"), st.integers(1, 25)),
        st.tuples(
            st.sampled_from(["step", "pause", "resume", "cancel", "retry", "lose", "permit"]), st.just(0)
        ),
        st.tuples(st.sampled_from(["down", "up", "later"]), st.integers(1, 90)),
    ),
    max_size=14,
)


async def act(site: FollowSite, what: str, number: int) -> None:
    """Does one thing to the run, or to its world; what is refused changes nothing."""
    moves = {
        "pause": site.following.pause,
        "resume": site.following.resume,
        "cancel": site.following.cancel,
        "retry": site.following.retry_failed,
    }
    if what in moves:
        with suppress(FollowError):
            await moves[what](site.member, (await site.only_run()).id)
    elif what == "kill":
        site.network.kill_in = number
    elif what == "lose":
        with suppress(NeedsSignIn):
            site.network.lost.add((await site.permissions.read(site.account, Purpose.FOLLOW)).access)
    elif what == "permit":
        await site.permit(f"token {len(site.network.lost)}")
    elif what in {"down", "up"}:
        site.network.is_down = what == "down"
    elif what == "later":
        site.clock.advance(minutes=number)
    else:
        await step(site)


async def step(site: FollowSite) -> None:
    try:
        await site.run_once()
    except Killed:
        site.clock.advance(seconds=RUN_LEASE.total_seconds())


async def end(site: FollowSite, wanted: RunState) -> None:
    """The world is well again, and the member signs in where that is asked for, until the run has ended."""
    site.network.is_down, site.network.kill_in = False, None
    for number in range(10):
        run = await site.only_run()
        if run.state in {RunState.PAUSED, RunState.CANCELLED}:
            await site.following.resume(site.member, run.id)
        await site.permit(f"well {wanted} {number} {len(site.network.asked)}")
        if (await site.drive()).state is wanted:
            return
    raise AssertionError(await site.only_run())


@given(acts=ACTS, then=ACTS, names_records=st.booleans(), slow=st.booleans())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_everybody_once_and_an_undo_restores_what_was(
    database: Database,
    tmp_path: Path,
    acts: list[tuple[str, int]],
    then: list[tuple[str, int]],
    *,
    names_records: bool,
    slow: bool,
) -> None:
    site = await new_site(database, tmp_path)
    site.network.batch, site.network.names_records, site.network.slow_to_tell = 3, names_records, slow
    site.network.follow_by_hand(*map(handle, BEFORE))
    before = list(site.network.records)
    run = await site.start(*range(PEOPLE))
    for what, number in acts:
        await act(site, what, number)
    await end(site, RunState.DONE)
    expected = {handle(number) for number in range(PEOPLE) if number != WITHDRAWN} | set(map(handle, BEFORE))
    assert site.network.followed == sorted(expected)
    assert await site.states(run) == {
        ItemState.FOLLOWED: PEOPLE - len(BEFORE) - 1,
        ItemState.ALREADY: len(BEFORE),
        ItemState.SKIPPED: 1,
    }
    await site.following.undo(site.member, run.id)
    for what, number in then:
        await act(site, what, number)
    await end(site, RunState.UNDONE)
    assert site.network.records == before


async def new_site(database: Database, folder: Path) -> FollowSite:
    """An instance with nobody else in it."""
    clock = FakeClock()
    async with database.connection() as connection:
        await connection.execute("TRUNCATE member, mapping, revocation CASCADE")
    vault = Vault.open(folder, now=clock.now(), may_create=True)
    site = FollowSite(
        database=database,
        clock=clock,
        permissions=Permissions(TokenStore(database), RevocationStore(database), vault, clock),
        membership=Membership(MemberStore(database), ClaimStore(database), clock),
        network=FakeNetwork(clock=clock),
    )
    await site.join()
    await site.publish(*(number for number in range(PEOPLE) if number != WITHDRAWN))
    return site
