"""A member's own page: accounts, publications, consents, browsers, and the export."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from directory.accounts import AccountNetwork, LinkedAccount
from directory.members.consents import PRESENT_VERSION, Consent, ConsentKind
from directory.members.errors import ConsentOutdated
from directory.members.publications import PublicationState
from directory.queries import Lists
from directory.services.export import export_name
from web.account_sentences import ENDED, SAID
from web.auth.member_context import NO_STORE, MemberContext, SignedIn
from web.auth.read_only import GOES_ON
from web.auth.signed_in import Asked
from web.pages.prove import progress_to_tell

ASKED_CONSENTS: Final = (ConsentKind.PUBLISH, ConsentKind.KEEP_FOLLOW_LIST, ConsentKind.ANNOUNCE_NEWCOMERS)

_act = partial(post, status_code=303, media_type=MediaType.HTML, include_in_schema=False, opt=GOES_ON)
"""A form of the account page: it does one thing, and leads back to the page, which says what happened."""


class ConsentRow(msgspec.Struct, frozen=True):
    """A kind of consent, the version of its text, and the consent that holds now."""

    kind: ConsentKind
    version: int
    held: Consent | None

    @property
    def is_held_as_is(self) -> bool:
        """Returns whether a consent to the present text holds, not to an older one."""
        return self.held is not None and self.held.version == self.version

    @property
    def is_asked(self) -> bool:
        """Returns whether the member can consent: to the present text, or for another year."""
        return not self.is_held_as_is or (self.held is not None and self.held.expires is not None)


@get("/account", include_in_schema=False)
async def account(
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    me: NamedDependency[SignedIn],
    said: FromQuery[str] = "",
) -> Response[Any]:
    """Shows everything of a member on one page, and what a form of it has just done."""
    members = context.members
    accounts = await members.membership.accounts(me.member)
    held = await members.consenting.present(me.member)
    on_page = [each for each in accounts if each.on_page and not each.is_lapsed]
    publications, now = await members.publishing.list_of(me.member), context.services.clock.now()
    is_waiting = any(each.state(now) is PublicationState.PENDING for each in publications)
    return context.page(
        request,
        "account.html",
        form_token=me.form_token,
        has_follows=members.follows.is_on,
        shows_runs=members.follows.is_on or bool(await members.follows.following.list_of(me.member)),
        accounts=accounts,
        claims=await members.membership.waiting_claims(me.member),
        contested=await members.membership.contested_accounts(me.member),
        publications=publications,
        is_log_waiting=is_waiting and await context.is_log_waiting(),
        now=now,
        consents=_consent_rows(context, held),
        people_kept=(await members.follow_lists.sizes(me.member)).get(Lists.FOLLOWING, 0),
        sessions=await members.signing_in.sessions(me.member),
        this_session=me.session,
        this_account=me.account,
        my_page=await _my_page(context, me, on_page),
        progress=await progress_to_tell(context, me, accounts),
        has_x_account=any(each.network is AccountNetwork.X for each in accounts),
        can_unlink=_can_unlink(accounts),
        said=SAID.get(said, ""),
    )


@post("/account/accounts/{account_id:uuid}/unlink", status_code=303, include_in_schema=False, opt=GOES_ON)
async def unlink(
    account_id: FromPath[UUID],
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    me: NamedDependency[SignedIn],
    asked: NamedDependency[Asked],
) -> Response[Any]:
    """Unlinks an account and withdraws what is published of it. Who signed in here with it is signed out, and told
    so."""
    await asked.members.membership.unlink(asked.member, account_id)
    asked.members.wake_jobs()
    if account_id != me.account:
        return _back("unlinked")
    answer = context.page(request, "unlinked.html")
    context.cookies.forget_session(answer)
    return answer


@_act("/account/accounts/{account_id:uuid}/page")
async def show_on_page(account_id: FromPath[UUID], asked: NamedDependency[Asked]) -> Redirect:
    """Shows an account on the member's page, or takes it off."""
    shown = asked.text("shown") == "yes"
    if shown:
        asked.require_writable()
    await asked.members.membership.show_on_page(asked.member, account_id, shown=shown)
    return _back("on-page" if shown else "off-page")


@_act("/account/publications/{publication_id:uuid}/withdraw")
async def withdraw(publication_id: FromPath[UUID], asked: NamedDependency[Asked]) -> Redirect:
    """Withdraws a publication: it stops answering at once."""
    await asked.members.publishing.withdraw(asked.member, publication_id)
    return _back("withdrawn")


@_act("/account/consents/{kind:int}")
async def consent(kind: FromPath[int], asked: NamedDependency[Asked]) -> Redirect:
    """Gives one consent, to the version that was shown, or withdraws it."""
    try:
        thing, version = ConsentKind(kind), int(asked.text("version") or 0)
    except ValueError:
        raise ConsentOutdated from None
    answer = asked.text("answer")
    if answer == "yes":
        asked.require_writable()
        await asked.members.consenting.give(asked.member, thing, version)
        return _back("agreed")
    if answer == "no":  # only an explicit "no": it deletes and withdraws
        await asked.members.consenting.withdraw(asked.member, thing)
        return _back(ENDED[thing])
    return _back("")


@_act("/account/sessions/{session_id:uuid}/end")
async def end_session(session_id: FromPath[UUID], asked: NamedDependency[Asked]) -> Redirect:
    """Signs another browser out."""
    await asked.members.signing_in.end_session(asked.member, session_id)
    return _back("session-ended")


@post("/account/sign-out", status_code=303, include_in_schema=False, opt=GOES_ON)
async def sign_out(
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    asked: NamedDependency[Asked],
) -> Redirect:
    """Signs this browser out, or all of them."""
    if asked.text("where") == "everywhere":
        await asked.members.signing_in.sign_out_everywhere(asked.member)
    else:
        await asked.members.signing_in.sign_out(context.cookies.session(request))
    answer = Redirect("/", status_code=303)
    context.cookies.forget_session(answer)
    return answer


@get("/account/export", include_in_schema=False)
async def export(context: NamedDependency[MemberContext], me: NamedDependency[SignedIn]) -> Response[bytes]:
    """Exports everything that is stored of a member, as a ZIP of JSON files: docs/export.md. One at a time for a member, and in
    the places of long lists, whose time and memory it takes."""
    name = export_name(context.services.clock.now())
    async with context.turns.of(me.member), context.services.large_matches:
        content = await context.members.leaving.export(me.member)
    return Response(
        content,
        media_type="application/zip",
        headers={**NO_STORE, "content-disposition": f'attachment; filename="{name}"'},
    )


def _back(said: str) -> Redirect:
    """Leads back to the account page, which says what happened."""
    return Redirect(f"/account?said={said}" if said else "/account", status_code=303, headers=dict(NO_STORE))


def _consent_rows(context: MemberContext, held: Mapping[ConsentKind, Consent]) -> list[ConsentRow]:
    """Returns what is agreed to, and what can be: messages only where the instance has an account to write from."""
    rows = [ConsentRow(kind, PRESENT_VERSION[kind], held.get(kind)) for kind in ASKED_CONSENTS]
    if context.members.messages.offered:
        return rows
    return [row for row in rows if row.held is not None or row.kind is not ConsentKind.ANNOUNCE_NEWCOMERS]


async def _my_page(context: MemberContext, me: SignedIn, on_page: list[LinkedAccount]) -> str:
    """Returns the address of the member's page: the lasting one where they use it as a proof. Empty where it
    shows nothing."""
    if not on_page:
        return ""
    own = await context.members.page_links.page_of(me.member)
    return context.members.page_links.address(own.code if own is not None else on_page[0].handle.key)


def _can_unlink(accounts: list[LinkedAccount]) -> bool:
    """Returns whether more than one account is left to sign in with."""
    return sum(each.network is not AccountNetwork.X for each in accounts) > 1
