"""A member who publishes by what the product offers, for the log of a harness."""

from directory.members.publications import Wish
from directory.services.membership import Membership
from directory.services.publishing import Publishing
from directory.store.claims import ClaimStore
from directory.store.members import MemberStore, SignedIn
from directory.store.publications import PublicationStore
from tests.directory.members.people import at_bluesky, on_x
from tests.federation.log_harness import ORIGIN, LogHarness


async def publish_as_ada(harness: LogHarness) -> tuple[Membership, SignedIn]:
    """Has a member publish her accounts, which then wait for a leaf."""
    clock, people = harness.clock, MemberStore(harness.database)
    membership = Membership(people, ClaimStore(harness.database), clock)
    publishing = Publishing(people, PublicationStore(harness.database), clock, ORIGIN)
    signed_in = await membership.sign_in(at_bluesky("ada", at=clock.now()))
    x = await membership.link(signed_in.member, on_x("ada", 5, at=clock.now()))
    await publishing.publish(signed_in.member, Wish(x.id, signed_in.account.id, consent=1))
    harness.made += 1
    return membership, signed_in
