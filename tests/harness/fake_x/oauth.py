"""X's OAuth 2, strict: what X refuses is refused here.

https://docs.x.com/fundamentals/authentication/oauth-2-0/user-access-token; the errors as people reported them:
https://github.com/plhery/node-twitter-api-v2/issues/496 (a code that is used or too old),
https://github.com/xdevplatform/twitter-api-typescript-sdk/issues/26 (another code verifier).
A code is valid once, for 30 seconds; PKCE is required; a confidential client authenticates by HTTP
Basic; a token without offline.access is valid for two hours and has no refresh token.
"""

import base64
import hashlib
import html
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode

from tests.harness.fake_x.shapes import Shaped
from tests.harness.fake_x.world import FakeAccount

_OTHER_VERIFIER: Final = "Value passed for the code verifier did not match the code challenge."
CODE_LIFE_S: Final = 30.0
TOKEN_LIFE_S: Final = 7_200
Fields = dict[str, str]


@dataclass
class _Grant:
    account: FakeAccount
    fields: Fields
    made: float


@dataclass
class FakeOAuth:
    """One registered app, and the account that is signed in at X in the browser."""

    client_id: str = "fake-client"
    client_secret: str | None = "fake-secret"  # noqa: S105 - it opens nothing
    redirect_uris: list[str] = field(default_factory=list)
    """The redirect addresses that the app may use; an empty list allows any."""
    signed_in: FakeAccount | None = None
    codes: dict[str, _Grant] = field(default_factory=dict)
    tokens: dict[str, FakeAccount] = field(default_factory=dict)
    revoked: list[str] = field(default_factory=list)
    answers_me: Shaped | None = None
    """Answers `me` in place of the account: 402 is documented for used-up credits, 429 for too many requests."""
    answers_revoke: Shaped | None = None

    def page(self, query: Fields) -> Shaped:
        """Makes the page that asks the person."""
        wrong = self._wrong_request(query)
        if wrong or self.signed_in is None:
            return (
                400,
                f"<h1>Something went wrong</h1><p>{html.escape(wrong or 'not signed in')}</p>".encode(),
            )
        hidden = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in query.items()
        )
        return 200, (
            f"<h1>Passerelle wants to access your X account</h1><p>@{self.signed_in.handle}</p>"
            f'<form method="post">{hidden}'
            '<button name="decision" value="allow">Authorize app</button>'
            '<button name="decision" value="deny">Cancel</button></form>'
        ).encode()

    def decide(self, form: Fields) -> str | None:
        """Decides a request. Returns the address to redirect to, None where X shows an error."""
        if self._wrong_request(form) or self.signed_in is None:
            return None
        answer = {"state": form["state"]}
        if form.get("decision") == "allow":
            code = secrets.token_urlsafe(24)
            self.codes[code] = _Grant(self.signed_in, form, time.monotonic())
            answer["code"] = code
        else:
            answer["error"] = "access_denied"
        return f"{form['redirect_uri']}?{urlencode(answer, quote_via=quote)}"

    def _wrong_request(self, query: Fields) -> str:
        needed = {"response_type": "code", "client_id": self.client_id, "code_challenge_method": "S256"}
        for name, value in needed.items():
            if query.get(name) != value:
                return f"{name} is not {value}"
        if not {"users.read", "tweet.read"} <= set(query.get("scope", "").split()):
            return "scope"
        if not query.get("state") or len(query.get("code_challenge", "")) != 43:
            return "state or code_challenge is missing"
        if self.redirect_uris and query.get("redirect_uri") not in self.redirect_uris:
            return "redirect_uri is not registered"
        return ""

    def token(self, form: Fields, authorization: str) -> Shaped:
        """Answers POST /2/oauth2/token."""
        if not self._is_client(form, authorization):
            return _error(401, "unauthorized_client", "Missing valid authorization header")
        grant = self.codes.pop(form.get("code", ""), None)
        if grant is None or time.monotonic() - grant.made > CODE_LIFE_S:
            return _error(400, "invalid_request", "Value passed for the authorization code was invalid.")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != grant.fields["code_challenge"]:
            return _error(400, "invalid_request", _OTHER_VERIFIER)
        if form.get("redirect_uri") != grant.fields["redirect_uri"]:
            return _error(400, "invalid_request", "Value passed for the redirect uri did not match.")
        token = secrets.token_urlsafe(48)
        self.tokens[token] = grant.account
        answer = {"token_type": "bearer", "expires_in": TOKEN_LIFE_S, "access_token": token}
        return 200, json.dumps(answer | {"scope": grant.fields["scope"]}).encode()

    def revoke(self, form: Fields, authorization: str) -> Shaped:
        """Answers POST /2/oauth2/revoke."""
        if self.answers_revoke is not None:
            return self.answers_revoke
        if not self._is_client(form, authorization):
            return _error(401, "unauthorized_client", "Missing valid authorization header")
        if self.tokens.pop(form.get("token", ""), None) is not None:
            self.revoked.append(form["token"])
        return 200, b'{"revoked":true}'

    def me(self, authorization: str) -> Shaped:
        """Answers GET /2/users/me. https://docs.x.com/x-api/users/get-my-user"""
        if self.answers_me is not None:
            return self.answers_me
        account = self.tokens.get(authorization.removeprefix("Bearer "))
        if account is None:
            return 401, b'{"title":"Unauthorized","type":"about:blank","status":401,"detail":"Unauthorized"}'
        who = {"id": str(account.id), "name": account.name, "username": str(account.handle)}
        return 200, json.dumps({"data": who}).encode()

    def _is_client(self, form: Fields, authorization: str) -> bool:
        if self.client_secret is None:
            return form.get("client_id") == self.client_id
        pair = f"{quote(self.client_id, safe='')}:{quote(self.client_secret, safe='')}"
        return authorization == f"Basic {base64.b64encode(pair.encode()).decode()}"


def _error(status: int, error: str, description: str) -> Shaped:
    return status, json.dumps({"error": error, "error_description": description}).encode()
