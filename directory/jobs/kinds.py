"""What a kind of job is: where its work comes from, how much of it runs at a time, and for how long."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from directory.members.job_kinds import JobKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One row that was claimed. `run` does it and records the result; `release` gives it back, due now, when it was
    broken off. Either can come too late, and then changes nothing. `hosts` are those that it is known to ask."""

    run: Callable[[], Awaitable[object]]
    release: Callable[[], Awaitable[object]]
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of job. `claim` takes one due row that asks none of the busy hosts; None: there is none.

    `slots` rows run at a time, each for `limit_s` at most, which is below the lease. Where nothing is due it is
    looked again after `every_s`; sooner where somebody waits (`is_awaited`) and the worker is woken.
    `is_refilled`: a slot that ends is filled again at once; else the next claim waits for `every_s`, too.
    """

    name: JobKind
    claim: Callable[[Collection[str]], Awaitable[Work | None]]
    slots: int
    limit_s: float
    every_s: float
    is_awaited: bool = False
    is_refilled: bool = True
