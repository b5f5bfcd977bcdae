"""A proof post names accounts by what people read: those names must still be theirs when the post is checked."""

from uuid import UUID

import pytest

from directory.members.challenges import CheckState, ProofCheck
from directory.proofs.reasons import RefutedReason, UnreachableReason
from tests.directory.jobs.site import JobSite, soon
from tests.directory.members.people import bluesky


async def checked(site: JobSite, member: UUID, name: str) -> ProofCheck:
    """Hands in a good post, and returns the check as it is after the first attempt."""
    check = await site.hand_in(member, name)
    async with site.running() as worker:
        worker.wake()
        await soon(site.recorded.acquire())
    found = await site.proving.find_check(member, check.id)
    assert found is not None
    return found


async def test_a_name_that_passed_on_proves_nothing_for_its_former_bearer(site: JobSite) -> None:
    """Attack: Mallory signs in under a name, asks for a sentence, and gives the name to Ada, who is asked to post it:
    it names her own account, and this instance. Her X account answered as Mallory's, bound, followed unseen."""
    mallory = await site.join("ada")
    renamed = bluesky("ada", "mallory.bsky.example")
    site.naming.renamed[renamed.id] = renamed
    check = await checked(site, mallory, "ada")
    assert (check.state, check.reason) == (CheckState.REFUTED, RefutedReason.NAME_PASSED_ON)
    assert [each.network for each in await site.membership.accounts(mallory)] == [renamed.network]


async def test_a_name_that_cannot_be_seen_waits(site: JobSite) -> None:
    """What cannot be compared is not taken for proven."""
    site.naming.is_silent = True
    check = await checked(site, await site.join("ada"), "ada")
    assert (check.state, check.reason) == (CheckState.WAITING, UnreachableReason.NAME_UNSEEN)


@pytest.mark.parametrize("handle", ["ada.bsky.example"])
async def test_a_name_that_is_still_borne_is_proven(site: JobSite, handle: str) -> None:
    site.naming.renamed[bluesky("ada").id] = bluesky("ada", handle)
    assert (await checked(site, await site.join("ada"), "ada")).state is CheckState.VERIFIED
