"""How each kind of run reaches a person on Bluesky: by a record, by a record on a list, or by a mute, which is none."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec

from directory.clock import Clock
from directory.courtesy import QUIET_S, give_way
from directory.follows.runs import Run, RunKind
from directory.networks.bluesky.client import may_call, may_create
from directory.networks.bluesky.mutes import MUTE, Mutes
from directory.networks.bluesky.points import CREATE_POINTS, DELETE_POINTS
from directory.networks.bluesky.records import (
    BLOCK,
    COLLECTIONS,
    FOLLOW,
    LIST,
    list_key,
    list_record,
    record_of,
)
from directory.networks.bluesky.repo import MAX_WRITES, Entry, Repo, Write, create
from directory.networks.bluesky.settling import Part

RECORDS_AT_ONCE: Final = 40
"""Made between two turns: half a millisecond."""
MUTES_A_BATCH: Final = 20
"""Each is a call of its own."""


MAX_OPPOSED_PAGES: Final = 100
"""Of blocks, or follows, that are read before a batch: the 10,000 newest, within the time of a step."""
OPPOSITES: Final = {RunKind.FOLLOW: BLOCK, RunKind.BLOCK: FOLLOW}


class Found(msgspec.Struct, frozen=True):
    """What is there of some items: the numbers of those that are there by their own name, and the names under which
    others are there."""

    own: frozenset[int]
    others: Mapping[int, str]


class Way(Protocol):
    """One kind of run. What is sent may be refused as in `Xrpc.errors`."""

    batch: int
    is_one_by_one: bool
    """Whether each item is a call of its own."""
    is_named: bool
    """Whether each item has a name of its own, chosen before."""
    create_points: int
    delete_points: int

    def is_allowed(self, scope: str) -> bool:
        """Tells whether a granted scope suffices."""
        ...

    async def read(self) -> Sequence[tuple[str, str]]:
        """Reads the ids of all who are there, each with its name."""
        ...

    async def find(self, part: Part) -> Found:
        """Finds what is there of some items."""
        ...

    async def find_opposed(self, part: Part) -> frozenset[int]:
        """Finds for whom the account has chosen the opposite: whom it has blocked is not followed, and whom it follows not
        blocked. Returns their numbers."""
        ...

    async def add(self, part: Part) -> None: ...

    async def remove(self, part: Part) -> None: ...

    async def end_undo(self) -> None:
        """Takes away what was made for all of them together, once nobody is left."""
        ...


class RecordsWay:
    """A record for each person: follows and blocks."""

    batch = MAX_WRITES
    is_one_by_one = False
    is_named = True
    create_points = CREATE_POINTS
    delete_points = DELETE_POINTS

    def __init__(self, repo: Repo, kind: RunKind, clock: Clock) -> None:
        self._repo = repo
        self._collection = COLLECTIONS[kind]
        self._kind = kind
        self._clock = clock
        self._list_uri = ""

    def is_allowed(self, scope: str) -> bool:
        return may_create(scope, self._collection)

    async def read(self) -> Sequence[tuple[str, str]]:
        entries = await self._repo.read_all(self._collection)
        return [(entry.subject, entry.key) for entry in entries if self._is_ours(entry)]

    async def find(self, part: Part) -> Found:
        """Reads the records that were made since the first of these names was chosen."""
        first = min((item.remote for item in part if item.remote), default="")
        entries = await self._repo.read_down_to(self._collection, first)
        subjects = {entry.key: entry.subject for entry in entries if self._is_ours(entry)}
        others = {subject: key for key, subject in subjects.items()}
        own = frozenset(item.number for item in part if subjects.get(item.remote) == str(item.account.id))
        found = {item.number: others.get(str(item.account.id)) for item in part if item.number not in own}
        return Found(own, {number: key for number, key in found.items() if key is not None})

    async def find_opposed(self, part: Part) -> frozenset[int]:
        opposite = OPPOSITES.get(self._kind)
        if opposite is None or not part:
            return frozenset()
        entries = await self._repo.read_newest(opposite, MAX_OPPOSED_PAGES)
        subjects = {entry.subject for entry in entries}
        return frozenset(item.number for item in part if str(item.account.id) in subjects)

    async def add(self, part: Part) -> None:
        await self._repo.create(await self._records(part))

    async def remove(self, part: Part) -> None:
        await self._repo.delete([(self._collection, item.remote) for item in part])

    async def end_undo(self) -> None:
        """Nothing was made for all of them together."""

    def _is_ours(self, entry: Entry) -> bool:
        return entry.list == self._list_uri

    async def _records(self, part: Part) -> list[Write]:
        """Makes the records, a few at a time."""
        now: datetime = self._clock.now()
        records: list[Write] = []
        for place, item in enumerate(part):
            if place % RECORDS_AT_ONCE == 0:
                await give_way()
            record = record_of(self._kind, str(item.account.id), now, self._list_uri)
            records.append(create(self._collection, item.remote, record))
        await give_way(QUIET_S)
        return records


class ListWay(RecordsWay):
    """A list, and a record on it for each person. The list is made together with the first of them."""

    batch = MAX_WRITES - 1

    def __init__(self, repo: Repo, run: Run, clock: Clock) -> None:
        super().__init__(repo, run.kind, clock)
        self._run = run
        self._list_uri = repo.uri(LIST, list_key(run))
        self._has_list = False

    def is_allowed(self, scope: str) -> bool:
        return super().is_allowed(scope) and may_create(scope, LIST)

    async def add(self, part: Part) -> None:
        records = await self._records(part)
        if not await self._look_for_list():
            records.insert(0, create(LIST, list_key(self._run), list_record(self._run)))
        await self._repo.create(records)
        self._has_list = True

    async def end_undo(self) -> None:
        if not await self.read() and await self._look_for_list():
            await self._repo.delete([(LIST, list_key(self._run))])
            self._has_list = False

    async def _look_for_list(self) -> bool:
        self._has_list = self._has_list or await self._repo.has(LIST, list_key(self._run))
        return self._has_list


class MutesWay:
    """Mutes, which the service behind the server keeps: each a call, and none costs points."""

    batch = MUTES_A_BATCH
    is_one_by_one = True
    is_named = False
    create_points = 0
    delete_points = 0

    def __init__(self, mutes: Mutes) -> None:
        self._mutes = mutes

    def is_allowed(self, scope: str) -> bool:
        return may_call(scope, MUTE)

    async def read(self) -> Sequence[tuple[str, str]]:
        return [(subject, "") for subject in await self._mutes.read_all()]

    async def find(self, part: Part) -> Found:
        muted = await self._mutes.read_all()
        return Found(frozenset(item.number for item in part if str(item.account.id) in muted), {})

    async def find_opposed(self, part: Part) -> frozenset[int]:
        """A mute ends nothing, and stands beside a follow."""
        _ = part
        return frozenset()

    async def add(self, part: Part) -> None:
        for item in part:
            await self._mutes.mute(str(item.account.id))

    async def remove(self, part: Part) -> None:
        for item in part:
            await self._mutes.unmute(str(item.account.id))

    async def end_undo(self) -> None:
        """Nothing was made for all of them together."""


def way_of(run: Run, repo: Repo, mutes: Mutes, clock: Clock) -> Way:
    """Returns the way of a run."""
    if run.kind is RunKind.MUTE:
        return MutesWay(mutes)
    return ListWay(repo, run, clock) if run.kind is RunKind.LIST else RecordsWay(repo, run.kind, clock)
