"""Sends the pushed authorization request (RFC 9126): its parameters go to the server, not to the browser."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlencode, urlsplit

import msgspec

from directory.networks.answers import Answer
from directory.networks.bluesky.client import OAuthClient
from directory.networks.bluesky.dpop import SigningKey
from directory.networks.bluesky.requests import DpopRequests, error_of
from directory.networks.bluesky.servers import AuthorizationServer
from directory.networks.oauth import Expected, challenge
from directory.networks.sign_in_errors import (
    ServerMisbehaved,
    ServerUnreachable,
    is_temporary,
    network_errors,
)

MAX_REQUEST_URI_CHARS: Final = 1_024
INVALID_SCOPE: Final = "invalid_scope"


class _Pushed(msgspec.Struct):
    request_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """The parts of a pushed request."""

    server: AuthorizationServer
    client: OAuthClient
    client_id: str
    key: SigningKey = field(repr=False)
    verifier: str = field(repr=False)
    expected: Expected = field(repr=False)
    login_hint: str | None
    now: datetime

    def form(self, scope: str) -> dict[str, str]:
        """Makes the fields, with a fresh assertion where we sign them."""
        fields = self.client.credentials(self.client_id, self.server.issuer, self.client.key_id, self.now)
        fields |= {
            "response_type": "code",
            "redirect_uri": self.expected.redirect_uri,
            "scope": scope,
            "state": self.expected.state,
            "code_challenge": challenge(self.verifier),
            "code_challenge_method": "S256",
        }
        return fields if self.login_hint is None else {**fields, "login_hint": self.login_hint}


async def push(requests: DpopRequests, asked: Push, scopes: Sequence[str]) -> str:
    """Pushes the request. Returns the address for the browser, for the first of the scopes that the server knows.

    Raises SignInError.
    """
    *narrow, broadest = scopes
    for scope in narrow:
        answer = await _post(requests, asked, scope)
        if answer.status != 400 or error_of(answer) != INVALID_SCOPE:
            return _authorize_url(asked, answer)
    return _authorize_url(asked, await _post(requests, asked, broadest))


async def _post(requests: DpopRequests, asked: Push, scope: str) -> Answer:
    return await requests.post_form(
        asked.server.par_endpoint, lambda: asked.form(scope), asked.key, asked.now
    )


def _authorize_url(asked: Push, answer: Answer) -> str:
    if is_temporary(answer.status):
        raise ServerUnreachable(answer.host, f"answered with status {answer.status}")
    if answer.status not in {200, 201}:
        raise ServerMisbehaved(answer.host, f"refused the request: {answer.status} {error_of(answer)}")
    with network_errors():
        request_uri = answer.parse(_Pushed).request_uri
    if not 0 < len(request_uri) <= MAX_REQUEST_URI_CHARS:
        raise ServerMisbehaved(answer.host, "the request was given no name, or too long a one")
    query = urlencode({"client_id": asked.client_id, "request_uri": request_uri})
    parts = urlsplit(asked.server.authorization_endpoint)
    return parts._replace(query=f"{parts.query}&{query}" if parts.query else query).geturl()
