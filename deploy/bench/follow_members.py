"""Fills an instance for the bench of follows: people to be followed, and members whose runs wait to begin."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from deploy.bench.arrivals import ORIGIN
from deploy.wiring.follows import build_following
from deploy.wiring.members import MemberParts
from directory.accounts import BlueskyAccount, ProvenAccount
from directory.demo import World
from directory.follows.runs import Plan, Run, Wanted
from directory.identifiers import AtHandle, Did, XHandle, XId
from directory.mapping_life import MappingState
from directory.mappings import Evidence, EvidenceKind, Mapping, Network, Strength
from directory.networks.bluesky.client import SCOPE_FOLLOW
from directory.networks.bluesky.dpop import SigningKey
from directory.networks.port import DpopBinding, Purpose, TokenSet
from directory.queries import Query
from directory.services.following import Asked
from directory.store.copying import copy_rows
from directory.store.mapping_rows import ensure_origin
from directory.store.mappings import COPY_COLUMNS, row_of

LIFETIME: Final = timedelta(days=180)
_LETTERS: Final = str.maketrans("0189", "wxyz")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that waits to begin, and who follows with which account."""

    run: Run
    did: Did


async def publish_people(parts: MemberParts, people: int) -> None:
    """Has the directory know so many people of the demo world, each at Bluesky."""
    now = parts.ground.clock.now()
    world = World(0)
    async with parts.ground.database.transaction() as connection:
        origin = await ensure_origin(connection, ORIGIN)
        rows = [row_of(_mapping(world, slot, now), origin, MappingState.ACTIVE) for slot in range(people)]
        await copy_rows(connection, "mapping", rows=rows, columns=COPY_COLUMNS)


async def start_runs(
    parts: MemberParts, server: str, runs: int, people: Sequence[int], starts_at: datetime
) -> list[Waiting]:
    """Adds `runs` members with accounts at `server`, each with a run that follows all these people from then on."""
    following = build_following(parts.ground, parts.permissions)
    world, waiting = World(0), list[Waiting]()
    plan = Plan(tuple(_wanted(world, slot) for slot in people), ())
    asked, key = Asked(starts_at=starts_at), SigningKey.generate().to_json()
    for number in range(runs):
        did = _did("m", number)
        account = await _join(parts, did, number)
        await parts.permissions.keep(account[1], Purpose.FOLLOW, _tokens(server, did, key))
        waiting.append(Waiting(await following.start(*account, plan, asked), did))
    return waiting


async def _join(parts: MemberParts, did: Did, number: int) -> tuple[UUID, UUID]:
    evidence = Evidence(EvidenceKind.BLUESKY_OAUTH, parts.ground.clock.now())
    proven = ProvenAccount(BlueskyAccount(did, AtHandle.parse(f"member{number}.invalid")), evidence)
    linked = (await parts.membership.sign_in(proven)).account
    return linked.member, linked.id


def _tokens(server: str, did: Did, key: str) -> TokenSet:
    return TokenSet(
        network=Network.BLUESKY,
        account_id=str(did),
        server=server,
        access=f"access-{did}",
        refresh=None,
        scope=SCOPE_FOLLOW,
        expires_at=None,
        client_id="http://localhost",
        binding=DpopBinding(key, None),
    )


def _did(kind: str, number: int) -> Did:
    return Did.parse("did:plc:" + kind + f"{number:023d}".translate(_LETTERS))


def _wanted(world: World, slot: int) -> Wanted:
    account = BlueskyAccount(_did("p", slot), AtHandle(f"p{slot}.invalid"))
    return Wanted(account, Query.parse(str(world.x_id(slot))), is_ticked=False)


def _mapping(world: World, slot: int, now: datetime) -> Mapping:
    evidence = (Evidence(EvidenceKind.X_POST_ID, now), Evidence(EvidenceKind.BLUESKY_OAUTH, now))
    return Mapping(
        XId(world.x_id(slot)),
        XHandle(world.handle(slot)),
        Network.BLUESKY,
        _did("p", slot),
        AtHandle(f"p{slot}.invalid"),
        Strength.BOUND,
        evidence,
        ORIGIN,
        slot,
        now,
        now + LIFETIME,
    )
