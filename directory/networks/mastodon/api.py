"""The calls of the Mastodon API that follows need: https://docs.joinmastodon.org/methods/accounts/

Each is one request. What a status means is told once, here, as each family of servers was seen to answer.
"""

import enum
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mastodon import Mastodon

    from directory.networks.mastodon.library import Ask

from directory.clock import Clock
from directory.identifiers import Acct
from directory.networks.answers import Answer
from directory.networks.errors import BadAnswer, BadStatus, HeldBack, TooSlow
from directory.networks.limits import Limits
from directory.networks.mastodon.accounts import ACCOUNT_LIMITS, is_token_refused
from directory.networks.mastodon.allowance import Allowance, asked_to_wait_until
from directory.networks.mastodon.entities import ApiAccount, Relationship
from directory.networks.mastodon.wire import Said, Wire
from directory.networks.sign_in_errors import NeedsSignIn

MAX_IDS: Final = 40
"""Of one question about relationships. Takahē answered 40, GoToSocial 42."""
PAGE: Final = 80
"""People of one page of a list: as many as servers give."""
# A server that asks another one, which is silent, answers after 10 s.
SEARCH_LIMITS: Final = Limits(first_byte_s=15.0, total_s=20.0)
ACT_LIMITS: Final = Limits(first_byte_s=15.0, total_s=20.0, max_body_bytes=64 * 1024)
PAGE_LIMITS: Final = Limits(total_s=25.0, max_body_bytes=4 * 1024 * 1024)
_GONE: Final = frozenset({404, 410})
_AWAY: Final = frozenset({502, 503, 504})


class AskedToWait(HeldBack):
    """The server asks to wait until a time."""

    code = "asked-to-wait"

    def __init__(self, host: str, until: datetime, now: datetime) -> None:
        self.until = until
        super().__init__(host, int((until - now).total_seconds()))


class Trouble(BadAnswer):
    """The server answered with an error that may be about one account, and may be about itself."""

    code = "trouble"


class Act(enum.Enum):
    """What is done to another account, and how it is taken back."""

    FOLLOW = enum.auto()
    UNFOLLOW = enum.auto()
    BLOCK = enum.auto()
    UNBLOCK = enum.auto()
    MUTE = enum.auto()
    UNMUTE = enum.auto()


_ACTS: "Final[dict[Act, Callable[[Mastodon, str], object]]]" = {
    Act.FOLLOW: lambda api, id_: api.account_follow(id_),
    Act.UNFOLLOW: lambda api, id_: api.account_unfollow(id_),
    Act.BLOCK: lambda api, id_: api.account_block(id_),
    Act.UNBLOCK: lambda api, id_: api.account_unblock(id_),
    Act.MUTE: lambda api, id_: api.account_mute(id_),
    Act.UNMUTE: lambda api, id_: api.account_unmute(id_),
}


class Api:
    """The API of one server, as one account. Each method raises NeedsSignIn, AskedToWait and NetworkError."""

    def __init__(self, wire: Wire, clock: Clock, *, search_limits: Limits = SEARCH_LIMITS) -> None:
        self.allowance = Allowance()
        self.wire = wire
        self._clock = clock
        self._search_limits = search_limits

    async def lookup(self, name: str) -> ApiAccount | None:
        """Looks an account up among those that the server has seen. Returns None where it has not. Raises Trouble.

        `name` is an address, or the bare name of an own account, without a leading `@`: Takahē answers 404 to one.
        """
        said = await self._call(lambda api: api.account_lookup(name), ACCOUNT_LIMITS)
        if said.status in _GONE or said.status == 422:
            return None
        return ApiAccount.read(self._read(said))

    async def search(self, acct: Acct) -> list[ApiAccount]:
        """Has the server find an account, at the other server where need be. Raises Trouble, and TooSlow where that
        one is silent.

        With the leading `@`, without which GoToSocial finds nothing. The answers may be anybody: Takahē ignores the limit.
        """
        said = await self._call(
            lambda api: api.account_search(f"@{acct}", limit=1, resolve=True),
            self._search_limits,
            about=acct.host if acct.host != self.wire.host else "",
        )
        if said.status in _GONE:
            return []
        return ApiAccount.read_all(self._read(said))

    async def me(self) -> ApiAccount:
        """Fetches the account that asks."""
        said = await self._call(lambda api: api.account_verify_credentials(), ACCOUNT_LIMITS)
        return ApiAccount.read(self._read(said))

    async def relationships(self, ids: Sequence[str]) -> dict[str, Relationship]:
        """Fetches how the account stands to others, by id. One that the server does not know is left out.

        Takahē answers 404 for all where it does not know one: then each half is asked for.
        """
        rows: dict[str, Relationship] = {}
        for start in range(0, len(ids), MAX_IDS):
            rows |= await self._some_relationships(list(ids[start : start + MAX_IDS]))
        return rows

    async def act(self, act: Act, id_: str) -> Said:
        """Does something to an account. Returns the answer, whatever its status, but where it ends the work."""
        return await self._call(lambda api: _ACTS[act](api, id_), ACT_LIMITS, is_act=True)

    async def following(self, id_: str, max_id: str | None) -> tuple[list[ApiAccount], str | None]:
        """Fetches a page of whom an account follows. Returns it with the id of the next page; None behind the last."""
        after = {"max_id": max_id} if max_id is not None else {}
        said = await self._call(lambda api: api.account_following(id_, limit=PAGE, **after), PAGE_LIMITS)
        read = self._read(said)
        page = getattr(read, "_pagination_next", None)
        following = page.get("max_id") if isinstance(page, dict) else None
        people = ApiAccount.read_all(read)
        # GoToSocial names a next page behind the last.
        return people, str(following) if people and following is not None else None

    async def _some_relationships(self, ids: list[str]) -> dict[str, Relationship]:
        said = await self._call(lambda api: api.account_relationships(ids), ACCOUNT_LIMITS)
        if said.status in _GONE:
            half = len(ids) // 2
            if not half:
                return {}
            return await self._some_relationships(ids[:half]) | await self._some_relationships(ids[half:])
        read = self._read(said)
        if not isinstance(read, list):
            raise Trouble(self.wire.host, "the answer is no list", may_have_arrived=True)
        rows = (Relationship.read(one) for one in read[: len(ids)])
        return {row.id: row for row in rows if row.id in ids}

    def _read(self, said: Said) -> object:
        """Returns what was read. Raises Trouble where it is not what was asked for."""
        if said.status != 200 or said.read is None:
            raise Trouble(self.wire.host, f"answered with status {said.status}", may_have_arrived=True)
        return said.read

    async def _call(self, ask: "Ask", limits: Limits, *, about: str = "", is_act: bool = False) -> Said:
        said = await self.wire.call(ask, limits, about=about)
        now = self._clock.now()
        self.allowance.note(said.answer, now)
        if said.status == 429 or (said.status == 503 and said.answer.header("retry-after")):
            raise AskedToWait(self.wire.host, asked_to_wait_until(said.answer, now), now)
        if has_ended(said.answer) or (said.status == 403 and not is_act):
            raise NeedsSignIn(self.wire.host, f"the server takes the token no longer: status {said.status}")
        # A search that fails so may tell of the other server.
        if said.status in _AWAY and not about:
            raise BadStatus(self.wire.host, said.status)
        return said


def has_ended(answer: Answer) -> bool:
    """Tells whether an answer says that the permission has ended, or does not suffice.

    GoToSocial and Mastodon: 401. Takahē: 400 `Invalid Bearer token`, plain text. Too little scope is 403 in all three:
    `insufficient scope permission`, `out_of_scope_for_token`, `outside the authorized scopes`.
    """
    if answer.status == 400:
        return is_token_refused(answer)
    return answer.status == 401 or (answer.status == 403 and b"scope" in answer.body)


def is_silence(error: Exception) -> bool:
    """Tells whether no answer came in time, be it from the server or from what stands before it."""
    return isinstance(error, TooSlow) or (isinstance(error, BadStatus) and error.status == 504)
