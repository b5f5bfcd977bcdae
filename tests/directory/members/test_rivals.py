"""Two members under one X handle: who is seen to bear it now makes the other doubtful, until that one is seen again."""

from uuid import UUID

from directory.accounts import LinkedAccount
from directory.members.rechecks import Held
from directory.store.rechecks import RecheckJob
from tests.directory.members.contests import Site, by_x_sign_in
from tests.directory.members.people import on_x, x_account


async def x_of(site: Site, member: UUID) -> LinkedAccount:
    (x,) = await site.x_of(member)
    return x


async def recheck_of(site: Site, member: UUID) -> RecheckJob:
    """Claims the re-check of a member's X account, which is due."""
    jobs = await site.rechecks.claim_due_rechecks(site.clock.now(), 10)
    (job,) = [each for each in jobs if each.account.member == member and each.account.x is not None]
    return job


async def see_again(site: Site, member: UUID, handle: str, x_id: int) -> None:
    """Re-checks a member's X account, which is seen under this handle."""
    job = await recheck_of(site, member)
    seen = Held(x_account(handle, x_id), (on_x(handle, x_id, at=site.clock.now()).evidence,))
    assert await site.rechecks.record_recheck(job, seen, site.clock.now())


async def test_a_recheck_that_finds_a_new_name_contests_its_former_bearer(site: Site) -> None:
    """Attack, or bad luck: number 7 takes the name that number 5 gave up. Nobody proves it here: a re-check of number 7
    finds it, and number 5 was followed unseen under that name for up to 60 days more."""
    bob, _ = await site.publish("bob", 7)
    site.clock.advance(days=58)
    ada, _ = await site.publish("ada", 5)
    site.clock.advance(days=2)
    await see_again(site, bob, "ada", 7)
    held = await x_of(site, ada)
    assert (held.has_rival, held.recheck_at) == (True, site.clock.now())
    assert not (await x_of(site, bob)).has_rival
    await site.publishing.say()
    assert not (await site.answer("5")).may_follow


async def test_a_new_proof_under_a_new_name_contests_its_former_bearer(site: Site) -> None:
    """The same, found by a proof of the member's own."""
    bob, _ = await site.publish("bob", 7)
    ada, _ = await site.publish("ada", 5)
    await site.membership.link(bob, on_x("ada", 7, at=site.clock.now(), post=3))
    assert ((await x_of(site, ada)).has_rival, (await x_of(site, bob)).has_rival) == (True, False)


async def test_a_recheck_that_finds_nothing_new_contests_nobody(site: Site) -> None:
    """Attack: number 7 has given the name up, and no re-check sees that yet. Each one of them, every 60 days, contested
    number 5 anew, who had been seen under the name since."""
    bob, _ = await site.publish("ada", 7)
    site.clock.advance(days=60)
    zoe = await site.sign_in("zoe")
    await site.membership.link(zoe, on_x("ada", 5, at=site.clock.now()))
    assert (await x_of(site, bob)).has_rival
    await see_again(site, bob, "ada", 7)
    assert ((await x_of(site, zoe)).has_rival, (await x_of(site, bob)).has_rival) == (False, False)


async def test_what_only_its_member_can_prove_is_not_rechecked(site: Site) -> None:
    """A sign-in with X cannot be looked at by us: a re-check would see nothing, and come again for ever. The account is
    contested until its member signs in with it."""
    ada = await site.sign_in("ada")
    await site.membership.link(ada, by_x_sign_in("ada", 5, site))
    bob = await site.sign_in("bob")
    await site.membership.link(bob, on_x("ada", 7, at=site.clock.now()))
    held = await x_of(site, ada)
    assert (held.has_rival, held.recheck_at) == (True, None)
    assert await site.rechecks.claim_due_rechecks(site.clock.now(), 10) == []


async def test_a_look_from_before_a_new_proof_counts_no_more(site: Site) -> None:
    """Fault: a new proof counts the attempts from nothing again, and a rival who came after it made the next one: the number
    that a look had which was under way since before both. It lifted what the rival had put in doubt."""
    ada, _ = await site.publish("ada", 5)
    site.clock.advance(days=60)
    late = await recheck_of(site, ada)
    site.clock.advance(seconds=60)
    await site.membership.link(ada, on_x("ada", 5, at=site.clock.now(), post=3))
    bob = await site.sign_in("bob")
    await site.membership.link(bob, on_x("ada", 7, at=site.clock.now(), post=4))
    assert (await x_of(site, ada)).has_rival
    seen = Held(x_account("ada", 5), (on_x("ada", 5, at=site.clock.now()).evidence,))
    assert not await site.rechecks.record_recheck(late, seen, site.clock.now())
    assert (await x_of(site, ada)).has_rival
    await see_again(site, ada, "countess", 5)
    assert not (await x_of(site, ada)).has_rival
