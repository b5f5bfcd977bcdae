"""A member who follows, and the duties of whoever calls a session: names stored before a call, what was sent looked at
before it is sent again, what was spent counted."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from directory.accounts import BlueskyAccount
from directory.follows.port import Attempt, FollowSession, Told
from directory.follows.runs import Budget, Run, RunKind, Source
from directory.follows.states import ItemState, RunState
from directory.identifiers import AtHandle, Did
from directory.mappings import Network
from directory.networks.answers import Answer
from directory.networks.bluesky.follows import BlueskyFollows
from directory.networks.bluesky.points import Allowances
from directory.networks.bluesky.wire import Send, acting_as
from directory.networks.limits import Limits
from directory.networks.port import TokenSet
from tests.directory.networks.bluesky.signing_in import Instance

_LETTERS: Final = str.maketrans("0189", "wxyz")
_ID: Final = UUID("018f3f3e-7c1a-7c1a-8000-0123456789ab")


def stranger_did(number: int) -> str:
    """Makes the DID of somebody who need not exist: a PDS takes follows of anyone."""
    return "did:plc:" + f"{number:024d}".translate(_LETTERS)


def attempt(number: int, did: str | None = None, remote: str = "") -> Attempt:
    account = BlueskyAccount(Did(did or stranger_did(number)), AtHandle.parse(f"p{number}.test"))
    return Attempt(number, account, remote)


def run_of(now: datetime, kind: RunKind = RunKind.FOLLOW, state: RunState = RunState.RUNNING) -> Run:
    return Run(
        id=_ID,
        member=_ID,
        account=_ID,
        network=Network.BLUESKY,
        host="pds.test",
        kind=kind,
        source=Source.UPLOAD,
        title="Friends" if kind is RunKind.LIST else "",
        state=state,
        created_at=now,
        starts_at=now,
        next_at=now,
        ended_at=None,
        is_read=False,
        note="",
    )


def nothing_spent(now: datetime) -> Budget:
    return Budget(hour_began=now, hour_spent=0, day_began=now, day_spent=0, not_before=None)


@dataclass
class Line:
    """The line to the PDS: counts what goes over it, and breaks where a test says so."""

    send: Send
    paths: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    breaks: Callable[[str, int], float | None] = lambda _path, _number: None
    """After how many seconds the connection is closed once the request was sent; None: not at all."""

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, limits: Limits
    ) -> Answer:
        path = urlsplit(url).path.removeprefix("/xrpc/")
        self.paths.append(path)
        seconds = self.breaks(path, self.count(path))
        if seconds is not None:
            limits = Limits(first_byte_s=seconds, max_body_bytes=limits.max_body_bytes)
        answer = await self.send(method, url, headers, content, limits)
        self.statuses.append(answer.status)
        return answer

    def count(self, path: str) -> int:
        return self.paths.count(path)


@dataclass
class Follower:
    """A member's run: the engine's part, in memory."""

    instance: Instance
    tokens: TokenSet
    line: Line
    run: Run
    allowances: Allowances = field(default_factory=Allowances)
    items: dict[int, tuple[ItemState, Attempt]] = field(default_factory=dict)
    budget: Budget | None = None

    @classmethod
    def of(cls, instance: Instance, tokens: TokenSet, kind: RunKind = RunKind.FOLLOW) -> "Follower":
        return cls(
            instance,
            tokens,
            Line(acting_as(instance.requests, tokens, instance)),
            run_of(instance.now(), kind),
            budget=nothing_spent(instance.now()),
        )

    def want(self, *attempts: Attempt) -> None:
        self.items |= {each.number: (ItemState.PENDING, each) for each in attempts}

    def session(self) -> BlueskyFollows:
        return BlueskyFollows(
            self.run,
            self.tokens,
            origin=self.instance.pds.url,
            send=self.line,
            allowances=self.allowances,
            clock=self.instance,
        )

    async def step(self) -> Told | None:
        """One step: looks at what was sent, else sends a batch. Returns None where it has to wait, or all is done."""
        async with self.session() as session:
            if sent := self.in_state(ItemState.SENT):
                return self._record(await session.look(self.run.kind, sent))
            return await self._send(session)

    async def undo(self) -> None:
        """Takes back all that this run did, however many calls that takes."""
        self.run = msgspec.structs.replace(self.run, state=RunState.UNDOING)
        taken = (ItemState.FOLLOWED, ItemState.REQUESTED, ItemState.SENT)
        for number, (state, each) in self.items.items():
            if state in taken:
                self.items[number] = (ItemState.UNDOING, each)
        while batch := self.in_state(ItemState.UNDOING):
            async with self.session() as session:
                told = await session.undo(self.run.kind, batch[: session.batch])
            assert told.wait_until is None
            self._record(told)

    def in_state(self, state: ItemState) -> list[Attempt]:
        return [each for kept, each in self.items.values() if kept is state]

    def states(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for state, _ in self.items.values():
            counts[state.label] = counts.get(state.label, 0) + 1
        return counts

    async def _send(self, session: FollowSession) -> Told | None:
        assert self.budget is not None
        now = self.instance.now()
        room = session.affordable(self.budget, now)
        batch = [
            msgspec.structs.replace(each, remote=session.name(each, now))
            for each in self.in_state(ItemState.PENDING)[:room]
        ]
        if not batch:
            return None
        opposed = Told(tuple(await session.find_opposed(self.run.kind, batch)), 0)
        self._record(opposed)
        left = {each.number for each in opposed.outcomes}
        batch = [each for each in batch if each.number not in left]
        self.items |= {each.number: (ItemState.SENT, each) for each in batch}
        told = await session.follow(self.run.kind, batch)
        self.budget = msgspec.structs.replace(
            self.budget,
            hour_spent=self.budget.hour_spent + told.spent,
            day_spent=self.budget.day_spent + told.spent,
            not_before=told.wait_until,
        )
        self._record(told)
        return msgspec.structs.replace(told, outcomes=(*opposed.outcomes, *told.outcomes))

    def _record(self, told: Told) -> Told:
        for outcome in told.outcomes:
            _, each = self.items[outcome.number]
            kept = msgspec.structs.replace(each, remote=outcome.remote or each.remote)
            self.items[outcome.number] = (outcome.state, kept)
        return told


async def records(instance: Instance, did: str, collection: str = "app.bsky.graph.follow") -> dict[str, Any]:
    """Reads the records as the server lists them: by key."""

    def read() -> dict[str, Any]:
        found, cursor = dict[str, Any](), ""
        while True:
            more = {"cursor": cursor} if cursor else {}
            page = instance.pds.query(
                "com.atproto.repo.listRecords", repo=did, collection=collection, limit="100", **more
            )
            found |= {each["uri"].rpartition("/")[2]: each["value"] for each in page["records"]}
            cursor = page.get("cursor", "")
            if not cursor:
                return found

    return await asyncio.to_thread(read)


async def follow_by_hand(
    instance: Instance, account: Any, dids: Sequence[str], collection: str = "app.bsky.graph.follow"
) -> None:
    """Follows people as another app does: without any regard to limits."""
    for start in range(0, len(dids), 200):
        writes = [
            {
                "$type": "com.atproto.repo.applyWrites#create",
                "collection": collection,
                "value": {"$type": collection, "subject": did, "createdAt": "2026-01-02T03:04:05.000Z"},
            }
            for did in dids[start : start + 200]
        ]
        await asyncio.to_thread(
            instance.pds.procedure,
            "com.atproto.repo.applyWrites",
            token=account.access_token,
            repo=account.did,
            writes=writes,
        )
