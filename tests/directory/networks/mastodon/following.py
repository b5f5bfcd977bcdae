"""A member who follows at a fake home server."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import pytest

from directory.follows.port import Attempt, Outcome, Told
from directory.follows.reasons import Reason
from directory.follows.runs import Budget, RunKind
from directory.follows.states import ItemState
from directory.mappings import Network
from directory.networks.answers import Answer
from directory.networks.errors import HeldBack, NetworkError
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.networks.mastodon.finding import Fingers
from directory.networks.mastodon.follows import MastodonFollows
from directory.networks.port import AppBinding, TokenSet
from tests.harness.clock import FakeClock
from tests.harness.fake_mastodon.flavours import ALL, Flavour
from tests.harness.fake_mastodon.home import ACCESS, Home, Person
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response

FOLLOW: Final = RunKind.FOLLOW
IMPATIENT: Final = Limits(first_byte_s=0.3, total_s=0.5)
everywhere = pytest.mark.parametrize("flavour", ALL, ids=lambda flavour: flavour.name)


def at(internet: FakeInternet, flavour: Flavour, clock: FakeClock) -> Home:
    return Home.at(internet, "home.test", flavour, clock)


def always(response: Response) -> Callable[[Request], Response]:
    return lambda _request: response


def tokens(host: str, scope: str = "read write:follows", access: str = ACCESS) -> TokenSet:
    return TokenSet(
        network=Network.MASTODON,
        account_id=f"https://{host}/users/me",
        server=host,
        access=access,
        refresh=None,
        scope=scope,
        expires_at=None,
        client_id="client",
        binding=AppBinding("secret"),
    )


def session_at(
    home: Home,
    http: GuardedClient,
    clock: FakeClock,
    *,
    scope: str | None = None,
    fingers: Fingers | None = None,
) -> MastodonFollows:
    """A session of one step, as the worker opens it."""
    held = tokens(home.host, scope or home.scope)
    return MastodonFollows(http, clock, fingers or Fingers(http, clock), held, search_limits=IMPATIENT)


def attempts(*people: Person) -> list[Attempt]:
    return [Attempt(number, person.account, "") for number, person in enumerate(people)]


def again(told: Told, items: list[Attempt], looks: int = 0) -> list[Attempt]:
    """The items as they are stored after an answer."""
    known = {outcome.number: outcome for outcome in told.outcomes}
    return [
        Attempt(
            item.number,
            item.account,
            known[item.number].remote or item.remote,
            known[item.number].state,
            looks,
        )
        for item in items
    ]


def states(told: Told) -> dict[int, ItemState]:
    return {outcome.number: outcome.state for outcome in told.outcomes}


def verdicts(told: Told) -> dict[int, tuple[ItemState, Reason]]:
    return {outcome.number: (outcome.state, outcome.reason) for outcome in told.outcomes}


def only(told: Told) -> Outcome:
    (outcome,) = told.outcomes
    return outcome


def budget(now: datetime, spent: int = 0, not_before: datetime | None = None) -> Budget:
    return Budget(hour_began=now, hour_spent=spent, day_began=now, day_spent=spent, not_before=not_before)


class Listener:
    """Hears what a job hears."""

    def __init__(self) -> None:
        self.failed: set[str] = set()
        self.held: set[str] = set()
        self.asked: list[str] = []

    async def require_free(self, host: str) -> None:
        self.asked.append(host)
        if host in self.held:
            raise HeldBack(host, 60)

    def note_answer(self, host: str, answer: Answer) -> None:
        if answer.status == 429 or answer.status >= 500:
            self.failed.add(host)

    def note_failure(self, host: str, error: NetworkError) -> None:
        if isinstance(error, HeldBack) or "slow" in error.code:
            self.failed.add(host)
