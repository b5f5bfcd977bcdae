"""Members with accounts at a real PDS, in the data folder of real processes: their permissions, runs and repos."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from deploy.wiring.follows import build_following
from directory.accounts import BlueskyAccount, ProvenAccount
from directory.follows.runs import Run
from directory.identifiers import AtHandle, Did
from directory.mappings import Evidence, EvidenceKind
from directory.networks.port import Purpose, TokenSet
from directory.services.following import Following
from tests.deploy.members import Members
from tests.directory.follows.site import FIRST_X_ID, letters, plan
from tests.directory.networks.bluesky.follows.following import follow_by_hand, records
from tests.directory.networks.bluesky.signing_in import Instance
from tests.directory.networks.strangers import loopback_client
from tests.harness.mappings import bluesky, did
from tests.harness.stored import StoredMappings
from tests.peers.pds import Account, Pds

T = TypeVar("T")


@dataclass(frozen=True)
class Follower:
    """A member who follows with an account at the PDS. `linked` is the id of the linked account."""

    account: Account
    member: UUID
    linked: UUID


@dataclass(frozen=True)
class Followers:
    """The members of an instance, and the PDS that all of them are at."""

    members: Members
    pds: Pds

    def join(self) -> Follower:
        """Adds a member with a new account at the PDS."""
        account, at = self.pds.create_account(), self.members.clock.now()
        named = BlueskyAccount(Did.parse(account.did), AtHandle.parse(account.handle))
        proven = ProvenAccount(named, Evidence(EvidenceKind.BLUESKY_OAUTH, at))
        linked = self.members.call(lambda parts: parts.membership.sign_in(proven)).account
        return Follower(account, linked.member, linked.id)

    def permit(self, follower: Follower) -> None:
        """Has the member consent at the PDS to follows, and keeps the permission as a finished sign-in does."""
        tokens = self._at_pds(lambda instance: _consented(instance, follower.account))
        self.members.call(lambda parts: parts.permissions.keep(follower.linked, Purpose.FOLLOW, tokens))

    def publish(self, people: Sequence[int]) -> None:
        """Has the directory know these people, each under an account that need not exist."""
        now = self.members.clock.now()
        mappings = [
            bluesky(letters(number), FIRST_X_ID + number, target=letters(number), issued=now)
            for number in people
        ]
        self.members.call(lambda parts: StoredMappings(parts.ground.database).add(mappings))

    def start(self, follower: Follower, people: Sequence[int]) -> Run:
        """Starts a run that follows these people, whom nobody has ticked."""
        whom = plan(*people)
        return self._follow(lambda following: following.start(follower.member, follower.linked, whom))

    def undo(self, follower: Follower, run: Run) -> None:
        self._follow(lambda following: following.undo(follower.member, run.id))

    def follow_by_hand(self, follower: Follower, people: Sequence[int]) -> None:
        """Follows these people as another app does."""
        dids = [did_of(number) for number in people]
        self._at_pds(lambda instance: follow_by_hand(instance, follower.account, dids))

    def repo(self, follower: Follower) -> dict[str, Any]:
        """Reads the follows of a member as the PDS lists them: by key."""
        return self._at_pds(lambda instance: records(instance, follower.account.did))

    def _follow(self, work: Callable[[Following], Awaitable[T]]) -> T:
        return self.members.call(lambda parts: work(build_following(parts.ground, parts.permissions)))

    def _at_pds(self, work: Callable[[Instance], Awaitable[T]]) -> T:
        async def run() -> T:
            async with loopback_client() as http:
                return await work(Instance(self.pds, http))

        return asyncio.run(run())


def did_of(number: int) -> str:
    """Returns the DID of one of the people."""
    return str(did(letters(number)))


async def _consented(instance: Instance, account: Account) -> TokenSet:
    return (await instance.signed_in(account, Purpose.FOLLOW)).tokens
