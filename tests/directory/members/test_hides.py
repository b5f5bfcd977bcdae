"""A hidden mapping stays hidden, whatever its origin publishes later, and its member is shown the reason."""

import pytest

from directory.accounts import ProvenAccount
from directory.answers import take_in_leaves
from directory.mappings import Evidence, EvidenceKind, Network
from directory.members.errors import PublicationHidden
from directory.members.publications import PublicationState, Wish
from directory.members.rechecks import Held
from directory.moderation.hides import HIDE_SENTENCES, Hide, HideReason
from directory.queries import Query
from directory.services.leaving import Leaving
from directory.services.lookup import Lookup
from directory.services.membership import Membership
from directory.services.moderation import Moderation
from directory.store.database import Database
from directory.store.hides import HideStore
from directory.store.mapping_rows import ensure_origin, say_mappings_anew
from directory.store.rechecks import RecheckStore
from tests.directory.members.conftest import Join
from tests.directory.members.logged import LoggedPublishing
from tests.directory.members.people import (
    ORIGIN,
    at_bluesky,
    at_mastodon,
    named_alike,
    names_of,
    on_x,
    x_account,
)
from tests.directory.members.people import mastodon as account_at_mastodon
from tests.directory.test_answers import said
from tests.harness.clock import START, FakeClock
from tests.harness.mappings import OTHER_ORIGIN, bluesky, mastodon
from tests.harness.stored import StoredMappings

ADA = Query.parse("5")


@pytest.fixture
def moderation(database: Database, clock: FakeClock) -> Moderation:
    return Moderation(HideStore(database), clock)


async def hide(moderation: Moderation, account: Query = ADA, origin: str = ORIGIN) -> Hide:
    placed = await moderation.hide(account, Network.BLUESKY, origin, HideReason.IMPERSONATION, "mo")
    assert placed is not None
    return placed


def by_link(handle: str, x_id: int) -> ProvenAccount:
    """An X account whose profile links to its member's page; whoever showed it told the id."""
    evidence = Evidence(
        EvidenceKind.PROFILE_LINK, START, f"https://x.com/{handle}", names_of(*named_alike("ada"))
    )
    return ProvenAccount(x_account(handle, x_id), evidence)


async def answers(lookup: Lookup, query: Query = ADA) -> list[str]:
    return [str(answer.mapping.target_handle) for answer in (await lookup.lookup(query)).answers]


async def test_a_hide_holds_when_a_waiting_wording_is_published(
    membership: Membership, publishing: LoggedPublishing, moderation: Moderation, lookup: Lookup, join: Join
) -> None:
    """Once a hide was a state of a row, and undid itself: publish, sign in under a new handle (a new wording waits
    while the old one answers), have the old one hidden, let the log say the new one: it answered again."""
    member, wish = await join("ada", 5)
    await publishing.publish(member, wish)
    await publishing.say()
    await membership.sign_in(at_bluesky("ada", handle="ada.example"))
    await hide(moderation)
    await publishing.say()
    assert await answers(lookup) == []
    (published,) = await publishing.list_of(member)
    assert published.state(published.issued) is PublicationState.HIDDEN
    assert published.hidden is HideReason.IMPERSONATION


async def test_a_wording_that_was_staged_before_the_hide_does_not_answer(
    membership: Membership, publishing: LoggedPublishing, moderation: Moderation, lookup: Lookup, join: Join
) -> None:
    """The hide comes between the leaf and the answer: the log has said it, and still it is not shown."""
    member, wish = await join("ada", 5)
    await publishing.publish(member, wish)
    await publishing.stage()
    await hide(moderation)
    await publishing.say()
    assert await answers(lookup) == []


async def test_a_hide_outlives_renewal_and_recheck(  # noqa: PLR0917 - fixtures
    publishing: LoggedPublishing,
    moderation: Moderation,
    rechecks: RecheckStore,
    lookup: Lookup,
    join: Join,
    clock: FakeClock,
) -> None:
    member, wish = await join("ada", 5)
    await publishing.publish(member, wish)
    await publishing.say()
    placed = await hide(moderation)
    clock.advance(days=61)
    for job in await rechecks.claim_due_rechecks(clock.now(), 10):
        assert await rechecks.record_recheck(job, Held(job.account.account), clock.now())
    await publishing.say()
    assert await answers(lookup) == []
    assert await moderation.lift(placed.id)
    await publishing.say()
    assert await answers(lookup) == ["ada.bsky.example"]


async def test_a_hide_outlives_a_new_handle_on_x(
    membership: Membership, publishing: LoggedPublishing, moderation: Moderation, lookup: Lookup, join: Join
) -> None:
    member, wish = await join("ada", 5)
    await publishing.publish(member, wish)
    await publishing.say()
    await hide(moderation)
    await membership.link(member, on_x("ada_again", 5, names=named_alike("ada")))
    await publishing.say()
    for query in (ADA, Query.parse("@ada"), Query.parse("@ada_again")):
        assert await answers(lookup, query) == []


async def test_no_new_publication_takes_the_place_of_a_hidden_one(
    membership: Membership, publishing: LoggedPublishing, moderation: Moderation, lookup: Lookup, join: Join
) -> None:
    """Another target, withdrawing and publishing again, unlinking and proving again: each of them evaded a hide
    that hung on one row."""
    member, wish = await join("ada", 5)
    published = await publishing.publish(member, wish)
    await publishing.say()
    await hide(moderation)
    other = await membership.link(member, at_bluesky("ada2"))
    await membership.link(member, on_x("ada", 5, names=[*named_alike("ada"), *named_alike("ada2")]))
    for target in (wish.target_account, other.id):
        with pytest.raises(PublicationHidden):
            await publishing.publish(member, Wish(wish.x_account, target))
    await publishing.withdraw(member, published.id)
    with pytest.raises(PublicationHidden):
        await publishing.publish(member, wish)
    await membership.unlink(member, wish.x_account)
    again = await membership.link(member, on_x("ada", 5, names=[*named_alike("ada"), *named_alike("ada2")]))
    with pytest.raises(PublicationHidden):
        await publishing.publish(member, Wish(again.id, other.id))
    await publishing.say()
    assert await answers(lookup) == []


async def test_what_is_hidden_on_one_network_is_published_on_another(
    membership: Membership, publishing: LoggedPublishing, moderation: Moderation, lookup: Lookup, join: Join
) -> None:
    member, wish = await join("ada", 5)
    await publishing.publish(member, wish)
    await publishing.say()
    await hide(moderation)
    other = await membership.link(member, at_mastodon("ada"))
    await publishing.publish(member, Wish(wish.x_account, other.id))
    await publishing.say()
    assert len(await answers(lookup)) == 1


async def test_a_lifted_hide_lets_the_newest_wording_answer(
    membership: Membership, publishing: LoggedPublishing, moderation: Moderation, lookup: Lookup, join: Join
) -> None:
    member, wish = await join("ada", 5)
    await publishing.publish(member, wish)
    await publishing.say()
    placed = await hide(moderation)
    await membership.sign_in(at_bluesky("ada", handle="ada.example"))
    await publishing.say()
    assert await moderation.lift(placed.id)
    assert not await moderation.lift(placed.id)
    await publishing.say()
    assert await answers(lookup) == ["ada.example"]
    (published,) = await publishing.list_of(member)
    assert published.state(published.issued) is PublicationState.ACTIVE


async def test_what_a_peer_says_anew_stays_hidden(
    mapping_store: StoredMappings, moderation: Moderation, lookup: Lookup
) -> None:
    """A peer renews by a new leaf, under a new handle, onto another account: all of it is of the X account that was
    hidden. Another origin, another network and another holder of the handle are not."""
    await mapping_store.add([bluesky("ada", 5, origin=OTHER_ORIGIN)])
    await hide(moderation, origin=OTHER_ORIGIN)
    await mapping_store.add(
        [
            bluesky("ada", 5, origin=OTHER_ORIGIN),
            bluesky("renamed", 5, origin=OTHER_ORIGIN, target="else"),
            bluesky("ada", origin=OTHER_ORIGIN, target="byname"),
        ]
    )
    assert await answers(lookup) == []
    assert await answers(lookup, Query.parse("@ada")) == []
    await mapping_store.add(
        [
            bluesky("ada", 6, origin=OTHER_ORIGIN, target="heir"),
            mastodon("ada", 5, origin=OTHER_ORIGIN),
            bluesky("ada", 5, target="mine"),
        ]
    )
    assert await answers(lookup, Query.parse("6")) == ["heir.bsky.example"]
    assert set(await answers(lookup)) == {"ada@social.example", "mine.bsky.example"}


async def test_what_is_hidden_twice_keeps_its_first_reason(
    mapping_store: StoredMappings, moderation: Moderation
) -> None:
    await mapping_store.add([bluesky("ada", 5)])
    placed = await hide(moderation)
    again = await moderation.hide(ADA, Network.BLUESKY, ORIGIN, HideReason.RULES, "somebody else")
    assert again == placed
    assert await moderation.hides() == [placed]
    assert await moderation.hide(Query.parse("99"), Network.BLUESKY, ORIGIN, HideReason.RULES, "mo") is None


async def test_a_hide_by_handle_learns_the_id(
    membership: Membership, publishing: LoggedPublishing, moderation: Moderation, lookup: Lookup, join: Join
) -> None:
    """Hidden while only the handle is known; then the id is proven, and then X shows another handle: the third step
    led out of a hide that knew the handle alone."""
    member, wish = await join("ada", None)
    await publishing.publish(member, wish)
    await publishing.say()
    await hide(moderation, Query.parse("@ada"))
    for handle in ("ada", "countess"):
        await membership.link(member, on_x(handle, 5, names=named_alike("ada")))
        await publishing.say()
        assert await answers(lookup) == await answers(lookup, Query.parse(f"@{handle}")) == []
    (published,) = await publishing.list_of(member)
    assert published.state(published.issued) is PublicationState.HIDDEN
    with pytest.raises(PublicationHidden):
        await publishing.publish(member, wish)


async def test_a_hide_by_handle_learns_an_id_that_is_proven_while_nothing_is_published(
    membership: Membership, publishing: LoggedPublishing, moderation: Moderation, lookup: Lookup, join: Join
) -> None:
    """The same, but the member withdraws first: no wording told the hide the id, and under the new handle it was not
    recognised."""
    member, wish = await join("ada", None)
    published = await publishing.publish(member, wish)
    await publishing.say()
    await hide(moderation, Query.parse("@ada"))
    await publishing.withdraw(member, published.id)
    await membership.link(member, on_x("ada", 5))
    await membership.link(member, on_x("countess", 5, names=named_alike("ada")))
    with pytest.raises(PublicationHidden):
        await publishing.publish(member, wish)
    await publishing.say()
    assert await answers(lookup) == await answers(lookup, Query.parse("@countess")) == []


async def test_a_hide_holds_for_a_wording_that_leaves_the_id_out(
    membership: Membership, publishing: LoggedPublishing, moderation: Moderation, lookup: Lookup, join: Join
) -> None:
    """We know the id, but the proof is a link and the mapping says the handle alone: a new handle on X led out of the
    hide, as nothing that was compared knew the id."""
    member, _ = await join("ada", None)
    x = await membership.link(member, by_link("lovelace", 5))
    await membership.link(member, at_mastodon("ada"))
    back = Evidence(EvidenceKind.PROFILE_LINK, START, "https://social.example/@ada")
    mine = await membership.link(member, ProvenAccount(account_at_mastodon("ada"), back))
    await publishing.publish(member, Wish(x.id, mine.id, consent=1))
    await publishing.say()
    query = Query.parse("@lovelace")
    assert await answers(lookup, query) == ["ada@social.example"]
    placed = await moderation.hide(query, Network.MASTODON, ORIGIN, HideReason.IMPERSONATION, "mo")
    assert placed is not None
    assert placed.x_id == x.account.id
    await membership.link(member, by_link("countess", 5))
    await publishing.say()
    countess = Query.parse("@countess")
    assert await answers(lookup, query) == await answers(lookup, countess) == []
    (published,) = await publishing.list_of(member)
    assert published.hidden is HideReason.IMPERSONATION
    assert await moderation.lift(placed.id)
    assert await moderation.hides() == []
    await publishing.say()
    assert await answers(lookup, countess) == ["ada@social.example"]


async def test_a_hide_of_the_former_wording_holds_for_the_one_that_waits(
    membership: Membership, publishing: LoggedPublishing, moderation: Moderation, lookup: Lookup, join: Join
) -> None:
    """The new handle on X is known, and its wording waits for the log; a moderator hides what still answers. Neither
    mapping says the id."""
    member, _ = await join("ada", None)
    x = await membership.link(member, by_link("lovelace", 5))
    await membership.link(member, at_mastodon("ada"))
    back = Evidence(EvidenceKind.PROFILE_LINK, START, "https://social.example/@ada")
    mine = await membership.link(member, ProvenAccount(account_at_mastodon("ada"), back))
    await publishing.publish(member, Wish(x.id, mine.id, consent=1))
    await publishing.say()
    await membership.link(member, by_link("countess", 5))
    query, countess = Query.parse("@lovelace"), Query.parse("@countess")
    assert await answers(lookup, query) == ["ada@social.example"]
    assert await moderation.hide(query, Network.MASTODON, ORIGIN, HideReason.IMPERSONATION, "mo") is not None
    await publishing.say()
    assert await answers(lookup, query) == await answers(lookup, countess) == []
    (published,) = await publishing.list_of(member)
    assert published.hidden is HideReason.IMPERSONATION


async def test_a_hide_of_the_former_wording_is_its_members(
    membership: Membership, publishing: LoggedPublishing, moderation: Moderation, leaving: Leaving, join: Join
) -> None:
    """The hide of what answers while a new handle waits named no member: they were not told, nor was it erased."""
    member, wish = await join("ada", None)
    await publishing.publish(member, wish)
    await publishing.say()
    await membership.link(member, on_x("ada", 5))
    await membership.link(member, on_x("countess", 5, names=named_alike("ada")))
    placed = await hide(moderation, Query.parse("@ada"))
    assert placed.member == member
    await leaving.erase(member)
    assert await moderation.hides() == []


async def test_a_hide_goes_along_to_the_real_name(
    database: Database, mapping_store: StoredMappings, moderation: Moderation, lookup: Lookup
) -> None:
    """An instance that was tried out as localhost takes its mappings along to its real name. What it hid was hidden of
    the old name, and answered under the new one."""
    await mapping_store.add([bluesky("ada", 5)])
    await hide(moderation)
    async with database.transaction() as connection:
        before = await ensure_origin(connection, ORIGIN)
        assert await say_mappings_anew(connection, before, await ensure_origin(connection, OTHER_ORIGIN)) == 1
        await take_in_leaves(connection, OTHER_ORIGIN, said(bluesky("ada", 5, origin=OTHER_ORIGIN)), START)
    assert await answers(lookup) == []
    assert [placed.origin for placed in await moderation.hides()] == [OTHER_ORIGIN]


async def test_a_hide_of_what_a_peer_says_by_handle_learns_the_id(
    database: Database, moderation: Moderation, lookup: Lookup
) -> None:
    """The same at a peer, which names the id in a later leaf and another handle in the one after."""
    later = [bluesky("ada", origin=OTHER_ORIGIN), bluesky("ada", 5, origin=OTHER_ORIGIN)]
    later.append(bluesky("countess", 5, origin=OTHER_ORIGIN))
    for leaf, mapping in enumerate(later):
        async with database.transaction() as connection:
            await take_in_leaves(connection, OTHER_ORIGIN, said(mapping, first=leaf), START)
        if leaf == 0:
            await hide(moderation, Query.parse("@ada"), OTHER_ORIGIN)
        for query in (ADA, Query.parse("@ada"), Query.parse("@countess")):
            assert await answers(lookup, query) == []


async def test_a_hide_goes_with_its_member(
    publishing: LoggedPublishing, moderation: Moderation, leaving: Leaving, join: Join
) -> None:
    """Nothing names somebody who left, not even why they were hidden."""
    member, wish = await join("ada", 5)
    await publishing.publish(member, wish)
    await publishing.say()
    await hide(moderation)
    await leaving.erase(member)
    assert await moderation.hides() == []


def test_each_reason_has_a_sentence() -> None:
    assert set(HIDE_SENTENCES) == set(HideReason)
