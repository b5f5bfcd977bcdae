"""Values of follow runs: a run, the people in it, and what its account may still spend."""

import enum
from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec

from directory.accounts import TargetAccount
from directory.follows.reasons import Reason
from directory.follows.states import ItemState, RunState
from directory.mappings import Network
from directory.queries import Query


class RunKind(enum.IntEnum):
    """What a run does with each person. The numbers are stored."""

    FOLLOW = 1
    BLOCK = 2
    MUTE = 3
    LIST = 4
    """The people of an X list, as a list on Bluesky."""

    @property
    def needs_more(self) -> bool:
        """Whether the permission to follow alone does not reach so far."""
        return self is not RunKind.FOLLOW


class Source(enum.IntEnum):
    """Where the matches of a run came from. The numbers are stored."""

    UPLOAD = 1
    KEPT_LIST = 2
    ARRIVAL = 3
    """Newcomers, followed as they come."""
    FOLLOWERS = 4
    """Members who followed the member on X."""


NEEDS_SIGN_IN: Final = "needs-sign-in"
"""The note of a run whose permission was refused: it waits for a sign-in, or looks again now and then."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one member with one linked account, which follows."""

    id: UUID
    member: UUID
    account: UUID
    network: Network
    host: str
    """Of the member's own server: the PDS, or the host of the API."""
    kind: RunKind
    source: Source
    title: str
    """The name of an X list; empty for all others."""
    state: RunState
    created_at: datetime
    starts_at: datetime
    next_at: datetime
    """When the next step is due. Of one that waits for its member: since when."""
    ended_at: datetime | None
    is_read: bool
    """Whether those who are followed already were read."""
    note: str
    """A stable code of why it waits or stopped; empty where nothing is to be said."""

    @property
    def needs_sign_in(self) -> bool:
        """Whether it waits for a sign-in, whatever permission is kept: the network refused that one."""
        return self.state is RunState.NEEDS_SIGN_IN or (self.state.is_open and self.note == NEEDS_SIGN_IN)


class Wanted(msgspec.Struct, frozen=True):
    """Somebody whom a plan wants followed: the account, and the query that led there, which is asked again before the
    follow. `is_ticked`: the member chose this one in person, whatever doubt there is."""

    account: TargetAccount
    query: Query
    is_ticked: bool
    bridge_of: str = ""
    """Where `account` is only a bridge: the id of the account on the other network, which the query has to lead to."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One person in a run. `number` counts from 0 within it."""

    number: int
    account: TargetAccount
    query: Query
    is_ticked: bool
    bridge_of: str = ""
    """As in `Wanted`."""
    state: ItemState
    reason: Reason
    moved_to: TargetAccount | None = None
    """Where the account says that it moved, where that is the reason and can be told."""
    remote: str
    """How the network calls it: the record key of the follow (Bluesky), the id of the account at the member's own server
    (Mastodon). Empty while unknown. Chosen, and stored, before the follow is sent."""
    looks: int
    """How often a SENT one was looked at since."""
    changed_at: datetime


class Counts(msgspec.Struct, frozen=True):
    """How many people of a run are in each state, and of those that failed or were skipped, for which reason."""

    states: dict[ItemState, int]
    reasons: dict[Reason, int]

    @property
    def total(self) -> int:
        return sum(self.states.values())

    @property
    def left(self) -> int:
        return self.states.get(ItemState.PENDING, 0)


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What an account has spent of what its network permits, in points (Bluesky) or follows (Mastodon), in the hour and the
    day that began then. `not_before`: the network asked to wait until then."""

    hour_began: datetime
    hour_spent: int
    day_began: datetime
    day_spent: int
    not_before: datetime | None


class LeftOut(msgspec.Struct, frozen=True):
    """Somebody who was matched and is not in a plan."""

    query: Query
    account: TargetAccount | None
    reason: Reason
    instead: TargetAccount | None = None
    """What is offered instead: the account that this one moved to, or a bridged one."""


class Plan(msgspec.Struct, frozen=True):
    """Whom a run would follow, surest first, and who is left out and why."""

    wanted: tuple[Wanted, ...]
    left_out: tuple[LeftOut, ...]


class StandingMatch(msgspec.Struct, frozen=True):
    """A member's wish for newcomers on their kept list: followed with this account, in one batch a day."""

    member: UUID
    account: UUID
    since: datetime
    last_batch: date | None
    looked_at: datetime | None = None
    """When the batch of a claimed one began: a later claim counts in its place."""


class IgnoredPerson(msgspec.Struct, frozen=True):
    """Somebody whom a member does not want offered any more: an account on a network, whatever the match."""

    network: Network
    target_id: str
    ignored_at: datetime
