"""Publications: previewed, published, changed, withdrawn at once, and expired by themselves."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from directory.accounts import ProvenAccount
from directory.identifiers import XId
from directory.mapping_life import MappingState
from directory.mappings import Evidence, EvidenceKind, Network, Strength
from directory.members.consents import ConsentKind
from directory.members.errors import (
    ConsentMissing,
    ConsentOutdated,
    MemberGone,
    NotNamed,
    NotProven,
    ProofTooOld,
    UnknownAccount,
    UnknownPublication,
)
from directory.members.publications import KEEP_EXPIRED, VALIDITY, PublicationState, Wish
from directory.queries import Query
from directory.services.consenting import Consenting
from directory.services.lookup import Lookup
from directory.services.membership import Membership
from directory.store.database import Database
from directory.store.publications import PublicationStore
from federation.protocol.statement import Statement, encode_statement
from tests.directory.members.conftest import Join
from tests.directory.members.logged import LoggedPublishing
from tests.directory.members.people import (
    at_bluesky,
    at_mastodon,
    bluesky,
    mastodon,
    names_of,
    on_x,
    x_account,
)
from tests.harness.clock import START, FakeClock


async def answers(lookup: Lookup, asked: str) -> list[str]:
    """Looks up the handles that an account leads to now."""
    match = await lookup.lookup(Query.parse(asked))
    return [str(answer.mapping.target_handle) for answer in match.answers]


async def mapping_rows(database: Database) -> int:
    async with database.connection() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM mapping"))


async def test_what_was_previewed_is_what_the_world_sees(
    publishing: LoggedPublishing, lookup: Lookup, join: Join
) -> None:
    member, wish = await join("ada", 5)
    seen_before = await publishing.preview(member, wish)
    published = await publishing.publish(member, wish)
    assert published.state(seen_before.issued) is PublicationState.PENDING
    assert await answers(lookup, "5") == [], "pending mappings do not answer"
    assert await publishing.say() == 1
    (answer,) = (await lookup.lookup(Query.parse("5"))).answers
    assert answer.mapping == msgspec.structs.replace(seen_before, leaf=1)
    assert answer.mapping.strength is Strength.BOUND
    assert answer.mapping.expires - answer.mapping.issued == VALIDITY
    assert await publishing.say() == 0


async def test_what_is_published_can_be_said_in_the_log(
    publishing: LoggedPublishing, join: Join, clock: FakeClock
) -> None:
    clock.advance(microseconds=123_456)
    member, wish = await join("ada", 5)
    mapping = await publishing.preview(member, wish)
    statement = Statement.of(mapping)
    assert (statement.evidence, statement.issued) == (mapping.evidence, mapping.issued)
    assert encode_statement(statement)


async def test_an_id_is_told_only_where_it_was_proven(
    publishing: LoggedPublishing, lookup: Lookup, join: Join
) -> None:
    member, wish = await join("ada", None)
    published = await publishing.publish(member, wish)
    assert (published.x_id, published.strength) == (None, Strength.HANDLE)
    await publishing.say()
    assert await answers(lookup, "@Ada") == ["ada.bsky.example"]


async def test_publishing_takes_a_proof(membership: Membership, publishing: LoggedPublishing) -> None:
    signed_in = await membership.sign_in(at_bluesky("ada"))
    other = await membership.link(signed_in.member, at_mastodon("ada"))
    for wish in (
        Wish(signed_in.account.id, other.id, 1),
        Wish(uuid4(), other.id, 1),
        Wish(other.id, uuid4(), 1),
    ):
        with pytest.raises(UnknownAccount):
            await publishing.preview(signed_in.member, wish)
        with pytest.raises(UnknownAccount):
            await publishing.publish(signed_in.member, wish)


async def test_nobody_publishes_with_somebody_elses_account(
    membership: Membership, publishing: LoggedPublishing, join: Join
) -> None:
    """A form with a victim's account in it would point the victim's followers at the attacker."""
    _, victim = await join("ada", 5)
    eve = await membership.sign_in(at_bluesky("eve"))
    with pytest.raises(UnknownAccount):
        await publishing.publish(eve.member, Wish(victim.x_account, eve.account.id, 1))
    with pytest.raises(UnknownAccount):
        await publishing.preview(eve.member, Wish(victim.x_account, eve.account.id, 1))


async def test_a_profile_link_that_is_not_on_x_proves_nothing(
    membership: Membership, publishing: LoggedPublishing
) -> None:
    """A link on one's own page claims any X account that one likes."""
    signed_in = await membership.sign_in(at_bluesky("ada"))
    claimed = on_x("star")
    linked = claimed.evidence.__class__(
        EvidenceKind.PROFILE_LINK, claimed.evidence.at, "https://blog.example/", names_of(bluesky("ada"))
    )
    account = await membership.link(signed_in.member, ProvenAccount(claimed.account, linked))
    with pytest.raises(NotProven):
        await publishing.publish(signed_in.member, Wish(account.id, signed_in.account.id, 1))


async def test_publishing_takes_a_consent_to_the_present_text(
    publishing: LoggedPublishing, consenting: Consenting, join: Join
) -> None:
    member, wish = await join("ada", 5)
    bare = Wish(wish.x_account, wish.target_account)
    with pytest.raises(ConsentMissing):
        await publishing.publish(member, bare)
    with pytest.raises(ConsentOutdated):
        await publishing.publish(member, Wish(wish.x_account, wish.target_account, 0))
    assert await publishing.list_of(member) == []
    assert await consenting.history(member) == []
    await publishing.publish(member, wish)
    assert (await consenting.present(member))[ConsentKind.PUBLISH].version == 1
    await publishing.publish(member, bare)
    await publishing.publish(member, wish)
    assert len(await consenting.history(member)) == 1


async def test_taking_the_consent_back_withdraws_everything(
    publishing: LoggedPublishing, consenting: Consenting, lookup: Lookup, join: Join
) -> None:
    member, wish = await join("ada", 5)
    await publishing.publish(member, wish)
    await publishing.say()
    assert await consenting.withdraw(member, ConsentKind.PUBLISH)
    assert await answers(lookup, "5") == []
    assert await publishing.list_of(member) == []
    assert not await consenting.withdraw(member, ConsentKind.PUBLISH)


async def test_withdrawing_stops_answering_at_once(
    publishing: LoggedPublishing, lookup: Lookup, database: Database, join: Join, clock: FakeClock
) -> None:
    member, wish = await join("ada", 5)
    published = await publishing.publish(member, wish)
    await publishing.say()
    with pytest.raises(UnknownPublication):
        await publishing.withdraw((await join("eve", 6))[0], published.id)
    assert await answers(lookup, "5") == ["ada.bsky.example"]
    await publishing.withdraw(member, published.id)
    assert await answers(lookup, "5") == []
    assert await mapping_rows(database) == 1, "the log has still to revoke it"
    await publishing.say()
    assert await mapping_rows(database) == 0, "and then nothing is left behind"
    with pytest.raises(UnknownPublication):
        await publishing.withdraw(member, published.id)
    with pytest.raises(MemberGone):
        await publishing.withdraw(uuid4(), published.id)


async def test_a_withdrawn_pending_mapping_never_answers(
    publishing: LoggedPublishing, lookup: Lookup, join: Join
) -> None:
    member, wish = await join("ada", 5)
    published = await publishing.publish(member, wish)
    await publishing.withdraw(member, published.id)
    assert await publishing.say() == 0
    assert await answers(lookup, "5") == []


async def test_of_a_logged_mapping_only_its_leaf_is_kept(
    publishing: LoggedPublishing, database: Database, join: Join
) -> None:
    """The log has still to revoke the leaf; whose it was is nobody's business any more."""
    member, wish = await join("ada", 5)
    published = await publishing.publish(member, wish)
    await publishing.say()
    await publishing.withdraw(member, published.id)
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT * FROM mapping")
    assert row is not None
    assert (row["state"], row["leaf"], row["x_id"]) == (MappingState.WITHDRAWN, 1, None)
    assert "ada" not in str(dict(row))


async def test_publishing_twice_is_publishing_once(
    publishing: LoggedPublishing, database: Database, join: Join
) -> None:
    member, wish = await join("ada", 5)
    first = await publishing.publish(member, wish)
    assert await publishing.publish(member, wish) == first
    await publishing.say()
    assert (await publishing.publish(member, wish)).id == first.id
    assert await mapping_rows(database) == 1


async def test_two_clicks_at_once_publish_once(
    publishing: LoggedPublishing, database: Database, join: Join
) -> None:
    member, wish = await join("ada", 5)
    published = await asyncio.gather(*(publishing.publish(member, wish) for _ in range(4)))
    assert len({publication.id for publication in published}) == 1
    assert await mapping_rows(database) == 1


async def test_each_network_has_its_own_publication(
    membership: Membership, publishing: LoggedPublishing, lookup: Lookup, join: Join
) -> None:
    member, wish = await join("ada", 5)
    other = await membership.link(member, at_mastodon("ada"))
    await publishing.publish(member, wish)
    await publishing.publish(member, Wish(wish.x_account, other.id))
    await publishing.say()
    assert sorted(await answers(lookup, "5")) == ["ada.bsky.example", "ada@social.example"]
    bluesky = next(each for each in await publishing.list_of(member) if each.network is Network.BLUESKY)
    await publishing.withdraw(member, bluesky.id)
    assert await answers(lookup, "5") == ["ada@social.example"]
    assert await publishing.withdraw_all(member) == 1
    assert await answers(lookup, "5") == []


async def test_another_target_takes_the_place_of_the_first(
    membership: Membership, publishing: LoggedPublishing, lookup: Lookup, database: Database, join: Join
) -> None:
    member, wish = await join("ada", 5)
    first = await publishing.publish(member, wish)
    await publishing.say()
    other = await membership.link(member, at_bluesky("ada2"))
    await membership.link(member, on_x("ada", 5, post=2, names=[bluesky("ada2")]))
    second = await publishing.publish(member, Wish(wish.x_account, other.id))
    assert (second.id, second.published_at) == (first.id, first.published_at)
    assert await answers(lookup, "5") == [], "the former target is no longer meant"
    await publishing.say()
    assert await answers(lookup, "5") == ["ada2.bsky.example"]
    assert await mapping_rows(database) == 1


async def test_a_new_label_is_said_without_a_gap(
    membership: Membership, publishing: LoggedPublishing, lookup: Lookup, database: Database, join: Join
) -> None:
    member, wish = await join("ada", 5)
    await publishing.publish(member, wish)
    await publishing.say()
    await membership.sign_in(at_bluesky("ada", handle="ada.example"))
    (publication,) = await publishing.list_of(member)
    assert str(publication.target_handle) == "ada.example"
    assert publication.state(publication.issued) is PublicationState.ACTIVE
    assert await answers(lookup, "5") == ["ada.bsky.example"], (
        "the former label answers until the new one does"
    )
    await membership.sign_in(at_bluesky("ada", handle="ada.dev.example"))
    assert await publishing.say() == 1
    assert await answers(lookup, "5") == ["ada.dev.example"]
    assert await mapping_rows(database) == 1


async def test_withdrawing_while_a_new_label_is_pending_withdraws_both(
    membership: Membership, publishing: LoggedPublishing, lookup: Lookup, database: Database, join: Join
) -> None:
    member, wish = await join("ada", 5)
    published = await publishing.publish(member, wish)
    await publishing.say()
    await membership.sign_in(at_bluesky("ada", handle="ada.example"))
    await publishing.withdraw(member, published.id)
    assert await answers(lookup, "5") == []
    await publishing.say()
    assert await answers(lookup, "5") == []
    assert await mapping_rows(database) == 0


async def test_a_better_proof_makes_a_stronger_mapping(
    membership: Membership, publishing: LoggedPublishing, lookup: Lookup, join: Join
) -> None:
    member, wish = await join("ada", None)
    await publishing.publish(member, wish)
    await publishing.say()
    await membership.link(member, on_x("ada", 5, post=2))
    await publishing.say()
    (publication,) = await publishing.list_of(member)
    assert publication.strength is Strength.BOUND
    assert await answers(lookup, "5") == ["ada.bsky.example"]


async def test_a_mapping_runs_out_and_can_be_said_again(
    membership: Membership, publishing: LoggedPublishing, lookup: Lookup, join: Join, clock: FakeClock
) -> None:
    member, wish = await join("ada", 5)
    published = await publishing.publish(member, wish)
    await publishing.say()
    clock.advance(days=180)
    assert await answers(lookup, "5") == []
    (publication,) = await publishing.list_of(member)
    assert publication.state(clock.now()) is PublicationState.EXPIRED
    with pytest.raises(ProofTooOld):
        await publishing.publish(member, wish)
    await membership.sign_in(at_bluesky("ada", at=clock.now()))
    with pytest.raises(ProofTooOld):
        await publishing.publish(member, wish)
    await membership.link(member, on_x("ada", 5, at=clock.now()))
    await publishing.say()
    assert await answers(lookup, "5") == ["ada.bsky.example"], (
        "both proofs are new: it is said again by itself"
    )
    assert (await publishing.publish(member, wish)).id == published.id


async def test_validity_counts_from_the_older_proof(
    membership: Membership, publishing: LoggedPublishing, join: Join, clock: FakeClock
) -> None:
    """Signing in again must not keep a proof alive that was last seen months ago."""
    member, wish = await join("ada", 5)
    began = clock.now()
    clock.advance(days=100)
    await membership.sign_in(at_bluesky("ada", at=clock.now()))
    published = await publishing.publish(member, wish)
    assert published.expires == began + VALIDITY
    assert published.issued == clock.now()


async def test_what_ran_out_long_ago_is_forgotten(
    publishing: LoggedPublishing, database: Database, join: Join, clock: FakeClock
) -> None:
    member, wish = await join("ada", 5)
    await publishing.publish(member, wish)
    store = PublicationStore(database)
    clock.advance(days=180)
    assert await store.drop_expired_publications(clock.now(), 10) == 0
    clock.advance(seconds=KEEP_EXPIRED / timedelta(seconds=1))
    assert await store.drop_expired_publications(clock.now(), 10) == 1
    assert await publishing.list_of(member) == []
    assert await mapping_rows(database) == 0


async def test_unlinking_withdraws_what_is_published_of_the_account(
    membership: Membership, publishing: LoggedPublishing, lookup: Lookup, join: Join
) -> None:
    member, wish = await join("ada", 5)
    other = await membership.link(member, at_mastodon("ada"))
    await publishing.publish(member, wish)
    await publishing.publish(member, Wish(wish.x_account, other.id))
    await publishing.say()
    await membership.unlink(member, other.id)
    assert await answers(lookup, "5") == ["ada.bsky.example"]
    await membership.unlink(member, wish.x_account)
    assert await answers(lookup, "5") == []


async def test_two_who_write_the_log_share_the_work(publishing: LoggedPublishing, join: Join) -> None:
    for number in range(6):
        member, wish = await join("abcdef"[number] * 3, 10 + number)
        await publishing.publish(member, wish)
    assert max(await asyncio.gather(publishing.say(), publishing.say())) == 6
    assert await publishing.say() == 0


async def test_an_old_proof_is_not_turned_to_an_account_that_was_linked_later(
    membership: Membership, publishing: LoggedPublishing, lookup: Lookup, join: Join, clock: FakeClock
) -> None:
    """Mallory has Ada's session for an hour: she links an account of her own, and publishes Ada's X account as that.
    Ada's post never named it. Neither a renewal nor a re-linked account nor a handle of the same form helps her."""
    member, wish = await join("ada", 5)
    await publishing.publish(member, wish)
    await publishing.say()
    stolen = await membership.link(member, at_bluesky("mallory", handle="ada.bsky.example"))
    with pytest.raises(NotNamed):
        await publishing.preview(member, Wish(wish.x_account, stolen.id, 1))
    with pytest.raises(NotNamed):
        await publishing.publish(member, Wish(wish.x_account, stolen.id, 1))
    await membership.unlink(member, wish.target_account)
    with pytest.raises(NotNamed):
        await publishing.publish(member, Wish(wish.x_account, stolen.id, 1))
    await publishing.say()
    assert await answers(lookup, "5") == []
    back = await membership.link(member, at_bluesky("ada", at=clock.now()))
    await publishing.publish(member, Wish(wish.x_account, back.id, 1))
    await publishing.say()
    assert await answers(lookup, "5") == ["ada.bsky.example"], "the account that the post names"


async def test_each_mapping_rests_on_a_proof_that_names_its_target(
    membership: Membership, publishing: LoggedPublishing, join: Join, clock: FakeClock
) -> None:
    """Two posts, each for another account: neither is evidence of the other's mapping, nor gives it its strength or
    its time."""
    member, wish = await join("ada", 5)
    home = await membership.link(member, at_mastodon("elsewhere"))
    clock.advance(days=1)
    by_name = on_x("ada", at=clock.now(), post=2, names=[mastodon("elsewhere")])
    x = await membership.link(member, by_name)
    assert len(x.evidence) == 2
    bound = await publishing.preview(member, Wish(wish.x_account, wish.target_account, 1))
    named = await publishing.preview(member, Wish(wish.x_account, home.id, 1))
    assert (bound.strength, bound.x_id) == (Strength.BOUND, XId(5))
    assert (named.strength, named.x_id) == (Strength.HANDLE, None)
    assert [item.ref for item in bound.evidence if item.kind.is_x_post] == ["https://x.com/i/status/1"]
    assert [item.ref for item in named.evidence if item.kind.is_x_post] == ["https://x.com/i/status/2"]
    assert not any(item.names for item in (*bound.evidence, *named.evidence))
    assert bound.expires == START + VALIDITY


async def test_a_sign_in_with_x_lets_the_name_answer_on(
    membership: Membership, publishing: LoggedPublishing, lookup: Lookup, clock: FakeClock
) -> None:
    """Its name answers for 60 days. Who proves it again after three weeks must not vanish from the look-ups by name
    before the mapping is renewed for other reasons."""
    member = await publish_by_x_sign_in(membership, publishing, clock)
    for days, is_said in ((3, 0), (18, 1)):
        clock.advance(days=days)
        await membership.link(member, x_sign_in(clock, names_of(bluesky("ada"))))
        assert await publishing.say() == is_said
    clock.advance(days=59)
    assert await answers(lookup, "@ada") == ["ada.bsky.example"]
    clock.advance(days=2)
    assert await answers(lookup, "@ada") == []
    assert await answers(lookup, "5") == ["ada.bsky.example"]


async def test_a_sign_in_that_names_nothing_renews_nothing(
    membership: Membership, publishing: LoggedPublishing, lookup: Lookup, clock: FakeClock
) -> None:
    """Who bought the X account signs in with it, and would keep the seller's mapping alive: their followers would be
    led to the seller for as long as the buyer comes back."""
    await publish_by_x_sign_in(membership, publishing, clock)
    for _ in range(6):
        clock.advance(days=29)
        renewed = await membership.sign_in(x_sign_in(clock))
        assert {item.names for item in renewed.account.evidence} == {(), names_of(bluesky("ada"))}
        await membership.sign_in(at_bluesky("ada", at=clock.now()))
        await publishing.say()
    clock.advance(days=7)
    assert await answers(lookup, "5") == []


def x_sign_in(clock: FakeClock, names: tuple[str, ...] = ()) -> ProvenAccount:
    """A sign-in with X now, that names these accounts."""
    evidence = Evidence(EvidenceKind.X_OAUTH, clock.now(), "https://x.com/i/user/5", names)
    return ProvenAccount(x_account("ada", 5), evidence)


async def publish_by_x_sign_in(
    membership: Membership, publishing: LoggedPublishing, clock: FakeClock
) -> UUID:
    """A member whose mapping rests on a sign-in with X."""
    signed_in = await membership.sign_in(at_bluesky("ada"))
    x = await membership.link(signed_in.member, x_sign_in(clock, names_of(bluesky("ada"))))
    await publishing.publish(signed_in.member, Wish(x.id, signed_in.account.id, 1))
    await publishing.say()
    return signed_in.member
