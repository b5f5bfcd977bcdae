"""Direct messages from the instance's own account at a server of the Mastodon API.

Sources: https://docs.joinmastodon.org/methods/statuses/#create (visibility `direct`, `Idempotency-Key`),
https://docs.joinmastodon.org/methods/search/ and https://docs.joinmastodon.org/methods/accounts/#relationships. The
token needs the scopes `read:accounts`, `read:search`, `read:follows` and `write:statuses`.

A mention of somebody whom the server does not know is posted all the same, and reaches nobody. So the account is
looked for first, and is theirs only where address and actor URI are the same. Where our server does not tell the URI
(GoToSocial), the account's own does: an address can have passed to somebody else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from directory.accounts import AccountNetwork, MastodonAccount, TargetAccount
from directory.errors import InvalidIdentifier
from directory.identifiers import Acct
from directory.networks.answers import Answer
from directory.networks.errors import NetworkError
from directory.networks.http import SERVER_ERRORS, TOO_MANY_REQUESTS, GuardedClient
from directory.networks.limits import Limits
from directory.networks.mastodon.accounts import is_token_refused
from directory.networks.mastodon.shown import parse_shown_acct
from directory.networks.mastodon.webfinger import finger
from directory.networks.messages import (
    MaybeSent,
    MessageError,
    NotSent,
    OwnAccountRefused,
    RecipientBlocked,
    RecipientClosed,
    RecipientGone,
    RecipientUnseen,
    before_sending,
    while_sending,
)
from directory.networks.retry_after import retry_after_s
from directory.networks.sign_in_errors import OurselvesBusy, SignInError

MESSAGE_LIMITS: Final = Limits(total_s=30.0, max_body_bytes=512 * 1024)
OK: Final = 200
UNAVAILABLE: Final = 503

T = TypeVar("T")


class _Account(msgspec.Struct):
    id: str
    acct: str
    uri: str | None = None
    suspended: bool | None = None


class _Error(msgspec.Struct):
    error: str = ""


class _Found(msgspec.Struct):
    accounts: list[_Account] = []


class _Relationship(msgspec.Struct):
    id: str
    blocked_by: bool = False


@dataclass(frozen=True, slots=True)
class OwnMastodonAccount:
    """The instance's own account. `token` reads the secret at each use; it raises OwnAccountRefused."""

    host: str
    name: str
    token: Callable[[], str]


class MastodonMessenger:
    """Writes direct posts. Not trusted: at most it keeps messages from people, or sends them late."""

    network = AccountNetwork.MASTODON

    def __init__(self, http: GuardedClient, own: OwnMastodonAccount) -> None:
        self._http = http
        self._own = own

    async def prepare(self, to: TargetAccount, now: datetime) -> "MastodonLetter":
        """Finds the account at our server. Raises NotSent, RecipientError."""
        if not isinstance(to, MastodonAccount):
            raise RecipientGone(self._own.host, "the account is on another network")
        asked = {"q": f"@{to.acct}", "type": "accounts", "resolve": "true", "limit": "5"}
        found = _parsed(await self._get("/api/v2/search", asked, now), _Found)
        named = (each for each in found.accounts if _acct(each.acct, self._own.host) == to.acct.key)
        account = next(named, None)
        if account is None or await self._actor_of(account, to.acct) != str(to.actor):
            raise RecipientUnseen(self._own.host, "the account was not found")
        if account.suspended:
            raise RecipientGone(self._own.host, "there is no such account")
        ask = {"id[]": account.id}
        seen = _parsed(await self._get("/api/v1/accounts/relationships", ask, now), list[_Relationship])
        if any(each.blocked_by for each in seen if each.id == account.id):
            raise RecipientBlocked(self._own.host, "the account blocks ours")
        return MastodonLetter(self._http, self._own, to.acct, now)

    async def check(self, now: datetime) -> str:
        """Checks the token. Returns the account's address. Raises NotSent."""
        account = _parsed(await self._get("/api/v1/accounts/verify_credentials", {}, now), _Account)
        if _acct(account.acct, self._own.host) != _acct(self._own.name, self._own.host):
            raise OwnAccountRefused(self._own.host, "the token is of another account")
        return f"{self._own.name}@{self._own.host}"

    async def _actor_of(self, found: _Account, acct: Acct) -> str:
        """Returns the actor URI of an account that was found, as our server tells it, or else its own. Raises NotSent."""
        if found.uri is not None:
            return found.uri
        try:
            return str((await finger(self._http, acct.host, acct)).actor)
        except OurselvesBusy as error:
            raise NotSent(error.host, error.why) from error
        except SignInError as error:
            raise RecipientUnseen(error.host, error.why) from error

    async def _get(self, path: str, parameters: Mapping[str, str], now: datetime) -> Answer:
        asked = f"?{urlencode(parameters, quote_via=quote)}" if parameters else ""
        try:
            answer = await self._http.get(
                f"https://{self._own.host}{path}{asked}",
                headers=_authorized(self._own),
                limits=MESSAGE_LIMITS,
            )
        except NetworkError as error:
            raise before_sending(error) from error
        if answer.status != OK:
            raise _refusal(answer, now)
        return answer


@dataclass(frozen=True, slots=True)
class MastodonLetter:
    """A message to an account that was found."""

    http: GuardedClient
    own: OwnMastodonAccount
    acct: Acct
    now: datetime

    async def send(self, text: str, *, language: str, key: str) -> None:
        """Posts it, visible to the mentioned account alone. Raises MessageError."""
        body = {"status": f"@{self.acct} {text}", "visibility": "direct", "language": language}
        headers = {**_authorized(self.own), "idempotency-key": key}
        url = f"https://{self.own.host}/api/v1/statuses"
        try:
            answer = await self.http.post(url, json=body, headers=headers, limits=MESSAGE_LIMITS)
        except NetworkError as error:
            raise while_sending(error) from error
        if answer.status != OK:
            raise _refused_post(answer, self.now)


def _authorized(own: OwnMastodonAccount) -> dict[str, str]:
    return {"authorization": f"Bearer {own.token()}"}


def _acct(shown: str, host: str) -> str:
    """Returns the key of an address. Servers leave out their own host. Empty where it is none."""
    try:
        return parse_shown_acct(shown if "@" in shown else f"{shown}@{host}").key
    except InvalidIdentifier:
        return ""


def _parsed(answer: Answer, shape: type[T]) -> T:
    try:
        return answer.parse(shape)
    except NetworkError as error:
        raise before_sending(error) from error


def _refusal(answer: Answer, now: datetime) -> NotSent:
    if is_token_refused(answer):
        return OwnAccountRefused(answer.host, f"does not take our token (status {answer.status})")
    why = f"answered with status {answer.status}"
    return NotSent(answer.host, why, retry_after_s=retry_after_s(answer, now))


def _is_of_the_api(answer: Answer) -> bool:
    """Tells whether the server itself refuses, and no page of something in front of it."""
    try:
        return bool(answer.parse(_Error).error)
    except NetworkError:
        return False


def _refused_post(answer: Answer, now: datetime) -> MessageError:
    """Returns what a status says of a post. After 500, 502 and 504 the post may stand: something behind the answer
    may have taken it."""
    if answer.status in SERVER_ERRORS and answer.status != UNAVAILABLE:
        return MaybeSent(answer.host, f"answered with status {answer.status}")
    if is_token_refused(answer) or answer.status in {TOO_MANY_REQUESTS, UNAVAILABLE}:
        return _refusal(answer, now)
    if 400 <= answer.status < 500 and not _is_of_the_api(answer):
        return _refusal(answer, now)
    if 400 <= answer.status < 500:
        return RecipientClosed(answer.host, f"refused the message with status {answer.status}")
    return MaybeSent(answer.host, f"answered with status {answer.status}")
