"""Registers our app at each server: https://docs.joinmastodon.org/methods/apps/#create

An app is registered once for a host, a scope and a redirect address, and stored. Three things need care:
- Mastodon deletes apps that nobody signed in with for a day, so one that was not checked for a while
  is tried before a person is sent to the server with it.
- A server can lose an app at any time, and not every server tells: Takahē gives any app a token of its own, known or
  not. So an app is due to be registered anew where whoever left with it is not back with a token in a while, and at
  once where they come back with an error. A token from it alone ends that. Anybody can leave and not come back, so
  this happens once in RENEW_EVERY, counted in the database; meanwhile the stored app serves.
- Some servers give a token for any code, to whoever signed in last with the app (seen in snac).
  Sign-in is refused there (`docs/security.md`): an invented code is tried with a new app, so that a
  person learns of it before they type a password, and again at each sign-in.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec

from directory.networks.answers import Answer
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.networks.oauth import new_secret
from directory.networks.sign_in_errors import (
    CodesUnchecked,
    NotAServer,
    ServerMisbehaved,
    ServerUnreachable,
    is_temporary,
    network_errors,
)

CHECK_AFTER: Final = timedelta(hours=12)
APP_LIMITS: Final = Limits(total_s=20.0, max_body_bytes=64 * 1024)
MAX_CREDENTIAL_CHARS: Final = 1_024
RETURNS_WITHIN: Final = timedelta(minutes=3)
"""The time in which somebody who left with an app is back, or the app is due. A wrong guess costs a registration."""
RENEW_EVERY: Final = timedelta(minutes=10)
"""The least time between two registrations in the place of a stored one."""
# Errors of servers that give tokens to people only, whether or not they know the app.
_NO_SUCH_GRANT: Final = frozenset({"unsupported_grant_type", "invalid_grant_type"})
UNKNOWN_CLIENT: Final = frozenset({"invalid_client", "invalid_client_id", "unauthorized_client"})
"""The errors for an app that a server does not know: Mastodon's at a revocation is `unauthorized_client`."""


class App(msgspec.Struct, frozen=True):
    """A registration. `client_secret` is a minor secret, sealed at rest."""

    host: str
    scope: str
    redirect_uri: str
    client_id: str
    client_secret: str
    checked_at: datetime
    name: str = ""
    """What the server shows people who sign in: the name of the instance when it registered."""
    due_at: datetime | None = None
    """When it is to be registered anew; None while the last who left with it came back with a token."""

    def is_due(self, now: datetime) -> bool:
        """Tells whether the server may have lost the app. A time that only a wrong clock writes counts as past."""
        return self.due_at is not None and not now < self.due_at <= now + RETURNS_WITHIN

    def __repr__(self) -> str:
        return f"App({self.host!r}, {self.scope!r})"


class AppStore(Protocol):
    """Stores registrations, one for each host, scope and redirect address."""

    async def get(self, host: str, scope: str, redirect_uri: str) -> App | None: ...

    async def put(self, app: App) -> None:
        """Stores a registration in the place of the former one. The same app stays as due as it is."""
        ...

    async def claim_renewal(self, app: App, now: datetime) -> bool:
        """Counts a registration in the place of this one. Returns False where there was one in the last RENEW_EVERY:
        one caller of all processes gets True."""
        ...

    async def note_departure(self, app: App, back_by: datetime) -> None:
        """Makes an app due then, unless it is already due."""
        ...

    async def note_return(self, app: App) -> None:
        """Stores that the server gave a token to this app: it is not due."""
        ...

    async def doubt(self, host: str, client_id: str, now: datetime) -> None:
        """Makes an app due now, if it is still the stored one."""
        ...


class _Registered(msgspec.Struct):
    client_id: str
    client_secret: str


class _Error(msgspec.Struct):
    error: str = ""


class Apps:
    """Our apps at all servers."""

    def __init__(self, http: GuardedClient, store: AppStore, name: Callable[[], str], website: str) -> None:
        """`name` tells what the instance is called at the moment of a registration."""
        self._http = http
        self._store = store
        self._name = name
        self._website = website

    async def app_for(self, host: str, scope: str, redirect_uri: str, now: datetime) -> App:
        """Returns an app that the server knows, registered where needed. Raises NotAServer, CodesUnchecked and
        SignInError."""
        kept = await self._store.get(host, scope, redirect_uri)
        if kept is not None and kept.name != self._name():
            # The instance was renamed since; what was granted to the former app brings its own secrets.
            kept = None
        app = await self._current(kept, now) if kept is not None else None
        if app is None:
            app = await self._register_checked(host, scope, redirect_uri, now)
        await self._store.note_departure(app, now + RETURNS_WITHIN)
        return app

    async def note_return(self, app: App) -> None:
        """Stores that the server still knows an app: it gave a token."""
        await self._store.note_return(app)

    async def doubt(self, host: str, client_id: str, now: datetime) -> None:
        """Has an app registered anew at the next sign-in: the server seems to have lost it."""
        await self._store.doubt(host, client_id, now)

    async def _current(self, kept: App, now: datetime) -> App | None:
        """Returns a stored app, renewed where it is due; None where the server has lost it."""
        if kept.is_due(now) and await self._store.claim_renewal(kept, now):
            return await self._renew(kept, now)
        if timedelta(0) <= now - kept.checked_at < CHECK_AFTER:
            return kept
        if not await self._is_known(kept):
            return None
        checked = msgspec.structs.replace(kept, checked_at=now)
        await self._store.put(checked)
        return checked

    async def _renew(self, kept: App, now: datetime) -> App:
        """Registers an app anew. Where the server does not take another, the stored one may still be good."""
        try:
            return await self._register_checked(kept.host, kept.scope, kept.redirect_uri, now)
        except (NotAServer, ServerMisbehaved, ServerUnreachable):
            return kept

    async def _register_checked(self, host: str, scope: str, redirect_uri: str, now: datetime) -> App:
        app = await self._register(host, scope, redirect_uri, now)
        await self._require_checked_codes(app)
        await self._store.put(app)
        return app

    async def _register(self, host: str, scope: str, redirect_uri: str, now: datetime) -> App:
        name = self._name()
        form = {
            "client_name": name,
            # One text, not a list: all servers accept that.
            "redirect_uris": redirect_uri,
            "scopes": scope,
            "website": self._website,
        }
        with network_errors(host):
            answer = await self._http.post(f"https://{host}/api/v1/apps", form=form, limits=APP_LIMITS)
        if is_temporary(answer.status):
            raise ServerUnreachable(host, f"answered a registration with status {answer.status}")
        if answer.status not in {200, 201}:
            raise NotAServer(host, f"answered a registration with status {answer.status}")
        try:
            registered = msgspec.json.decode(answer.body, type=_Registered)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise NotAServer(host, "answered a registration with something else") from None
        sizes = (len(registered.client_id), len(registered.client_secret))
        if not all(0 < size <= MAX_CREDENTIAL_CHARS for size in sizes):
            raise ServerMisbehaved(host, "registered the app without a name or a secret")
        return App(host, scope, redirect_uri, registered.client_id, registered.client_secret, now, name)

    async def _is_known(self, app: App) -> bool:
        """Tells whether the server still knows the app. True also where the server cannot tell."""
        answer = await self._try(app, {"grant_type": "client_credentials", "scope": app.scope})
        has_refused = 400 <= answer.status < 500 and not is_temporary(answer.status)
        return not has_refused or error_of(answer) in _NO_SUCH_GRANT

    async def _require_checked_codes(self, app: App) -> None:
        """Raises CodesUnchecked where the server gives a token for an invented code. Any other answer passes: the
        server is tried again at the sign-in."""
        form = {"grant_type": "authorization_code", "code": new_secret(), "code_verifier": new_secret()}
        if 200 <= (await self._try(app, form)).status < 300:
            raise CodesUnchecked(app.host, "the server gives a token for a code that never was")

    async def _try(self, app: App, form: dict[str, str]) -> Answer:
        sent = {**form, **client_fields(app.client_id, app.client_secret), "redirect_uri": app.redirect_uri}
        with network_errors(app.host):
            return await self._http.post(f"https://{app.host}/oauth/token", form=sent, limits=APP_LIMITS)


def client_fields(client_id: str, client_secret: str) -> dict[str, str]:
    """Makes the form fields that identify an app."""
    return {"client_id": client_id, "client_secret": client_secret}


def error_of(answer: Answer) -> str:
    """Returns the error code of an answer, empty where there is none."""
    try:
        return msgspec.json.decode(answer.body, type=_Error).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
