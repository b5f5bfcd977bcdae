"""A kind of job: how its rows are claimed, how many run at a time, and for how long."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from directory.members.job_kinds import JobKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One claimed row.

    `run` does the job and records the result. `release` makes the row of an interrupted job due again now. Either
    changes nothing where it comes too late. `hosts` are those that the job is known to ask, or a name for many that share the slots of one.
    """

    run: Callable[[], Awaitable[object]]
    release: Callable[[], Awaitable[object]]
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of job. `claim` takes one due row that asks none of the busy hosts; it returns None where none is due.

    `slots` rows run at a time, each for `limit_s` at most, which is below the lease. Where nothing is due, the next
    claim is made after `every_s`, or when the worker is woken for a kind that a member waits for (`is_awaited`).
    With `is_refilled` a free slot is filled again at once; else the next claim waits for `every_s`, too.
    """

    name: JobKind
    claim: Callable[[Collection[str]], Awaitable[Work | None]]
    slots: int
    limit_s: float
    every_s: float
    is_awaited: bool = False
    is_refilled: bool = True
