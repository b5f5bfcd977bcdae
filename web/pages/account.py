"""A member's own page: accounts, what is published, consents, browsers; and taking everything along."""

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from directory.clock import Clock
from directory.members.accounts import AccountNetwork, LinkedAccount
from directory.members.consents import PRESENT_VERSION, Consent, ConsentKind
from directory.members.errors import ConsentOutdated
from web.auth.desk import NO_STORE, Desk, SignedIn
from web.auth.forms import text_of

ASKED_CONSENTS: Final = (ConsentKind.PUBLISH, ConsentKind.KEEP_FOLLOW_LIST, ConsentKind.ANNOUNCE_NEWCOMERS)


class ConsentRow(msgspec.Struct, frozen=True):
    """A thing to agree to, the version of its text, and what holds now."""

    kind: ConsentKind
    version: int
    held: Consent | None


@get("/account", include_in_schema=False)
async def account(
    request: Request[Any, Any, Any], desk: NamedDependency[Desk], me: NamedDependency[SignedIn]
) -> Response[Any]:
    """Everything in one place."""
    members = desk.members
    accounts = await members.membership.accounts(me.member)
    held = await members.consenting.present(me.member)
    on_page = [each for each in accounts if each.on_page and not each.is_lapsed]
    return desk.page(
        request,
        "account.html",
        form_token=me.form_token,
        accounts=accounts,
        claims=await members.membership.waiting_claims(me.member),
        publications=await members.publishing.list_of(me.member),
        now=desk.services.clock.now(),
        consents=[ConsentRow(kind, PRESENT_VERSION[kind], held.get(kind)) for kind in ASKED_CONSENTS],
        sessions=await members.signing_in.sessions(me.member),
        this_session=me.session,
        page_handles=on_page[:1],
        my_page_address=f"{desk.base_url}/m/{on_page[0].handle.lower()}" if on_page else "",
        has_x_account=any(each.network is AccountNetwork.X for each in accounts),
        can_unlink=_can_unlink(accounts),
        has_x=members.x is not None,
    )


@post("/account/accounts/{account_id:uuid}/unlink", status_code=303, include_in_schema=False)
async def unlink(
    account_id: FromPath[UUID],
    desk: NamedDependency[Desk],
    me: NamedDependency[SignedIn],
    my_form: NamedDependency[FormMultiDict],
) -> Redirect:
    """Takes an account away, with what is published of it."""
    _ = my_form
    await desk.members.membership.unlink(me.member, account_id)
    desk.members.wake_jobs()
    return _back()


@post("/account/accounts/{account_id:uuid}/page", status_code=303, include_in_schema=False)
async def show_on_page(
    account_id: FromPath[UUID],
    desk: NamedDependency[Desk],
    me: NamedDependency[SignedIn],
    my_form: NamedDependency[FormMultiDict],
) -> Redirect:
    """Puts an account on the member's page, or takes it off."""
    shown = text_of(my_form, "shown") == "yes"
    await desk.members.membership.show_on_page(me.member, account_id, shown=shown)
    return _back()


@post("/account/publications/{publication_id:uuid}/withdraw", status_code=303, include_in_schema=False)
async def withdraw(
    publication_id: FromPath[UUID],
    desk: NamedDependency[Desk],
    me: NamedDependency[SignedIn],
    my_form: NamedDependency[FormMultiDict],
) -> Redirect:
    """Stops answering, at once."""
    _ = my_form
    await desk.members.publishing.withdraw(me.member, publication_id)
    return _back()


@post("/account/consents/{kind:int}", status_code=303, include_in_schema=False)
async def consent(
    kind: FromPath[int],
    desk: NamedDependency[Desk],
    me: NamedDependency[SignedIn],
    my_form: NamedDependency[FormMultiDict],
) -> Redirect:
    """Agrees to one thing, in the version that was shown, or no longer agrees to it."""
    try:
        asked = ConsentKind(kind)
        version = int(text_of(my_form, "version", 9) or 0)
    except ValueError:
        raise ConsentOutdated from None
    if text_of(my_form, "answer") == "yes":
        await desk.members.consenting.give(me.member, asked, version)
    else:
        await desk.members.consenting.withdraw(me.member, asked)
    return _back()


@post("/account/sessions/{session_id:uuid}/end", status_code=303, include_in_schema=False)
async def end_session(
    session_id: FromPath[UUID],
    desk: NamedDependency[Desk],
    me: NamedDependency[SignedIn],
    my_form: NamedDependency[FormMultiDict],
) -> Redirect:
    """Signs another browser out."""
    _ = my_form
    await desk.members.signing_in.end_session(me.member, session_id)
    return _back()


@post("/account/sign-out", status_code=303, include_in_schema=False)
async def sign_out(
    request: Request[Any, Any, Any],
    desk: NamedDependency[Desk],
    me: NamedDependency[SignedIn],
    my_form: NamedDependency[FormMultiDict],
) -> Redirect:
    """Signs this browser out, or all of them."""
    if text_of(my_form, "where") == "everywhere":
        await desk.members.signing_in.sign_out_everywhere(me.member)
    else:
        await desk.members.signing_in.sign_out(desk.cookies.session(request))
    answer = Redirect("/", status_code=303)
    desk.cookies.forget_session(answer)
    return answer


@get("/account/export", include_in_schema=False)
async def export(desk: NamedDependency[Desk], me: NamedDependency[SignedIn]) -> Response[bytes]:
    """Everything that a member gave, as a ZIP of JSON files: docs/export.md."""
    return Response(
        await desk.members.leaving.export(me.member),
        media_type="application/zip",
        headers={
            **NO_STORE,
            "content-disposition": f'attachment; filename="{_file_name(desk.services.clock)}"',
        },
    )


def _file_name(clock: Clock) -> str:
    return f"passerelle-{clock.now():%Y-%m-%d}.zip"


def _can_unlink(accounts: list[LinkedAccount]) -> bool:
    """Whether more than one account is left to sign in with."""
    return sum(each.network is not AccountNetwork.X for each in accounts) > 1


def _back() -> Redirect:
    return Redirect("/account", status_code=303, headers=dict(NO_STORE))
