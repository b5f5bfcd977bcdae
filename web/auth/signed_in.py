"""The dependencies of every page of members: who is signed in, and the form that they sent."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import Request, Response
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency

from directory.services.live_settings import LiveSettings
from web.auth.forms import text_of
from web.auth.member_context import MemberContext, SignedIn
from web.auth.read_only import require_writable
from web.member_services import MemberServices


@dataclass(frozen=True, slots=True)
class Asked:
    """A member's request by a form. Who asks comes from the session alone."""

    member: UUID
    members: MemberServices
    form: FormMultiDict
    instance: LiveSettings

    def require_writable(self) -> None:
        """Raises ReadOnly while the instance is read only; for forms that change something only in some cases."""
        require_writable(self.instance)

    def text(self, name: str) -> str:
        """Returns a field of the form; empty where it is missing."""
        return text_of(self.form, name)

    @property
    def version(self) -> int:
        """Returns the version of the text that was agreed to; 0, which no text has, where the form tells none."""
        version = self.text("version")
        return int(version) if version.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class Here:
    """A member's request for a page. Who asks comes from the session alone."""

    request: Request[Any, Any, Any]
    context: MemberContext
    me: SignedIn

    @property
    def language(self) -> str:
        return self.context.renderer.language_of(self.request)

    def page(self, template: str, **values: Any) -> Response[str]:
        """Renders a page with the token of the member's forms."""
        return self.context.page(self.request, template, form_token=self.me.form_token, **values)


async def provide_here(
    request: Request[Any, Any, Any], context: NamedDependency[MemberContext], me: NamedDependency[SignedIn]
) -> Here:
    """Provides request and member together. Raises SignInNeeded."""
    return Here(request, context, me)


async def provide_me(request: Request[Any, Any, Any], context: NamedDependency[MemberContext]) -> SignedIn:
    """Provides the member who is signed in. Raises SignInNeeded."""
    return await context.me(request)


async def provide_my_form(
    request: Request[Any, Any, Any], context: NamedDependency[MemberContext], me: NamedDependency[SignedIn]
) -> AsyncIterator[FormMultiDict]:
    """Provides the form that the member sent from a page of ours, once it is its turn. Raises SignInNeeded, ForgedForm, and
    TooManyRequestsException."""
    form = await context.my_form(request)
    async with context.turns.of(me.member):
        yield form


async def provide_asked(
    context: NamedDependency[MemberContext],
    me: NamedDependency[SignedIn],
    my_form: NamedDependency[FormMultiDict],
) -> Asked:
    """Provides member and form together, for a form that does one thing. Raises SignInNeeded, ForgedForm."""
    return Asked(me.member, context.members, my_form, context.services.instance)
