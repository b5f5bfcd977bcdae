"""Proves an X account by a post: the sentence to post, the link of the post, and the progress of its check."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.response import Redirect

from directory.accounts import MAX_ACCOUNTS, AccountNetwork, LinkedAccount
from directory.errors import InvalidIdentifier
from directory.members.challenges import CheckState, ProofCheck
from directory.members.errors import ChallengeClosed, UnknownAccount
from directory.members.naming import default_accounts, is_up_to_date, list_nameable
from directory.members.page_links import LinkCheck
from directory.pasted.cleaning import MAX_PASTED_CHARS
from directory.proofs.link_verdict import LINK_SENTENCES
from directory.proofs.reasons import SENTENCES
from directory.texts import N_
from web.auth.forms import text_of
from web.auth.member_context import NO_STORE, MemberContext, SignedIn
from web.auth.sentences import MEMBER
from web.auth.signed_in import Asked

SENTENCE_PATH: Final = "/account/prove/sentence"
MAX_URL_CHARS: Final = MAX_PASTED_CHARS + 1
"""One more than is taken: what is cut short could be the number of another post."""
UNREAD_POST: Final = N_("That is not the link of a post on X: open your post, and copy its address.")
_POST: Final = "https://x.com/i/status/"
_REASONS: Final = {str(reason): sentence for reason, sentence in SENTENCES.items()}
_NO_REASON: Final = ""
_LINK_REASONS: Final = {str(reason): sentence for reason, sentence in LINK_SENTENCES.items()}
_TOLD: Final = frozenset({CheckState.WAITING, CheckState.REFUTED, CheckState.GAVE_UP})
DECIDED: Final = frozenset({CheckState.REFUTED, CheckState.GAVE_UP, CheckState.CONTESTED})


class Progress(msgspec.Struct, frozen=True):
    """The progress of a check, of a post or of links.

    `url` is the post, or the X profile; `reason` is the result of the last attempt, as a marked text.
    """

    state: str
    attempts: int
    url: str
    reason: str
    is_of_links: bool

    @classmethod
    def of(cls, check: ProofCheck | LinkCheck) -> "Progress":
        if isinstance(check, LinkCheck):
            reason = _LINK_REASONS.get(check.reason or "") or MEMBER.get(check.reason or "", _NO_REASON)
            return cls(check.state.label, check.attempts, f"https://x.com/{check.x_handle}", reason, True)
        reason = _REASONS.get(check.reason or "") or MEMBER.get(check.reason or "", _NO_REASON)
        return cls(check.state.label, check.attempts, f"{_POST}{check.post_id}", reason, False)


@get("/account/prove", include_in_schema=False)
async def prove(
    request: Request[Any, Any, Any], context: NamedDependency[MemberContext], me: NamedDependency[SignedIn]
) -> Response[Any]:
    """Shows what comes next: the running check, its result, publishing, or the sentence.

    Who has none gets their first one. No look replaces or ends one: a form of the page does (`new_sentence`).
    """
    newest = await _newest_check(context, me)
    if newest is not None and newest.state is CheckState.WAITING:
        return context.page(request, "prove_progress.html", progress=Progress.of(newest))
    has_news = newest is not None and newest.state in DECIDED
    if has_news and isinstance(newest, LinkCheck):
        return Redirect("/account/prove/links", headers=dict(NO_STORE))
    accounts = await context.members.membership.accounts(me.member)
    if _has_x(accounts) and not has_news:
        return Redirect("/account/publish", headers=dict(NO_STORE))
    context.require_writable()
    if await context.members.proving.open_challenge(me.member) is None:
        here, language = context.services.settings.domain, context.renderer.language_of(request)
        async with context.turns.of(me.member):
            await context.members.proving.first_challenge(me.member, here, language)
    return await _sentence_page(request, context, me)


@get(SENTENCE_PATH, include_in_schema=False)
async def sentence(
    request: Request[Any, Any, Any], context: NamedDependency[MemberContext], me: NamedDependency[SignedIn]
) -> Response[Any]:
    """Shows the open sentence, also while its post is checked: for another X account, or another post."""
    return await _sentence_page(request, context, me)


@post("/account/prove/new", status_code=303, include_in_schema=False)
async def new_sentence(
    request: Request[Any, Any, Any], context: NamedDependency[MemberContext], asked: NamedDependency[Asked]
) -> Redirect:
    """Makes a sentence of the chosen accounts, in the language of the page. It replaces the open one, whose check
    ends."""
    here, language = context.services.settings.domain, context.renderer.language_of(request)
    await asked.members.proving.new_challenge(asked.member, here, language, _chosen_in(asked.form))
    return Redirect(SENTENCE_PATH, status_code=303, headers=dict(NO_STORE))


@post("/account/prove", status_code=303, include_in_schema=False)
async def submit_post(
    request: Request[Any, Any, Any],
    context: NamedDependency[MemberContext],
    me: NamedDependency[SignedIn],
    my_form: NamedDependency[FormMultiDict],
) -> Response[Any]:
    """Submits a check of the post, and shows its progress."""
    typed = text_of(my_form, "post_url", MAX_URL_CHARS)
    try:
        await context.members.proving.submit(me.member, _challenge_in(my_form), typed)
    except InvalidIdentifier:
        return await _sentence_page(request, context, me, unread=typed[:200])
    context.members.wake_jobs()
    return Redirect("/account/prove", status_code=303, headers=dict(NO_STORE))


@get("/account/prove/progress", include_in_schema=False)
async def progress(
    request: Request[Any, Any, Any], context: NamedDependency[MemberContext], me: NamedDependency[SignedIn]
) -> Response[Any]:
    """Renders the part of the page that changes, for a page that asks every two seconds; redirects once it is
    decided."""
    check = await _newest_check(context, me)
    if check is None or check.state is not CheckState.WAITING:
        is_verified = check is not None and check.state is CheckState.VERIFIED
        again = "/account/prove/links" if isinstance(check, LinkCheck) else "/account/prove"
        where = "/account/publish" if is_verified else again
        return Response(b"", media_type="text/html", headers={**NO_STORE, "hx-redirect": where})
    return context.page(request, "_prove_progress.html", progress=Progress.of(check))


@get("/left-x", include_in_schema=False)
async def left_x(request: Request[Any, Any, Any], context: NamedDependency[MemberContext]) -> Response[Any]:
    """Tells what still works for somebody whose X account is gone, or who can no longer post there."""
    at = await context.at_browser(request)
    return context.page(
        request, "left_x.html", has_x=context.members.x is not None, is_member=at.me is not None
    )


async def _sentence_page(
    request: Request[Any, Any, Any], context: MemberContext, me: SignedIn, unread: str | None = None
) -> Response[Any]:
    """Renders the page with the open sentence, or with the button that makes one. `unread` is what was typed for a
    link and is not one."""
    context.require_writable()  # nobody shall post a sentence that could not be handed in
    proving = context.members.proving
    check = await proving.latest_check(me.member)
    has_news = unread is None and check is not None and check.state in DECIDED
    kept = await proving.open_challenge(me.member)
    accounts = await context.members.membership.accounts(me.member)
    is_outdated = kept is not None and not is_up_to_date(
        kept.challenge, accounts, context.services.settings.domain
    )
    return context.page(
        request,
        "prove.html",
        status=200 if unread is None else 400,
        form_token=me.form_token,
        kept=kept,
        is_outdated=is_outdated,
        nameable=list_nameable(accounts),
        named=kept.challenge.names if kept is not None else (),
        default=[each.id for each in default_accounts(accounts)],
        offers_new=is_outdated or has_news or request.url.path != "/account/prove",
        progress=Progress.of(check) if check is not None and has_news else None,
        typed=unread or "",
        error="" if unread is None else context.say(request, UNREAD_POST),
        has_x=context.members.x is not None,
        has_links=context.members.page_links.is_offered,
    )


async def _newest_check(context: MemberContext, me: SignedIn) -> ProofCheck | LinkCheck | None:
    """Finds the check, of a post or of links, that the member submitted last."""
    post = await context.members.proving.latest_check(me.member)
    links = await context.members.page_links.latest_check(me.member)
    if post is None or links is None:
        return post or links
    return links if links.created > post.created else post


async def progress_to_tell(
    context: MemberContext, me: SignedIn, accounts: Sequence[LinkedAccount]
) -> Progress | None:
    """Finds how the newest check goes, or that nothing came of it. None where it is over otherwise: what was proven, be it by a
    sign-in with X since, and what is claimed, is told of by itself."""
    check = await _newest_check(context, me)
    if check is None or check.state not in _TOLD:
        return None
    is_proven_since = any(each.x is not None and each.proven_at >= check.created for each in accounts)
    return None if is_proven_since and check.state is not CheckState.WAITING else Progress.of(check)


def _chosen_in(form: FormMultiDict) -> set[UUID]:
    """Returns the accounts that the form chooses. Raises UnknownAccount for what is none."""
    try:
        return {UUID(str(chosen)[:36]) for chosen in form.getall("account", [])[: MAX_ACCOUNTS + 1]}
    except ValueError:
        raise UnknownAccount from None


def _challenge_in(form: FormMultiDict) -> UUID:
    """Returns the challenge that the form names. Raises ChallengeClosed where it names none."""
    try:
        return UUID(text_of(form, "challenge", 36))
    except ValueError:
        raise ChallengeClosed from None


def _has_x(accounts: list[LinkedAccount]) -> bool:
    return any(account.network is AccountNetwork.X and not account.is_lapsed for account in accounts)
