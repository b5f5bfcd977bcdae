"""A member of a running instance who has an account at a real PDS, and lets newcomers be followed with it."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from deploy.wiring.follows import build_planning
from deploy.wiring.members import MemberParts
from directory.accounts import BlueskyAccount, ProvenAccount
from directory.identifiers import AtHandle, Did
from directory.mappings import Evidence, EvidenceKind
from directory.networks.port import Purpose, TokenSet
from directory.queries import Lists, parse_lines
from tests.deploy.peers.sites import Site
from tests.directory.networks.bluesky.signing_in import Instance
from tests.directory.networks.strangers import loopback_client
from tests.peers.pds import Account, Pds


@dataclass(frozen=True, slots=True)
class Follower:
    """The member, and the account that follows."""

    pds: Pds
    account: Account
    member: UUID

    def subjects(self) -> list[str]:
        """Returns the DIDs that the account's repository follows, each as often as it does."""
        page = self.pds.query(
            "com.atproto.repo.listRecords", repo=self.account.did, collection="app.bsky.graph.follow"
        )
        return [each["value"]["subject"] for each in page["records"]]


def follow_newcomers(site: Site, pds: Pds, people: str) -> Follower:
    """Has somebody join a site with a new account, keep a list of people with consent, permit follows, and wish that
    newcomers are followed."""
    account = pds.create_account()
    tokens = asyncio.run(_permission(pds, account))
    members = site.members()
    bluesky = BlueskyAccount(Did.parse(account.did), AtHandle.parse(account.handle))
    proven = ProvenAccount(bluesky, Evidence(EvidenceKind.BLUESKY_OAUTH, members.clock.now()))
    signed_in = members.call(lambda parts: parts.membership.sign_in(proven))
    kept, linked = parse_lines(people), signed_in.account.id

    async def wish(parts: MemberParts) -> None:
        await parts.follow_lists.keep(signed_in.member, Lists.FOLLOWING, kept, consent=1)
        await build_planning(parts).set_standing(signed_in.member, [linked])
        await parts.permissions.keep(linked, Purpose.FOLLOW, tokens)

    members.call(wish)
    return Follower(pds, account, signed_in.member)


async def _permission(pds: Pds, account: Account) -> TokenSet:
    """Signs in at the PDS's own pages, and permits follows."""
    async with loopback_client() as http:
        done = await Instance(pds, http).signed_in(account, Purpose.FOLLOW)
    assert done.may_follow
    return done.tokens
