"""An instance's side of a sign-in with the fake servers."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec.structs import replace

from directory.identifiers import TargetId
from directory.networks.http import GuardedClient
from directory.networks.mastodon.apps import RENEW_EVERY, App, Apps
from directory.networks.mastodon.sign_in import MastodonSignIn
from directory.networks.port import Purpose, SignInDone, SignInStart
from tests.directory.networks.grants import NotedGrants
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response
from tests.harness.fake_mastodon.site import JRD
from tests.harness.fake_mastodon.visitor import agree

CALLBACK: Final = "https://find.example.org/auth/mastodon/callback"
MORNING: Final = datetime(2026, 11, 22, 9, tzinfo=UTC)


class KeptApps:
    """An app store in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str, str], App] = {}
        self.renewed: dict[tuple[str, str, str], datetime] = {}

    async def get(self, host: str, scope: str, redirect_uri: str) -> App | None:
        return self.kept.get((host, scope, redirect_uri))

    async def put(self, app: App) -> None:
        before = self._kept(app.host, app.client_id)
        due_at = before.due_at if before is not None else None
        self.kept[app.host, app.scope, app.redirect_uri] = replace(app, due_at=due_at)

    async def claim_renewal(self, app: App, now: datetime) -> bool:
        named = (app.host, app.scope, app.redirect_uri)
        last = self.renewed.get(named)
        if last is not None and now - last < RENEW_EVERY:
            return False
        self.renewed[named] = now
        return True

    async def note_departure(self, app: App, back_by: datetime) -> None:
        if (kept := self._kept(app.host, app.client_id)) and kept.due_at is None:
            await self._make_due(kept, back_by)

    async def note_return(self, app: App) -> None:
        if kept := self._kept(app.host, app.client_id):
            await self._make_due(kept, None)

    async def doubt(self, host: str, client_id: str, now: datetime) -> None:
        if kept := self._kept(host, client_id):
            await self._make_due(kept, now if kept.due_at is None else min(now, kept.due_at))

    def _kept(self, host: str, client_id: str) -> App | None:
        named = (host, client_id)
        return next((one for one in self.kept.values() if (one.host, one.client_id) == named), None)

    async def _make_due(self, app: App, due_at: datetime | None) -> None:
        self.kept[app.host, app.scope, app.redirect_uri] = replace(app, due_at=due_at)


class Instance:
    """A sign-in service, with a clock that a test moves."""

    def __init__(self, internet: FakeInternet, http: GuardedClient) -> None:
        self.internet = internet
        self.http = http
        self.time = MORNING
        self.apps = KeptApps()
        self.grants = NotedGrants()
        self.sign_in = MastodonSignIn(
            http,
            Apps(http, self.apps, lambda: "Passerelle of the tests", "https://find.example.org"),
            self.grants,
        )

    def now(self) -> datetime:
        return self.time

    def wait(self, **time: float) -> None:
        self.time += timedelta(**time)

    async def start(
        self, account: str, purpose: Purpose = Purpose.PROVE, *, expected: TargetId | None = None
    ) -> SignInStart:
        return await self.sign_in.start_sign_in(
            account, purpose=purpose, redirect_uri=CALLBACK, now=self.time, expected=expected
        )

    async def visit(self, started: SignInStart, account: str, *, deny: bool = False) -> str:
        """The address at which the browser comes back."""
        return await asyncio.to_thread(agree, self.internet, started.authorize_url, account, deny=deny)

    async def finish(self, started: SignInStart, returned_to: str) -> SignInDone:
        return await self.sign_in.finish_sign_in(started.record, returned_to, self.time)

    async def signed_in(
        self, typed: str, account: str = "alice", purpose: Purpose = Purpose.PROVE
    ) -> SignInDone:
        """The whole way."""
        started = await self.start(typed, purpose)
        return await self.finish(started, await self.visit(started, account))


def jrd(subject: str, actor: str) -> Callable[[Request], Response]:
    """A WebFinger that says this to every question."""
    link = {"rel": "self", "type": "application/activity+json", "href": actor}
    return lambda _: Response.json({"subject": subject, "links": [link], "aliases": [actor]}, type_=JRD)
