"""Servers that take direct messages, as far as they are documented.

`FakePosts` is a server of the Mastodon API: https://docs.joinmastodon.org/methods/statuses/#create,
https://docs.joinmastodon.org/methods/search/#v2, https://docs.joinmastodon.org/methods/accounts/#relationships,
https://docs.joinmastodon.org/methods/accounts/#verify_credentials. A repeated `Idempotency-Key` gives the same post again.

`FakeChat` is a PDS that hands chat on: https://docs.bsky.app/docs/api/com-atproto-server-create-session,
https://docs.bsky.app/docs/api/chat-bsky-convo-get-convo-for-members, https://docs.bsky.app/docs/api/chat-bsky-convo-send-message.
The sentence about closed messages is the one that Bridgy Fed and Bluesky's own app compare.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from tests.harness.fake_mastodon.internet import Request, Response

MASTODON_KEY: Final = "mastodon-secret-token"
BLUESKY_KEY: Final = "abcd-efgh-ijkl-mnop"
Answering = Callable[[Request], Response]


@dataclass
class FakePosts:
    """`accounts` are the actors it knows, by address; `tells_uri`: it tells them. `answering` answers posts in its place; `takes_first`: after it took
    them."""

    host: str = "bot.test"
    tells_uri: bool = True
    accounts: dict[str, str] = field(default_factory=dict)
    blocking: set[str] = field(default_factory=set)
    suspended: set[str] = field(default_factory=set)
    posts: list[dict[str, Any]] = field(default_factory=list)
    answering: Answering | None = None
    takes_first: bool = False
    searching: Answering | None = None
    _keys: set[str] = field(default_factory=set)

    def __call__(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {MASTODON_KEY}":
            return Response.json({"error": "The access token is invalid"}, 401)
        match request.path:
            case "/api/v1/accounts/verify_credentials":
                return Response.json({"id": "1", "acct": "bot", "uri": f"https://{self.host}/users/bot"})
            case "/api/v2/search":
                return self.searching(request) if self.searching else self._search(request)
            case "/api/v1/accounts/relationships":
                asked = request.query["id[]"]
                return Response.json([{"id": asked, "blocked_by": asked in self.blocking}])
            case "/api/v1/statuses":
                return self._post(request)
        return Response.json({"error": "Record not found"}, 404)

    def _search(self, request: Request) -> Response:
        wanted = request.query["q"].removeprefix("@").lower()
        found = [
            {
                "id": acct,
                "acct": acct,
                **({"uri": actor} if self.tells_uri else {}),
                **({"suspended": True} if acct in self.suspended else {}),
            }
            for acct, actor in self.accounts.items()
            if acct.startswith(wanted)
        ]
        return Response.json({"accounts": found, "statuses": [], "hashtags": []})

    def _post(self, request: Request) -> Response:
        if self.answering and not self.takes_first:
            return self.answering(request)
        key = request.headers["idempotency-key"]
        if key not in self._keys:
            self._keys.add(key)
            self.posts.append(msgspec.json.decode(request.body))
        if self.answering:
            return self.answering(request)
        return Response.json({"id": str(len(self.posts)), "visibility": "direct"})


@dataclass
class FakeChat:
    """`refusals` are what the chat service says of somebody who takes no messages, by DID."""

    refusals: dict[str, str] = field(default_factory=dict)
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    sessions: int = 0
    is_expired: bool = False
    answering: Answering | None = None
    takes_first: bool = False

    def __call__(self, request: Request) -> Response:
        if request.path == "/xrpc/com.atproto.server.createSession":
            return self._sign_in(msgspec.json.decode(request.body))
        if request.headers.get("atproto-proxy") != "did:web:api.bsky.chat#bsky_chat":
            return Response.json({"error": "MethodNotImplemented", "message": "Method Not Implemented"}, 501)
        if self.is_expired or request.headers.get("authorization") != "Bearer access":
            return Response.json({"error": "ExpiredToken", "message": "Token has expired"}, 400)
        if request.path == "/xrpc/chat.bsky.convo.getConvoForMembers":
            return self._convo(request.query["members"])
        if request.path == "/xrpc/chat.bsky.convo.sendMessage":
            return self._send(request)
        return Response.json({"error": "MethodNotImplemented", "message": "Method Not Implemented"}, 501)

    def _sign_in(self, sent: dict[str, str]) -> Response:
        if sent != {"identifier": "bot.test", "password": BLUESKY_KEY}:
            said = {"error": "AuthenticationRequired", "message": "Invalid identifier or password"}
            return Response.json(said, 401)
        self.sessions += 1
        self.is_expired = False
        return Response.json(
            {
                "did": "did:plc:bot",
                "handle": "bot.test",
                "accessJwt": "access",
                "refreshJwt": "refresh",
                "didDoc": {"id": "did:plc:bot", "service": []},
            }
        )

    def _convo(self, did: str) -> Response:
        if did in self.refusals:
            return Response.json({"error": "InvalidRequest", "message": self.refusals[did]}, 400)
        return Response.json({"convo": {"id": f"convo-{did}", "rev": "1", "members": [], "muted": False}})

    def _send(self, request: Request) -> Response:
        if self.answering and not self.takes_first:
            return self.answering(request)
        sent = msgspec.json.decode(request.body)
        self.messages.append((sent["convoId"].removeprefix("convo-"), sent["message"]))
        if self.answering:
            return self.answering(request)
        return Response.json({"id": "m", "rev": "1", "text": sent["message"]["text"]})
