"""`passerelle runs`: shows follow runs, pauses, resumes and cancels them, for operators. It names no people."""

import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, NoReturn, TypeVar
from uuid import UUID

import click

from deploy.cli.output import console
from deploy.cli.session import with_database
from directory.clock import SystemClock
from directory.follows.errors import NotNow, RunOpen, UnknownRun
from directory.follows.runs import Run
from directory.follows.states import RunMove
from directory.follows.waiting import WAITING
from directory.store.follows import FollowStore, RunView

T = TypeVar("T")
MAX_LISTED: Final = 1_000
_TIME: Final = "%Y-%m-%d %H:%M"


@click.group("runs")
def command() -> None:
    """Show the runs that follow people for members; pause, resume and cancel them."""


@command.command("list")
def list_command() -> None:
    """List all open runs, those that are due first."""
    runs = _with_store(lambda store, _: store.list_open_runs(MAX_LISTED))
    for run in runs:
        _say(f"{run.id}  {_describe(run)}")
    if not runs:
        _say("No run is open.")


@command.command("show")
@click.argument("run", type=click.UUID)
def show_command(run: UUID) -> None:
    """Show the run RUN: how far it is, and what became of its people, in numbers."""

    async def view(store: FollowStore, now: datetime) -> RunView | None:
        found = await store.find_run(run)
        return None if found is None else await store.view_run(found.member, run, now)

    seen = _with_store(view)
    if seen is None:
        _end("There is no such run.")
    _say(_describe(seen.run))
    for state, count in sorted(seen.counts.states.items()):
        _say(f"  {state.label}: {count:,}")
    for reason, count in sorted(seen.counts.reasons.items()):
        _say(f"    {reason.label}: {count:,}")


@command.command("pause")
@click.argument("run", type=click.UUID)
def pause_command(run: UUID) -> None:
    """Pause the run RUN: it waits until somebody resumes it."""
    _move(run, RunMove.PAUSE)


@command.command("resume")
@click.argument("run", type=click.UUID)
def resume_command(run: UUID) -> None:
    """Resume the run RUN, which was paused or had ended."""
    _move(run, RunMove.RESUME)


@command.command("cancel")
@click.argument("run", type=click.UUID)
def cancel_command(run: UUID) -> None:
    """End the run RUN. Whom it followed stays followed; its member can still undo it."""
    _move(run, RunMove.CANCEL)


def _move(run: UUID, move: RunMove) -> None:
    async def moved(store: FollowStore, now: datetime) -> Run | None:
        found = await store.find_run(run)
        return None if found is None else await store.move_run(found.member, run, move, now)

    try:
        after = _with_store(moved)
    except UnknownRun:
        after = None
    except NotNow:
        _end("The run is in a state that does not allow this: see `passerelle runs show`.")
    except RunOpen:
        _end("The account has another open run.")
    if after is None:
        _end("There is no such run.")
    _say(_describe(after))


def _with_store(work: Callable[[FollowStore, datetime], Awaitable[T]]) -> T:
    return with_database(lambda _, database: work(FollowStore(database), SystemClock().now()))


def _describe(run: Run) -> str:
    note = f" ({run.note})" if run.note else ""
    next_at = f"{'waiting since' if run.state in WAITING else 'next step'} {run.next_at:{_TIME}}"
    when = f"ended {run.ended_at:{_TIME}}" if run.ended_at else next_at
    where = f"{run.network.value} at {run.host or 'a server to be found'}"
    return (
        f"{run.kind.name.lower()} on {where}: {run.state.label}{note}, since {run.created_at:{_TIME}}, {when}"
    )


def _end(sentence: str) -> NoReturn:
    _say(sentence)
    sys.exit(1)


def _say(line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)
