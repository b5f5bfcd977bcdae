"""`passerelle proofs`: posts that nobody could show us, confirmed by a moderator's eyes."""

import sys
from uuid import UUID

import click
from rich.table import Table

from deploy.cli.members import with_members
from deploy.cli.output import console
from directory.clock import SystemClock
from directory.identifiers import XHandle
from directory.mappings import Evidence, EvidenceKind
from directory.members.accounts import LinkedAccount
from directory.proofs.post_url import XPostId
from directory.proofs.results import Verified
from directory.proofs.snowflake import post_time
from web.member_services import MemberServices

MAX_SHOWN = 100


@click.group("proofs")
def command() -> None:
    """Proof posts that X did not show us for a day."""


@command.command("list")
def list_command() -> None:
    """Those that wait for somebody's eyes, the oldest first: the post, and the sentence it must hold."""
    jobs = with_members(lambda members: members.proving.list_unreachable(MAX_SHOWN))
    table = Table("Check", "Handed in", "Post", "Sentence")
    for job in jobs:
        post = XPostId(job.check.post_id)
        sentence = job.challenge.challenge.sentence
        table.add_row(str(job.check.id), f"{job.check.created:%Y-%m-%d %H:%M}", post.url, sentence)
    console.print(table if jobs else "No post waits for anybody's eyes.")


@command.command("confirm")
@click.argument("check", type=click.UUID)
@click.argument("handle")
def confirm_command(check: UUID, handle: str) -> None:
    """Confirm that you saw the post of CHECK on X, whole, with its sentence, by the account HANDLE.

    Confirm only what you saw on x.com yourself: people will follow whom this names.
    """
    author = XHandle.parse(handle)
    linked = with_members(lambda members: _confirm(members, check, author))
    if linked is None:
        console.print("Nothing was confirmed: no such check waits, or another member holds this X account.")
        sys.exit(1)
    console.print(f"@{linked.handle} is proven.")


async def _confirm(members: MemberServices, check: UUID, author: XHandle) -> LinkedAccount | None:
    """The evidence says that a person looked, and tells the name alone: nobody sees the number on a page."""
    waiting = await members.proving.list_unreachable(MAX_SHOWN)
    job = next((job for job in waiting if job.check.id == check), None)
    if job is None:
        return None
    post = XPostId(job.check.post_id)
    seen = Evidence(EvidenceKind.X_CONFIRMED, SystemClock().now(), post.url)
    verified = Verified(x_id=None, x_handle=author, post=post, posted=post_time(post), evidence=seen)
    return await members.proving.confirm(check, verified)
