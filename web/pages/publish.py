"""The form that publishes: what is to be public on each network, shown exactly as the world will see it."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.response import Redirect

from directory.accounts import AccountNetwork, LinkedAccount
from directory.mappings import Mapping, Network
from directory.members.consents import PRESENT_VERSION, ConsentKind
from directory.members.errors import MemberError, NotNamed
from directory.members.publications import Publication, Wish
from web.auth.forms import text_of
from web.auth.member_context import NO_STORE, MemberContext, SignedIn
from web.auth.sentences import MEMBER

NOWHERE = "none"


class Choice(msgspec.Struct, frozen=True):
    """An account that could be published, and exactly its mapping; or the marked text of why it cannot.

    `needs_sentence`: a new proof that names the account makes it publishable.
    """

    target: LinkedAccount
    mapping: Mapping | None
    obstacle: str
    needs_sentence: bool = False


class Question(msgspec.Struct, frozen=True):
    """Where one X account is to lead on one network. `chosen` is the account published now, or offered first."""

    x: LinkedAccount
    network: Network
    choices: list[Choice]
    said: Publication | None
    chosen: UUID | None

    @property
    def field(self) -> str:
        return f"{self.x.id}:{self.network}"


@get("/account/publish", include_in_schema=False)
async def publish_page(
    request: Request[Any, Any, Any], context: NamedDependency[MemberContext], me: NamedDependency[SignedIn]
) -> Response[Any]:
    """Shows what can be published, as the world will see it."""
    questions = await _questions(context, me)
    if not questions:
        return Redirect("/account/prove", headers=dict(NO_STORE))
    held = await context.members.consenting.present(me.member)
    consent = held.get(ConsentKind.PUBLISH)
    version = PRESENT_VERSION[ConsentKind.PUBLISH]
    return context.page(
        request,
        "publish.html",
        form_token=me.form_token,
        questions=questions,
        has_consented=consent is not None and consent.version == version,
        consent_version=version,
    )


@post("/account/publish", status_code=303, include_in_schema=False)
async def publish(
    context: NamedDependency[MemberContext],
    me: NamedDependency[SignedIn],
    my_form: NamedDependency[FormMultiDict],
) -> Redirect:
    """Publishes, changes and withdraws what the form names; everything else stays as it is."""
    version = text_of(my_form, "consent", 9)
    consent = int(version) if version.isdecimal() else None
    for question in await _questions(context, me):
        wanted = text_of(my_form, question.field)
        target = next((each.target for each in question.choices if str(each.target.id) == wanted), None)
        if target is not None:
            await context.members.publishing.publish(me.member, Wish(question.x.id, target.id, consent))
        elif wanted == NOWHERE and question.said is not None:
            await context.members.publishing.withdraw(me.member, question.said.id)
    await context.members.announce()
    return Redirect("/account/published", status_code=303, headers=dict(NO_STORE))


async def _questions(context: MemberContext, me: SignedIn) -> list[Question]:
    """Returns a question for each X account and each network where the member has an account."""
    accounts = await context.members.membership.accounts(me.member)
    said = {
        (each.x_account, each.network): each for each in await context.members.publishing.list_of(me.member)
    }
    return [
        await _question(context, x, network, accounts, said.get((x.id, network)))
        for x in accounts
        if x.network is AccountNetwork.X
        for network in Network
        if any(each.network.target is network for each in accounts)
    ]


async def _question(
    context: MemberContext,
    x: LinkedAccount,
    network: Network,
    accounts: list[LinkedAccount],
    said: Publication | None,
) -> Question:
    choices = [await _choice(context, x, each) for each in accounts if each.network.target is network]
    possible = [choice.target.id for choice in choices if choice.mapping is not None]
    chosen = said.target_account if said is not None else next(iter(possible), None)
    return Question(x, network, choices, said, chosen)


async def _choice(context: MemberContext, x: LinkedAccount, target: LinkedAccount) -> Choice:
    try:
        mapping = await context.members.publishing.preview(x.member, Wish(x.id, target.id))
    except MemberError as error:
        return Choice(target, None, MEMBER[error.code], isinstance(error, NotNamed))
    return Choice(target, mapping, "")
