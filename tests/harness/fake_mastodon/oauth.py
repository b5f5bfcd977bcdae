"""The OAuth of a fake server: apps, codes and tokens. A code is valid once, for ten minutes."""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from tests.harness.fake_mastodon.profiles import Profile, Refusal

# Doorkeeper's default, which Mastodon keeps.
CODE_LIFETIME: Final = timedelta(minutes=10)


class Refused(Exception):
    """The server refuses: a status and an error's name."""

    def __init__(self, refusal: Refusal) -> None:
        self.status, self.error = refusal
        super().__init__(f"{self.status} {self.error}")


@dataclass(slots=True)
class App:
    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...]
    scopes: frozenset[str]
    # Who signed in last: some servers check nothing else.
    last_user: str | None = None


@dataclass(slots=True)
class Code:
    client_id: str
    user: str
    redirect_uri: str
    scope: str
    challenge: str | None
    issued: datetime
    is_used: bool = False


@dataclass(slots=True)
class Token:
    access: str
    client_id: str
    user: str | None
    scope: str
    refresh: str | None
    is_revoked: bool = False


@dataclass(frozen=True, slots=True)
class Authorization:
    """A browser's authorization request, checked."""

    app: App
    redirect_uri: str
    scope: str
    state: str | None
    challenge: str | None


@dataclass
class OAuth:
    """The apps, codes and tokens of one server."""

    profile: Profile
    apps: dict[str, App] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)

    def register(self, form: Mapping[str, str]) -> App:
        """Registers an app. https://docs.joinmastodon.org/methods/apps/#create"""
        if not form.get("client_name") or not form.get("redirect_uris"):
            raise Refused((422, "Validation failed"))
        app = App(
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(32),
            tuple(form["redirect_uris"].split()),
            frozenset(form.get("scopes", "read").split()),
        )
        self.apps[app.client_id] = app
        return app

    def check(self, query: Mapping[str, str]) -> Authorization:
        """Checks a request as the authorization page does before it is shown."""
        app = self.apps.get(query.get("client_id", ""))
        if app is None:
            raise Refused((401, "invalid_client"))
        if query.get("redirect_uri") not in app.redirect_uris:
            raise Refused((400, "invalid_redirect_uri"))
        scope = query.get("scope", "read")
        if query.get("response_type") != "code" or not app.scopes.issuperset(scope.split()):
            raise Refused((400, "invalid_scope"))
        challenge = query.get("code_challenge") if self.profile.offers_pkce else None
        if challenge is not None and query.get("code_challenge_method") != "S256":
            raise Refused((400, "invalid_code_challenge_method"))
        return Authorization(app, query["redirect_uri"], scope, query.get("state"), challenge)

    def agree(self, asked: Authorization, user: str, now: datetime) -> str:
        """Records that the person agreed. Returns a code."""
        code = secrets.token_urlsafe(32)
        self.codes[code] = Code(
            asked.app.client_id, user, asked.redirect_uri, asked.scope, asked.challenge, now
        )
        asked.app.last_user = user
        return code

    def token(self, form: Mapping[str, str], now: datetime) -> Token:
        """Issues a token. https://docs.joinmastodon.org/methods/oauth/#token"""
        grant = form.get("grant_type")
        if grant == "client_credentials" and self.profile.gives_any_app_a_token:
            return Token("__app__", form.get("client_id", ""), None, "", None)
        app = self._client(form)
        if grant == "client_credentials":
            return self._issue(app, None, form.get("scope", "read"))
        if grant == "authorization_code":
            return self._exchange(app, form, now)
        if grant == "refresh_token" and self.profile.expires_in is not None:
            return self._renew(app, form.get("refresh_token"))
        raise Refused(self.profile.no_renewal)

    def revoke(self, form: Mapping[str, str]) -> None:
        """Revokes a token. https://docs.joinmastodon.org/methods/oauth/#revoke"""
        found = next((token for token in self.tokens if token.access == form.get("token")), None)
        if found is None and self.profile.revokes_gone is None and form.get("client_id") in self.apps:
            return
        app = self.apps.get(form.get("client_id", ""))
        is_theirs = (
            found is not None
            and app is not None
            and found.client_id == app.client_id
            and app.client_secret == form.get("client_secret")
        )
        if found is None or app is None or not is_theirs:
            if self.profile.revokes_unknown is not None:
                raise Refused(self.profile.revokes_unknown)
            return
        found.is_revoked = True
        if self.profile.revokes_app:
            del self.apps[app.client_id]

    def user_of(self, access: str) -> Token | None:
        """Finds the live token with this text, None where there is none."""
        return next((one for one in self.tokens if one.access == access and not one.is_revoked), None)

    def forget_apps(self) -> None:
        """Deletes apps that hold no token of a person, as Mastodon does each night."""
        used = {token.client_id for token in self.tokens if token.user is not None}
        self.apps = {name: app for name, app in self.apps.items() if name in used}

    def _client(self, form: Mapping[str, str]) -> App:
        app = self.apps.get(form.get("client_id", ""))
        if app is None:
            raise Refused(self.profile.unknown_client or self.profile.wrong_client)
        if not secrets.compare_digest(app.client_secret, form.get("client_secret", "")):
            raise Refused(self.profile.wrong_client)
        return app

    def _exchange(self, app: App, form: Mapping[str, str], now: datetime) -> Token:
        if not self.profile.checks_code:
            return self._issue(app, app.last_user, "")
        code = self.codes.get(form.get("code", ""))
        if code is None:
            raise Refused(self.profile.invented_code or self.profile.wrong_grant)
        if self.profile.checks_redirect and code.redirect_uri != form.get("redirect_uri"):
            raise Refused(self.profile.wrong_redirect or self.profile.wrong_grant)
        is_good = (
            not code.is_used
            and code.client_id == app.client_id
            and now - code.issued < CODE_LIFETIME
            and (code.challenge is None or code.challenge == _s256(form.get("code_verifier", "")))
        )
        if not is_good:
            raise Refused(self.profile.wrong_grant)
        code.is_used = not self.profile.takes_code_twice
        return self._issue(app, code.user, code.scope)

    def _renew(self, app: App, refresh: str | None) -> Token:
        old = next((one for one in self.tokens if refresh is not None and one.refresh == refresh), None)
        if old is None or old.is_revoked or old.client_id != app.client_id:
            raise Refused(self.profile.wrong_grant)
        old.is_revoked = True
        return self._issue(app, old.user, old.scope)

    def _issue(self, app: App, user: str | None, scope: str) -> Token:
        if user is not None and self.profile.reuses_token:
            for token in self.tokens:
                if (token.client_id, token.user, token.scope) == (
                    app.client_id,
                    user,
                    scope,
                ) and not token.is_revoked:
                    return token
        refresh = secrets.token_urlsafe(32) if self.profile.expires_in is not None else None
        token = Token(secrets.token_urlsafe(32), app.client_id, user, scope, refresh)
        self.tokens.append(token)
        return token


def _s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
