"""Chat messages from the instance's own account on Bluesky.

Sources: https://docs.bsky.app/docs/api/chat-bsky-convo-get-convo-for-members and `…-send-message` (asked at the account's
own server, which hands them on to the service that the header `atproto-proxy` names),
https://docs.bsky.app/docs/api/com-atproto-server-create-session. The app password has to allow direct messages. What
the service says of somebody who takes no messages stands in `message` of a 400, in the words that Bluesky's own app and
Bridgy Fed compare.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar
from urllib.parse import urlencode

import msgspec

from directory.accounts import AccountNetwork, BlueskyAccount, TargetAccount
from directory.networks.answers import Answer
from directory.networks.bluesky.origins import parse_origin
from directory.networks.errors import NetworkError
from directory.networks.http import SERVER_ERRORS, TOO_MANY_REQUESTS, GuardedClient
from directory.networks.limits import Limits
from directory.networks.messages import (
    MaybeSent,
    MessageError,
    NotSent,
    OwnAccountRefused,
    RecipientBlocked,
    RecipientClosed,
    RecipientError,
    RecipientGone,
    before_sending,
    while_sending,
)
from directory.networks.retry_after import retry_after_s
from directory.networks.sign_in_errors import SignInError

CHAT_SERVICE: Final = "did:web:api.bsky.chat#bsky_chat"
SESSION_LIFE: Final = timedelta(minutes=30)
"""How long a session is used. Servers grant 300 a day to an account, so it is kept; their tokens last for two hours."""
MESSAGE_LIMITS: Final = Limits(total_s=30.0, max_body_bytes=256 * 1024)
OK: Final = 200
BAD_REQUEST: Final = 400
UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
UNAVAILABLE: Final = 503
_OF_OUR_TOKEN: Final = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired"})
_PDS: Final = "#atproto_pds"

T = TypeVar("T")


class _Service(msgspec.Struct):
    id: str = ""
    serviceEndpoint: object = None


class _Document(msgspec.Struct):
    service: list[_Service] = []


class _Session(msgspec.Struct):
    accessJwt: str
    handle: str
    didDoc: _Document | None = None


class _Convo(msgspec.Struct):
    id: str


class _ConvoAnswer(msgspec.Struct):
    convo: _Convo


class _Refusal(msgspec.Struct):
    error: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class OwnBlueskyAccount:
    """The instance's own account. `password` reads the app password at each use; it raises OwnAccountRefused."""

    server: str
    name: str
    password: Callable[[], str]
    allow_loopback: bool = False


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session of the own account, and the server that it is used at."""

    origin: str
    access: str
    handle: str
    until: datetime

    def __repr__(self) -> str:
        return f"OpenSession({self.origin!r})"


class BlueskyMessenger:
    """Writes chat messages. Not trusted: at most it keeps messages from people, or sends them late."""

    network = AccountNetwork.BLUESKY

    def __init__(self, http: GuardedClient, own: OwnBlueskyAccount) -> None:
        self._http = http
        self._own = own
        self._session: OpenSession | None = None

    async def prepare(self, to: TargetAccount, now: datetime) -> "BlueskyLetter":
        """Opens the conversation with an account. Raises NotSent, RecipientError."""
        if not isinstance(to, BlueskyAccount):
            raise RecipientGone(self._own.server, "the account is on another network")
        session = await self._open_session(now)
        asked = urlencode({"members": str(to.did)})
        url = f"{session.origin}/xrpc/chat.bsky.convo.getConvoForMembers?{asked}"
        try:
            answer = await self._http.get(url, headers=_chat_headers(session), limits=MESSAGE_LIMITS)
        except NetworkError as error:
            raise before_sending(error) from error
        if answer.status != OK:
            raise self._refusal(answer, now)
        return BlueskyLetter(self, session, _parsed(answer, _ConvoAnswer).convo.id, now)

    async def check(self, now: datetime) -> str:
        """Checks the app password. Returns the account's handle. Raises NotSent."""
        return (await self._open_session(now)).handle

    async def send(self, session: OpenSession, convo: str, text: str, now: datetime) -> None:
        """Sends a message into a conversation. Raises MessageError."""
        url = f"{session.origin}/xrpc/chat.bsky.convo.sendMessage"
        body = {"convoId": convo, "message": {"text": text, "facets": link_facets(text)}}
        try:
            answer = await self._http.post(
                url, json=body, headers=_chat_headers(session), limits=MESSAGE_LIMITS
            )
        except NetworkError as error:
            raise while_sending(error) from error
        # After 500, 502 and 504 it may stand: something behind the answer may have taken it.
        if answer.status in SERVER_ERRORS and answer.status != UNAVAILABLE:
            raise MaybeSent(answer.host, f"answered with status {answer.status}")
        if answer.status >= BAD_REQUEST:
            raise self._refusal(answer, now)
        if answer.status != OK:
            raise MaybeSent(answer.host, f"answered with status {answer.status}")

    async def _open_session(self, now: datetime) -> OpenSession:
        if self._session is not None and now < self._session.until:
            return self._session
        body = {"identifier": self._own.name, "password": self._own.password()}
        url = f"{self._own.server}/xrpc/com.atproto.server.createSession"
        try:
            answer = await self._http.post(url, json=body, limits=MESSAGE_LIMITS)
        except NetworkError as error:
            raise before_sending(error) from error
        if answer.status in {BAD_REQUEST, UNAUTHORIZED, FORBIDDEN}:
            raise OwnAccountRefused(answer.host, f"does not take our password (status {answer.status})")
        if answer.status != OK:
            raise _later(answer, now)
        said = _parsed(answer, _Session)
        origin = self._origin_of(said.didDoc)
        self._session = OpenSession(origin, said.accessJwt, said.handle, now + SESSION_LIFE)
        return self._session

    def _origin_of(self, document: _Document | None) -> str:
        """Returns the account's own server, which the one it signed in at tells; else that one."""
        for service in document.service if document is not None else []:
            if service.id.endswith(_PDS):
                try:
                    return parse_origin(service.serviceEndpoint, allow_loopback=self._own.allow_loopback)
                except SignInError as error:
                    raise NotSent(error.host, error.why) from error
        return self._own.server

    def _refusal(self, answer: Answer, now: datetime) -> MessageError:
        said = _said(answer)
        if answer.status in {UNAUTHORIZED, FORBIDDEN} or said.error in _OF_OUR_TOKEN:
            self._session = None
            return OwnAccountRefused(answer.host, "does not take our session, or it may not write messages")
        if answer.status == TOO_MANY_REQUESTS or answer.status in SERVER_ERRORS or not said.error:
            return _later(answer, now)  # without an error of the protocol something else has answered
        return _of_recipient(answer.host, said)


@dataclass(frozen=True, slots=True)
class BlueskyLetter:
    """A message to the other side of a conversation."""

    messenger: BlueskyMessenger
    session: OpenSession
    convo: str
    now: datetime

    async def send(self, text: str, *, language: str, key: str) -> None:
        """Sends it. The network knows neither languages nor keys of messages. Raises MessageError."""
        del language, key
        await self.messenger.send(self.session, self.convo, text, self.now)


def link_facets(text: str) -> list[dict[str, object]]:
    """Returns the facets that make the addresses in a text links: positions are in bytes of UTF-8
    (https://docs.bsky.app/docs/advanced-guides/post-richtext)."""
    found: list[dict[str, object]] = []
    for word in text.split():
        if word.startswith(("https://", "http://")):
            start = len(text[: text.index(word)].encode())
            index = {"byteStart": start, "byteEnd": start + len(word.encode())}
            link = {"$type": "app.bsky.richtext.facet#link", "uri": word}
            found.append({"index": index, "features": [link]})
    return found


def _chat_headers(session: OpenSession) -> Mapping[str, str]:
    return {"authorization": f"Bearer {session.access}", "atproto-proxy": CHAT_SERVICE}


def _later(answer: Answer, now: datetime) -> NotSent:
    why = f"answered with status {answer.status}"
    return NotSent(answer.host, why, retry_after_s=retry_after_s(answer, now))


def _of_recipient(host: str, said: _Refusal) -> RecipientError:
    told = f"{said.error} {said.message}".lower()
    if "block" in told:
        return RecipientBlocked(host, "the account blocks ours")
    if "not exist" in told or "notfound" in told or "deactivated" in told or "suspended" in told:
        return RecipientGone(host, "there is no such account")
    return RecipientClosed(host, "the account takes no messages from ours")


def _said(answer: Answer) -> _Refusal:
    try:
        return answer.parse(_Refusal)
    except NetworkError:
        return _Refusal()


def _parsed(answer: Answer, shape: type[T]) -> T:
    try:
        return answer.parse(shape)
    except NetworkError as error:
        raise before_sending(error) from error
