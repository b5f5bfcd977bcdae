"""`passerelle proofs`: what needs a moderator: posts that no source showed, and contested X accounts."""

import sys
from uuid import UUID

import click

from deploy.cli.members import with_members
from deploy.cli.output import console
from deploy.wiring.members import MemberParts
from directory.accounts import LinkedAccount, XAccount
from directory.clock import SystemClock
from directory.identifiers import XHandle
from directory.mappings import Evidence, EvidenceKind
from directory.members.challenges import CheckState
from directory.members.claims import Claim, ClaimState, Settled
from directory.members.errors import ClaimPaused
from directory.pasted.x_account import parse_x_handle
from directory.proofs.post_url import XPostId
from directory.proofs.results import Verified
from directory.proofs.snowflake import post_time

MAX_SHOWN = 100
_TIME = "%Y-%m-%d %H:%M"
_STATES = {
    ClaimState.OPEN: "to be decided",
    ClaimState.APPROVED: "approved, waits for evidence that can be seen",
}
_SETTLED = {
    Settled.HANDED_OVER: "The X account is theirs now.",
    Settled.APPROVED: "Approved. The evidence cannot be seen at the moment: the X account passes to them when it can, or"
    " when they prove it again within 30 days.",
    Settled.DOUBTED: "Approved. The evidence was looked at just now, and does not hold: it is looked at again in a day, since X"
    " may be wrong once. The claim is over then, unless it holds.",
    Settled.HELD_BY_ANOTHER: "Approved. Another member holds the same X account: decide that claim too.",
    Settled.REJECTED: "The X account stays where it is.",
    Settled.LAPSED: "The evidence was looked at just now, and does not hold, as a day ago: the claim is over, and the X account"
    " stays where it is.",
    Settled.CHANGED: "Nothing was changed: the claim, or who holds the X account, changed this very moment. Look again.",
    Settled.NO_ROOM: "Nothing was changed: the claimant has linked as many accounts as one person can.",
    Settled.NOT_WAITING: "Nothing was changed: no such claim waits.",
}
_DONE = {Settled.HANDED_OVER, Settled.APPROVED, Settled.DOUBTED, Settled.HELD_BY_ANOTHER, Settled.REJECTED}


@click.group("proofs")
def command() -> None:
    """What only a person can decide about proofs."""


@command.command("list")
def list_command() -> None:
    """List posts that no source showed for a day, the oldest first: the check, the post, and the sentence it
    must hold."""
    jobs = with_members(lambda members: members.proving.list_unreachable(MAX_SHOWN))
    for job in jobs:
        sentence = job.challenge.challenge.sentence
        _say(str(job.check.id), f"{job.check.created:{_TIME}}  {XPostId(job.check.post_id).url}", sentence)
    if not jobs:
        _say("No post waits for anybody's eyes.")


@command.command("confirm")
@click.argument("check", type=click.UUID)
@click.argument("handle")
def confirm_command(check: UUID, handle: str) -> None:
    """Confirm that you saw the post of CHECK on X, whole, with its sentence, by the account HANDLE.

    Confirm only what you saw on x.com yourself: people will follow whom this names.
    """
    author = parse_x_handle(handle)
    said, is_proven = with_members(lambda members: _confirm(members, check, author))
    _say(said)
    sys.exit(0 if is_proven else 1)


@command.command("claims")
def claims_command() -> None:
    """List X accounts that two members have proven, the oldest claim first: the claim, how it stands, and its
    evidence."""
    claims = with_members(lambda members: members.claiming.list_open(MAX_SHOWN))
    for claim in claims:
        _say(
            str(claim.id),
            f"{claim.claimed_at:{_TIME}}  {_account_of(claim)}",
            _standing_of(claim),
            *_seen(claim),
        )
    if not claims:
        _say("No X account is contested.")


@command.command("settle")
@click.argument("claim", type=click.UUID)
@click.argument("decision", type=click.Choice(["uphold", "reject"]))
def settle_command(claim: UUID, decision: str) -> None:
    """Uphold or reject CLAIM. Its evidence is looked at once more: upheld and seen, the X account passes to the
    claimant, and what its holder publishes of it is withdrawn."""
    settled = with_members(lambda members: _settle(members, claim, decision))
    _say(_SETTLED[settled])
    sys.exit(0 if settled in _DONE else 1)


async def _settle(members: MemberParts, claim: UUID, decision: str) -> Settled:
    return await (members.claiming.uphold(claim) if decision == "uphold" else members.claiming.reject(claim))


async def _confirm(members: MemberParts, check: UUID, author: XHandle) -> tuple[str, bool]:
    """Returns the sentence to print, and whether the account is proven.

    The evidence tells that a person looked. It proves the name alone, since a page on X does not show the
    number.
    """
    waiting = await members.proving.list_unreachable(MAX_SHOWN)
    job = next((job for job in waiting if job.check.id == check), None)
    if job is None:
        return "Nothing was confirmed: no such check waits.", False
    post = XPostId(job.check.post_id)
    names = job.challenge.challenge.names
    seen = Evidence(EvidenceKind.X_CONFIRMED, SystemClock().now(), post.url, names)
    verified = Verified(account=XAccount(None, author), post=post, posted=post_time(post), evidence=seen)
    linked: LinkedAccount | None = await members.proving.confirm(check, verified)
    if linked is not None:
        return f"@{linked.handle} is proven.", True
    then = await members.proving.find_check(job.check.member, check)
    if then is not None and then.state is CheckState.CONTESTED:
        return (
            f"Another member holds @{author}: `passerelle proofs claims` shows the claim that this became.",
            False,
        )
    if then is not None and then.reason == ClaimPaused.code:
        return (
            f"Nothing was confirmed: a claim of theirs to @{author} was rejected less than 30 days ago.",
            False,
        )
    return "Nothing was confirmed: the sentence is not theirs to answer any more.", False


def _account_of(claim: Claim) -> str:
    """Returns the account's name, with its number where the proof told one."""
    name = f"@{claim.account.handle}"
    return name if claim.account.id is None else f"{name} ({claim.account.id})"


def _standing_of(claim: Claim) -> str:
    """Returns how a claim stands, and whether anybody holds the account."""
    held = "held by another member" if claim.holder is not None else "held by nobody here any more"
    return f"{_STATES[claim.state]}; {held}"


def _seen(claim: Claim) -> list[str]:
    return [f"{item.kind}, {item.at:{_TIME}}  {item.ref or ''}".rstrip() for item in claim.evidence]


def _say(head: str, *lines: str) -> None:
    """Prints plain, unbroken lines: numbers, addresses and sentences are to be copied."""
    for line in (head, *(f"  {line}" for line in lines)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
