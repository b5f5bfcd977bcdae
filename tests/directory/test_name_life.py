"""How long a name answers, and when it was last seen to hold: computed from the evidence, kept beside it."""

import asyncio
from datetime import datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from directory.doubts import Doubt
from directory.mappings import X_SIGN_IN_NAMES, Evidence, EvidenceKind, Mapping
from directory.queries import Query, parse_lines
from directory.ranking import MatchedBy, select_candidates
from directory.services.batching import LookupBatcher
from directory.services.lookup import Lookup
from directory.store.database import Database
from tests.harness.clock import START, FakeClock
from tests.harness.mappings import ORIGIN, bluesky, mastodon
from tests.harness.stored import StoredMappings

K = EvidenceKind
DAY = timedelta(days=1)
X_LINK = "https://x.com/jack"
PROFILE = "https://bsky.app/profile/did:plc:ewvi7nxzyoun6zhxrhs64oiz"


def proven_by(mapping: Mapping, *evidence: Evidence) -> Mapping:
    """Returns the mapping with this evidence of its X side alone."""
    there = (piece for piece in mapping.evidence if not piece.binds_x)
    return msgspec.structs.replace(mapping, evidence=(*evidence, *there))


def signed_in(at: datetime = START, x_id: int = 12, name: str = "jack") -> Mapping:
    """Returns the mapping of somebody who signed in with X."""
    return proven_by(bluesky(name, x_id), Evidence(K.X_OAUTH, at))


def test_a_name_that_an_x_sign_in_alone_proves_ends_after_60_days() -> None:
    at = START - 10 * DAY
    lasting = START + timedelta(days=180)
    sign_in = Evidence(K.X_OAUTH, at)
    assert proven_by(bluesky("jack", 12), sign_in).name_until == at + X_SIGN_IN_NAMES
    assert proven_by(bluesky("jack", 12), sign_in, Evidence(K.X_OAUTH, START)).name_until == (
        START + X_SIGN_IN_NAMES
    )
    link = Evidence(K.PROFILE_LINK, START, X_LINK)
    assert proven_by(bluesky("jack", 12), sign_in, link).name_until == at + X_SIGN_IN_NAMES
    for kind in (K.X_POST_ID, K.X_POST_HANDLE, K.X_CONFIRMED):
        assert proven_by(bluesky("jack", 12), sign_in, Evidence(kind, at)).name_until == lasting
    assert bluesky("jack", 12).name_until == lasting


def test_a_sign_in_in_the_future_gives_a_name_no_longer_life() -> None:
    """A peer's body told a sign-in of next year, and its name would have answered until the mapping expired."""
    assert signed_in(START + timedelta(days=400)).name_until == START + X_SIGN_IN_NAMES


def test_a_name_ends_with_its_mapping_at_the_latest() -> None:
    short = msgspec.structs.replace(signed_in(), expires=START + 5 * DAY)
    assert short.name_until == START + 5 * DAY


async def test_a_name_proven_by_an_x_sign_in_answers_for_60_days_and_its_id_goes_on(
    mapping_store: StoredMappings, clock: FakeClock
) -> None:
    """Account 12 signed in with X as @jack and sold the name. Nothing looks at a sign-in again: for six months
    @jack led to the seller, `bound`, and was followed unseen."""
    await mapping_store.add([signed_in(), proven_by(bluesky("nina", 13), Evidence(K.X_POST_ID, START))])
    lookup = Lookup(mapping_store, clock, ORIGIN)
    by_name, by_id = Query.parse("@jack"), Query.parse("12")
    clock.advance(days=60, seconds=-1)
    assert [answer.may_follow for answer in (await lookup.lookup(by_name)).answers] == [True]
    clock.advance(seconds=1)
    assert (await lookup.lookup(by_name)).answers == ()
    assert await lookup.match([by_name], with_evidence=False) == []
    for query in (by_id, Query.parse_pair("12", "jack"), Query.parse_pair("12", "renamed")):
        (answer,) = (await lookup.lookup(query)).answers
        assert (answer.matched_by, answer.may_follow) == (MatchedBy.ID, True)
    assert (await lookup.lookup(Query.parse("@nina"))).answers


async def test_a_name_that_ended_is_not_found_through_an_id_beside_it(
    mapping_store: StoredMappings, clock: FakeClock
) -> None:
    """Look-ups share a statement: somebody asked for the id, and the mapping that it found answered the name that
    somebody else asked for."""
    await mapping_store.add([signed_in()])
    clock.advance(days=61)
    by_id, by_name = Query.parse("12"), Query.parse("@jack")
    batcher = LookupBatcher(mapping_store, clock, ORIGIN)
    found = await asyncio.gather(batcher.lookup(by_id), batcher.lookup(by_id), batcher.lookup(by_name))
    assert [len(match.answers) for match in found] == [1, 1, 0]
    for with_evidence in (True, False):
        matches = await Lookup(mapping_store, clock, ORIGIN).match(
            [by_id, by_name], with_evidence=with_evidence
        )
        assert [match.query for match in matches] == [by_id]


async def test_a_long_list_sees_the_same_age_as_one_lookup(
    mapping_store: StoredMappings, clock: FakeClock
) -> None:
    """Lists are read without evidence, which alone told when the name was proven: every old name was today's.

    A name counts from when the mapping was issued, not from its proof: a sign-in at X may have shown the name since,
    which the account of the proof did not bear then. Who bore it in between may be who is meant."""
    post = Evidence(K.X_POST_ID, START - 100 * DAY)
    await mapping_store.add([proven_by(bluesky("jack"), post), proven_by(mastodon("jack"), post)])
    lookup = Lookup(mapping_store, clock, ORIGIN)
    for days, doubt in ((365, None), (366, Doubt.NAME_SEEN_LONG_AGO)):
        queries = parse_lines(f"12,jack,f,{(START - days * DAY).date()}")
        for with_evidence in (True, False):
            (match,) = await lookup.match(queries, with_evidence=with_evidence)
            assert [answer.doubt for answer in match.answers] == [doubt, doubt]


async def test_what_is_stored_is_what_the_evidence_tells(
    mapping_store: StoredMappings, database: Database
) -> None:
    mappings = [
        signed_in(START - 7 * DAY),
        proven_by(bluesky("nina"), Evidence(K.X_CONFIRMED, START - DAY)),
        proven_by(bluesky("eve"), Evidence(K.PROFILE_LINK, START - 2 * DAY, X_LINK)),
        bluesky("mia"),
    ]
    await mapping_store.add(mappings)
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT name_until FROM mapping ORDER BY id")
    assert [row["name_until"] for row in rows] == [each.name_until for each in mappings]


def test_a_newcomer_is_not_found_by_a_name_that_ended() -> None:
    ended = msgspec.structs.replace(signed_in(), answers_by_name=False)
    (by_name,), (by_id,) = parse_lines(",jack,f"), parse_lines("12,jack,f")
    assert select_candidates(by_name, [ended]) == []
    assert select_candidates(by_id, [ended])
    assert select_candidates(by_name, [signed_in()])


@given(
    st.lists(
        st.builds(
            Evidence,
            st.sampled_from(EvidenceKind),
            st.integers(-400, 400).map(lambda days: START + days * DAY),
            st.sampled_from([None, X_LINK, PROFILE]),
        ),
        max_size=5,
    )
)
def test_a_name_never_outlives_its_mapping_and_a_sign_in_never_60_days(evidence: list[Evidence]) -> None:
    mapping = msgspec.structs.replace(bluesky("jack", 12), evidence=tuple(evidence))
    assert mapping.name_until <= mapping.expires
    if {piece.kind for piece in evidence if piece.binds_x} == {K.X_OAUTH}:
        assert mapping.name_until <= mapping.issued + X_SIGN_IN_NAMES
