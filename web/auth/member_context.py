"""What the pages of members share: services, rendering, and who is at the browser."""

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.datastructures import FormMultiDict

from federation.keys.instance import log_origin
from web.auth.cookies import Cookies
from web.auth.errors import SignInNeeded
from web.auth.forms import form_token, read_form
from web.auth.labels import browser_label
from web.auth.member_turns import MemberTurns
from web.auth.read_only import require_writable
from web.language import translate
from web.member_services import MemberServices
from web.rendering import Renderer
from web.services import Services

NO_STORE: Final = {"cache-control": "no-store"}


class SignedIn(msgspec.Struct, frozen=True):
    """A member who is signed in at this browser. `form_token` goes into every form of theirs; `account` is the one
    that the session began with."""

    member: UUID
    session: UUID
    account: UUID
    form_token: str


class AtBrowser(msgspec.Struct, frozen=True):
    """A browser: its cookie for sign-ins, the token of its session, its label, and who is signed in."""

    browser: str
    session: str
    label: str
    me: SignedIn | None

    def __repr__(self) -> str:
        return f"AtBrowser({self.label!r}, {self.me is not None})"


@dataclass(frozen=True, slots=True)
class MemberContext:
    """Built once for each process."""

    services: Services
    members: MemberServices
    cookies: Cookies
    renderer: Renderer
    turns: MemberTurns = field(default_factory=MemberTurns)

    @property
    def base_url(self) -> str:
        return self.services.settings.base_url

    async def is_log_waiting(self) -> bool:
        """Whether nothing is published at the moment, for a reason that does not pass by itself in seconds."""
        return await self.services.log.find_doubt(log_origin(self.services.settings)) is not None

    async def at_browser(self, request: Request[Any, Any, Any]) -> AtBrowser:
        """Resolves the session cookie. The only place that decides who is signed in."""
        token = self.cookies.session(request)
        session = await self.members.signing_in.session_of(token)
        me = None
        if session is not None:
            me = SignedIn(session.member, session.id, session.account, form_token(token))
        label = browser_label(request.headers.get("user-agent", ""))
        return AtBrowser(self.cookies.browser(request), token, label, me)

    async def me(self, request: Request[Any, Any, Any]) -> SignedIn:
        """Returns the member who is signed in. Raises SignInNeeded."""
        me = (await self.at_browser(request)).me
        if me is None:
            raise SignInNeeded(request.url.path)
        return me

    async def my_form(self, request: Request[Any, Any, Any]) -> FormMultiDict:
        """Reads a form that the session's browser sent from a page of ours. Raises ForgedForm."""
        return await read_form(request, self.cookies.session(request), self.base_url)

    def require_writable(self) -> None:
        """Raises ReadOnly while the instance is read only."""
        require_writable(self.services.instance)

    def page(
        self,
        request: Request[Any, Any, Any],
        template: str,
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
        **values: Any,
    ) -> Response[str]:
        """Renders a page that no cache may keep."""
        return self.renderer.page(
            request, template, status=status, headers={**NO_STORE, **(headers or {})}, **values
        )

    def say(self, request: Request[Any, Any, Any], text: str) -> str:
        """Translates a marked text into the language of the page."""
        return translate(self.renderer.language_of(request), text)
