"""Members and their accounts: signing in, linking, unlinking, and two who claim one X account."""

import asyncio
from uuid import UUID, uuid4

import pytest

from directory.accounts import MAX_ACCOUNTS, AccountNetwork, LinkedAccount, ProvenAccount
from directory.identifiers import XId
from directory.mappings import Evidence, EvidenceKind
from directory.members.claims import Settled
from directory.members.errors import (
    AccountLinkedElsewhere,
    LastAccount,
    MemberGone,
    NewAccountFirst,
    TooManyAccounts,
    UnknownAccount,
    XAccountContested,
)
from directory.members.publications import Wish
from directory.services.membership import Membership
from directory.services.publishing import Publishing
from directory.store.claims import ClaimStore
from tests.directory.members.conftest import Join
from tests.directory.members.people import at_bluesky, at_mastodon, on_x, x_account, x_ids
from tests.harness.clock import FakeClock


async def test_the_first_sign_in_makes_a_member_and_the_next_finds_them(membership: Membership) -> None:
    first = await membership.sign_in(at_bluesky("ada"))
    assert first.is_new
    again = await membership.sign_in(at_bluesky("ada"))
    assert not again.is_new
    assert again.member == first.member
    assert [account.id for account in await membership.accounts(first.member)] == [first.account.id]
    found = await membership.find(first.member)
    assert found is not None
    assert found.id == first.member


async def test_a_handle_is_a_label_and_the_did_the_account(membership: Membership) -> None:
    first = await membership.sign_in(at_bluesky("ada"))
    renamed = await membership.sign_in(at_bluesky("ada", handle="ada.example"))
    assert renamed.member == first.member
    assert str(renamed.account.handle) == "ada.example"
    taken_over = await membership.sign_in(at_bluesky("bob", handle="ada.bsky.example"))
    assert taken_over.member != first.member


async def test_two_browsers_signing_in_at_once_are_one_member(membership: Membership) -> None:
    both = await asyncio.gather(*(membership.sign_in(at_bluesky("ada")) for _ in range(4)))
    assert len({signed_in.member for signed_in in both}) == 1
    assert sum(signed_in.is_new for signed_in in both) == 1


async def test_several_accounts_of_a_network_are_linked(membership: Membership) -> None:
    member = (await membership.sign_in(at_bluesky("ada"))).member
    for proven in (
        at_bluesky("ada2"),
        at_mastodon("ada"),
        at_mastodon("ada2"),
        on_x("ada", 5),
        on_x("ada2", 6),
    ):
        await membership.link(member, proven)
    networks = [account.network for account in await membership.accounts(member)]
    assert sorted(networks) == ["bluesky", "bluesky", "mastodon", "mastodon", "x", "x"]


async def test_an_account_belongs_to_one_member(membership: Membership) -> None:
    """Whoever links somebody else's account must not get at it, whatever came first."""
    ada = await membership.sign_in(at_bluesky("ada"))
    bob = await membership.sign_in(at_mastodon("bob"))
    with pytest.raises(AccountLinkedElsewhere) as caught:
        await membership.link(bob.member, at_bluesky("ada"))
    assert caught.value.code == "account-linked-elsewhere"
    assert (await membership.sign_in(at_bluesky("ada"))).member == ada.member


async def test_two_members_linking_one_account_at_once(membership: Membership) -> None:
    members = [(await membership.sign_in(at_bluesky(name))).member for name in ("ada", "bob", "cyd")]
    results = await asyncio.gather(
        *(membership.link(member, at_mastodon("shared")) for member in members), return_exceptions=True
    )
    assert sum(isinstance(result, AccountLinkedElsewhere) for result in results) == 2


async def test_the_last_account_to_sign_in_with_stays(membership: Membership) -> None:
    signed_in = await membership.sign_in(at_bluesky("ada"))
    x = await membership.link(signed_in.member, on_x("ada", 5))
    with pytest.raises(LastAccount):
        await membership.unlink(signed_in.member, signed_in.account.id)
    await membership.unlink(signed_in.member, x.id)
    await membership.link(signed_in.member, at_mastodon("ada"))
    await membership.unlink(signed_in.member, signed_in.account.id)
    assert [account.network for account in await membership.accounts(signed_in.member)] == ["mastodon"]


async def test_two_windows_cannot_unlink_the_last_two(membership: Membership) -> None:
    signed_in = await membership.sign_in(at_bluesky("ada"))
    other = await membership.link(signed_in.member, at_mastodon("ada"))
    results = await asyncio.gather(
        membership.unlink(signed_in.member, signed_in.account.id),
        membership.unlink(signed_in.member, other.id),
        return_exceptions=True,
    )
    assert sum(isinstance(result, LastAccount) for result in results) == 1
    assert len(await membership.accounts(signed_in.member)) == 1


async def test_nobody_unlinks_what_is_not_theirs(membership: Membership) -> None:
    ada = await membership.sign_in(at_bluesky("ada"))
    bob = await membership.sign_in(at_mastodon("bob"))
    with pytest.raises(UnknownAccount):
        await membership.unlink(bob.member, ada.account.id)
    with pytest.raises(UnknownAccount):
        await membership.show_on_page(bob.member, ada.account.id, shown=True)
    with pytest.raises(MemberGone):
        await membership.unlink(uuid4(), ada.account.id)
    with pytest.raises(MemberGone):
        await membership.link(uuid4(), at_mastodon("new"))


async def test_accounts_are_bounded(membership: Membership) -> None:
    member = (await membership.sign_in(at_bluesky("ada"))).member
    for number in range(MAX_ACCOUNTS - 1):
        await membership.link(member, at_mastodon(f"ada{number}"))
    with pytest.raises(TooManyAccounts):
        await membership.link(member, at_mastodon("more"))
    with pytest.raises(TooManyAccounts):
        await membership.link(member, on_x("more", 7))


async def test_x_signs_in_only_whoever_proved_its_id(membership: Membership) -> None:
    """An X handle can pass to somebody else, who must not find themselves in its former holder's membership."""
    for proven in (on_x("ada", 5), on_x("ada")):
        with pytest.raises(NewAccountFirst):
            await membership.sign_in(proven)
    member = (await membership.sign_in(at_bluesky("ada"))).member
    await membership.link(member, on_x("ada"))
    with pytest.raises(NewAccountFirst):
        await membership.sign_in(on_x("ada"))
    await membership.link(member, on_x("ada", 5))
    assert (await membership.sign_in(on_x("renamed", 5))).member == member


async def test_an_id_joins_what_was_known_by_handle(membership: Membership, clock: FakeClock) -> None:
    member = (await membership.sign_in(at_bluesky("ada"))).member
    by_handle = await membership.link(member, on_x("Ada"))
    assert by_handle.account == x_account("Ada")
    clock.advance(days=1)
    by_id = await membership.link(member, on_x("ada", 5, at=clock.now()))
    assert (by_id.id, by_id.account) == (by_handle.id, x_account("ada", 5))
    assert [item.kind for item in by_id.evidence] == [EvidenceKind.X_POST_ID], "it is the same post"
    clock.advance(days=1)
    handle_again = await membership.link(member, on_x("ada", at=clock.now(), post=2))
    assert handle_again.account == x_account("ada", 5)
    assert handle_again.checked_at == by_id.checked_at, "the other post is looked at no later for it"


async def test_what_spoke_for_a_handle_goes_with_it(membership: Membership) -> None:
    member = (await membership.sign_in(at_bluesky("ada"))).member
    await membership.link(member, on_x("ada"))
    await membership.link(member, on_x("ada", 5, post=3))
    renamed = await membership.link(member, on_x("countess", 5, post=2))
    assert {item.kind for item in renamed.evidence} == {EvidenceKind.X_POST_ID}
    assert renamed.account == x_account("countess", 5)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (on_x("ada", 5), on_x("ada", 5)),
        (on_x("ada", 5), on_x("renamed", 5)),
        (on_x("ada"), on_x("ADA")),
        (on_x("ada"), on_x("ada", 5)),
        (on_x("ada", 5), on_x("ada")),
    ],
)
async def test_of_two_who_claim_an_x_account_the_first_stays(
    membership: Membership, claims: ClaimStore, first: ProvenAccount, second: ProvenAccount
) -> None:
    """Whoever takes over a handle, or a post, gets somebody else's followers only through the moderators."""
    ada = (await membership.sign_in(at_bluesky("ada"))).member
    eve = (await membership.sign_in(at_bluesky("eve"))).member
    held = await membership.link(ada, first)
    for _ in range(2):
        with pytest.raises(XAccountContested):
            await membership.link(eve, second)
    (claim,) = await claims.list_open_claims(10)
    assert (claim.member, claim.holder, claim.account) == (eve, held.id, second.account)
    assert claim.evidence == (second.evidence,)
    assert await membership.waiting_claims(eve) == [claim]
    assert await membership.waiting_claims(ada) == []
    assert AccountNetwork.X not in {account.network for account in await membership.accounts(eve)}


async def test_another_id_under_a_sold_handle_is_another_account(
    membership: Membership, publishing: Publishing, join: Join, claims: ClaimStore, clock: FakeClock
) -> None:
    """X gives handles away; both hold their own id, and the former bearer's label is looked at again."""
    ada, wish = await join("ada", 5)
    await publishing.publish(ada, wish)
    bob = (await membership.sign_in(at_bluesky("bob"))).member
    await membership.link(bob, on_x("ada", 6))
    assert await claims.list_open_claims(10) == []
    former = next(account for account in await membership.accounts(ada) if account.id == wish.x_account)
    assert former.recheck_at == clock.now()


async def test_two_members_proving_one_x_account_at_once(membership: Membership, claims: ClaimStore) -> None:
    names = ["ada", "bob", "cyd", "dan"]
    members = [(await membership.sign_in(at_bluesky(name))).member for name in names]
    proofs = [on_x("star"), on_x("star", 5), on_x("Star"), on_x("other", 5)]
    results = await asyncio.gather(*map(membership.link, members, proofs), return_exceptions=True)
    holders = [result for result in results if isinstance(result, LinkedAccount)]
    assert all(isinstance(result, LinkedAccount | XAccountContested) for result in results)
    claimed = await claims.list_open_claims(10)
    # `star` without an id and `other` with id 5 do not meet; all others do.
    assert len(holders) + len({claim.member for claim in claimed}) == 4
    assert 1 <= len(holders) <= 2
    assert len({(holder.account.id, holder.handle.key) for holder in holders}) == len(holders)


async def _contested(membership: Membership, claims: ClaimStore, join: Join) -> tuple[UUID, Wish, UUID, UUID]:
    ada, wish = await join("ada", 5)
    eve = (await membership.sign_in(at_bluesky("eve"))).member
    with pytest.raises(XAccountContested):
        await membership.link(eve, on_x("ada", 5, post=9))
    (claim,) = await claims.list_open_claims(10)
    return ada, wish, eve, claim.id


async def test_moderators_hand_an_x_account_over(
    membership: Membership, publishing: Publishing, claims: ClaimStore, join: Join, clock: FakeClock
) -> None:
    ada, wish, eve, claim = await _contested(membership, claims, join)
    await publishing.publish(ada, wish)
    case = await claims.find_case(claim)
    assert case is not None
    seen = on_x("ada", 5, at=clock.now(), post=9)
    assert await claims.uphold(case, seen, clock.now()) is Settled.HANDED_OVER
    assert await claims.reject(claim, clock.now()) is Settled.NOT_WAITING
    assert await publishing.list_of(ada) == []
    assert [account.network for account in await membership.accounts(ada)] == ["bluesky"]
    assert x_ids(await membership.accounts(eve)) == [XId(5)]
    assert await claims.list_open_claims(10) == []


async def test_moderators_leave_an_x_account_where_it_is(
    membership: Membership, claims: ClaimStore, join: Join, clock: FakeClock
) -> None:
    ada, _, eve, claim = await _contested(membership, claims, join)
    assert await claims.reject(claim, clock.now()) is Settled.REJECTED
    assert len(await membership.accounts(ada)) == 2
    assert len(await membership.accounts(eve)) == 1
    assert await claims.list_open_claims(10) == []


async def test_a_claim_waits_for_a_new_proof_when_the_holder_lets_go(
    membership: Membership, claims: ClaimStore, join: Join, clock: FakeClock
) -> None:
    ada, wish, eve, claim = await _contested(membership, claims, join)
    await membership.unlink(ada, wish.x_account)
    (left,) = await claims.list_open_claims(10)
    assert (left.id, left.holder, left.is_free) == (claim, None, True)
    assert await claims.lapse_old_claims(clock.now(), 10) == 0
    assert x_ids(await membership.accounts(eve)) == [], "the old evidence hands over nothing"
    await membership.link(eve, on_x("ada", 5, at=clock.now(), post=10))
    assert x_ids(await membership.accounts(eve)) == [XId(5)]
    assert await claims.list_open_claims(10) == []


async def test_a_page_shows_what_its_member_put_on_it(membership: Membership, join: Join) -> None:
    member, wish = await join("ada", 5)
    assert await membership.page("ada.bsky.example") == []
    await membership.show_on_page(member, wish.target_account, shown=True)
    shown = await membership.page("@Ada.bsky.example")
    assert [account.id for account in shown] == [wish.target_account]
    assert await membership.page("ada") == [], "the X account is not shown, so its handle leads nowhere"
    await membership.show_on_page(member, wish.x_account, shown=True)
    assert len(await membership.page("ada")) == 2
    await membership.show_on_page(member, wish.target_account, shown=False)
    assert await membership.page("ada.bsky.example") == []


async def test_a_page_belongs_to_the_newest_bearer_of_a_handle(
    membership: Membership, clock: FakeClock
) -> None:
    """A handle that passed to somebody else must not keep showing its former bearer."""
    ada = await membership.sign_in(at_bluesky("ada"))
    await membership.show_on_page(ada.member, ada.account.id, shown=True)
    clock.advance(days=1)
    bob = await membership.sign_in(at_bluesky("bob", handle="ada.bsky.example", at=clock.now()))
    await membership.show_on_page(bob.member, bob.account.id, shown=True)
    assert [account.member for account in await membership.page("ada.bsky.example")] == [bob.member]


async def test_oauth_at_x_is_stronger_than_a_post(membership: Membership, clock: FakeClock) -> None:
    member = (await membership.sign_in(at_bluesky("ada"))).member
    evidence = Evidence(EvidenceKind.X_OAUTH, clock.now())
    account = await membership.link(member, ProvenAccount(x_account("ada", 5), evidence))
    assert account.evidence == (evidence,)
