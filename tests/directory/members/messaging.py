"""A member who has messages about newcomers sent, the networks that take them, and people who arrive."""

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from directory.accounts import AccountNetwork
from directory.answers import take_in_leaves
from directory.mappings import Mapping
from directory.members.newcomer_messages import MessageJob, NewcomerMessages
from directory.networks.bluesky.messages import BlueskyMessenger, OwnBlueskyAccount
from directory.networks.http import GuardedClient
from directory.networks.mastodon.messages import MastodonMessenger, OwnMastodonAccount
from directory.networks.messages import Messenger
from directory.services.message_sending import MessageSending
from directory.services.message_texts import MessageTexts
from directory.services.newcomer_messages import MessageChoices
from directory.services.newcomers import Newcomers
from directory.store.arrivals import ArrivalStore
from directory.store.consents import ConsentStore
from directory.store.database import Database
from directory.store.newcomer_messages import NewcomerMessageStore
from directory.vault import Vault
from tests.directory.test_answers import said
from tests.harness.clock import FakeClock
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_messages import BLUESKY_KEY, MASTODON_KEY, FakeChat, FakePosts
from tests.harness.mappings import ORIGIN
from web.catalogues import catalogue

BASE_URL: Final = "https://find.example"


@dataclass(kw_only=True)
class Messaging:
    """What a test of messages works with. `mastodon_key` and `bluesky_key` are the operator's secrets."""

    database: Database
    clock: FakeClock
    vault: Vault
    http: GuardedClient
    internet: FakeInternet
    posts: FakePosts = field(default_factory=FakePosts)
    chat: FakeChat = field(default_factory=FakeChat)
    mastodon_key: str = MASTODON_KEY
    bluesky_key: str = BLUESKY_KEY
    _leaf: int = 0

    def __post_init__(self) -> None:
        self.internet.sites |= {"bot.test": self.posts, "pds.test": self.chat}
        self.store = NewcomerMessageStore(self.database)
        self.choices = MessageChoices(
            self.store,
            ConsentStore(self.database),
            self.vault,
            self.clock,
            frozenset({AccountNetwork.BLUESKY, AccountNetwork.MASTODON}),
        )
        self.messengers: dict[AccountNetwork, Messenger] = {
            AccountNetwork.BLUESKY: BlueskyMessenger(
                self.http, OwnBlueskyAccount("https://pds.test", "bot.test", lambda: self.bluesky_key)
            ),
            AccountNetwork.MASTODON: MastodonMessenger(
                self.http, OwnMastodonAccount("bot.test", "bot", lambda: self.mastodon_key)
            ),
        }

    def sending(self) -> MessageSending:
        """Returns the jobs of one process."""
        texts = MessageTexts(catalogue, BASE_URL, lambda: "Find them")
        return MessageSending(self.store, self.messengers, texts, self.vault, self.clock)

    async def claim(self) -> MessageJob:
        job = await self.sending().claim_due(())
        assert job is not None
        return job

    async def run_due(self) -> int:
        """Runs all that is due. Returns how many jobs it was."""
        sending, count = self.sending(), 0
        while (job := await sending.claim_due(())) is not None:
            await sending.run(job)
            count += 1
        return count

    async def arrive(self, *people: Mapping) -> None:
        """Lets people arrive, and finds them for those who wait."""
        async with self.database.transaction() as connection:
            await take_in_leaves(connection, ORIGIN, said(*people, first=self._leaf), self.clock.now())
        self._leaf += len(people)
        newcomers = Newcomers(ArrivalStore(self.database), self.clock)
        while (arrival := await newcomers.claim_arrival()) is not None:
            await newcomers.meet(arrival)

    async def found(self, member: UUID) -> NewcomerMessages:
        messages = await self.choices.of_member(member)
        assert messages is not None
        return messages

    @property
    def told(self) -> list[str]:
        """The first paragraphs of all messages, at either network."""
        texts = [post["status"] for post in self.posts.posts]
        texts += [message["text"] for _, message in self.chat.messages]
        return [text.partition("\n\n")[0] for text in texts]

    def stop_code(self) -> str:
        """The code in the newest message."""
        texts = [post["status"] for post in self.posts.posts]
        texts += [message["text"] for _, message in self.chat.messages]
        return str(texts[-1].partition(f"{BASE_URL}/stop/")[2].split()[0])
