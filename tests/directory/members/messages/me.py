"""A member who is told of newcomers, by their two accounts."""

from uuid import UUID

from tests.directory.members.messaging import Messaging

ACCT = "me@social.example"
ACTOR = "https://social.example/users/me"
NETWORKS = ("mastodon", "bluesky")


class Me:
    """A member with an account on each network, who keeps a list of nine people."""

    def __init__(self, member: UUID, accounts: dict[str, UUID], site: Messaging) -> None:
        self.id = member
        self.accounts = accounts
        self._site = site

    async def choose(self, network: str = "mastodon", language: str = "en") -> None:
        await self._site.choices.choose(self.id, self.accounts[network], 1, language)

    async def begin(self, network: str = "mastodon", language: str = "en") -> None:
        """Chooses, and gets the test message."""
        await self.choose(network, language)
        assert await self._site.run_due() == 1
