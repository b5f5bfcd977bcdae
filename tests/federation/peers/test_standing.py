"""Who may change a peer's standing, and what it changes."""

import pytest

from directory.answers import take_in_leaves
from directory.origins import Authority, Standing
from directory.store.database import Database
from directory.store.origins import OriginStore
from federation.errors import StandingRefused, UnknownPeer
from federation.peers.standing import PeerStandings
from tests.directory.test_answers import said
from tests.harness.clock import START
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky

LESS_TRUST = {
    (Standing.FOLLOWING, Standing.LIMITED),
    (Standing.FOLLOWING, Standing.FROZEN),
    (Standing.LIMITED, Standing.FROZEN),
    (Standing.SUSPENDED, Standing.FROZEN),
}


@pytest.fixture
async def standings(database: Database) -> PeerStandings:
    async with database.transaction() as connection:
        for origin in (ORIGIN, OTHER_ORIGIN):
            await take_in_leaves(connection, origin, said(bluesky("jack", 12, origin=origin)), START)
    return PeerStandings(OriginStore(database), ORIGIN)


@pytest.mark.parametrize("before", Standing)
@pytest.mark.parametrize("after", Standing)
async def test_software_only_ever_takes_trust_away(
    standings: PeerStandings, before: Standing, after: Standing
) -> None:
    """What froze a peer on evidence, or limited it, must not be talked into following it again."""
    await standings.change(OTHER_ORIGIN, before, Authority.OPERATOR)
    if before is after or (before, after) in LESS_TRUST:
        assert await standings.change(OTHER_ORIGIN, after, Authority.SOFTWARE) is before
        assert await standings.standing_of(OTHER_ORIGIN) is after
    else:
        with pytest.raises(StandingRefused):
            await standings.change(OTHER_ORIGIN, after, Authority.SOFTWARE)
        assert await standings.standing_of(OTHER_ORIGIN) is before
        assert await standings.change(OTHER_ORIGIN, after, Authority.OPERATOR) is before


async def test_our_own_log_and_a_stranger_are_no_peers(standings: PeerStandings) -> None:
    """An operator who suspended their own log by a slip would find their members gone."""
    for origin in (ORIGIN, ORIGIN.title().replace("/Log", "/log"), "nobody.example/log", "one.example", ""):
        with pytest.raises(UnknownPeer):
            await standings.change(origin, Standing.SUSPENDED, Authority.OPERATOR)


async def test_a_peer_is_found_however_its_origin_is_typed(standings: PeerStandings) -> None:
    """Attack by slip: a peer that must stop answering goes on, since its name was typed in capitals."""
    assert (
        await standings.change("Two.Example./log", Standing.SUSPENDED, Authority.OPERATOR)
        is Standing.FOLLOWING
    )
    assert await standings.standing_of(OTHER_ORIGIN) is Standing.SUSPENDED
