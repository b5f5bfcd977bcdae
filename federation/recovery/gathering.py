"""Brings entries and bodies of our own log from peers into tables of their own. Each step is durable once it is done: a
recovery that was interrupted goes on where it was.

Of the entries the copy of one peer is read whole, since only the root over all of them tells whether they are right. A body
is compared with the commitment of its leaf at once, and may come from any peer.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from directory.store.database import Connection
from federation.errors import LogRefused
from federation.own_log.batch import LogEdge
from federation.protocol.body_answers import Body, LeafAnswer
from federation.protocol.entry import STRIDE_BYTES, MappingEntry, parse_entry
from federation.protocol.statement import commitment
from federation.recovery.believing import fork_of
from federation.recovery.copies import Copy, PeerFailed
from federation.recovery.outlook import MORE_PEERS, Outlook, check_enough, load_signed_edge
from federation.recovery.regrowth import Regrown, Regrowth, WrongEntries, empty_edge
from federation.recovery.replay import OtherTree, replay
from federation.store.recovering import (
    Begun,
    begin,
    fetch_begun,
    fetch_bodies_brought,
    fetch_bundle,
    find_bundle_numbers,
    store_bodies,
    store_bundles,
)
from federation.tlog.bundles import decode_bundle
from federation.tlog.tiles import TILE_WIDTH, Bundle, bundles_added

AT_ONCE: Final = 4
"""Requests to one peer at a time."""
TRIES: Final = 4
"""What a peer does not answer for seconds would be taken for lost, and be revoked for ever."""
FIRST_PAUSE_S: Final = 1.0
STEP: Final = 16
"""Bundles that are asked for before they are stored."""

log = structlog.get_logger(__name__)
OnProgress = Callable[[str, int, int], None]
"""Takes what is fetched, `entries` or `bodies`, how many bundles of it are done, and of how many."""


@dataclass(slots=True)
class Gathered:
    """What was brought, and verified."""

    grown: Regrowth
    lost: list[int]
    """Leaves that hold and whose body no peer has."""
    faults: dict[str, str] = field(default_factory=dict)
    """Why a peer was passed over, by its address."""


async def gather(
    connection: Connection, outlook: Outlook, copies: Sequence[Copy], on_progress: OnProgress
) -> Gathered:
    """Brings and verifies all that is missing. Raises LogRefused where no peer has the entries, or the log has forked."""
    check_enough(outlook)
    faults: dict[str, str] = {}
    begun = await _fitting(connection, outlook)
    for copy in _in_order(outlook, copies, begun):
        try:
            await _fetch_entries(connection, outlook, copy, on_progress)
            grown = await _verify(connection, outlook)
        except (PeerFailed, WrongEntries) as error:
            faults[copy.address] = str(error)
            log.warning("a peer is passed over", address=copy.address, reason=str(error))
            continue
        lost = await _fetch_bodies(connection, outlook, grown, copies, faults, on_progress)
        return Gathered(grown, lost, faults)
    reasons = "; ".join(f"{address}: {fault}" for address, fault in faults.items())
    raise LogRefused(
        f"{outlook.whole.size} leaves of this log were signed, and no peer has all of their entries ({reasons})",
        mend=MORE_PEERS,
    )


async def _fitting(connection: Connection, outlook: Outlook) -> Begun | None:
    """Returns the recovery that was begun, where it is this one."""
    begun = await fetch_begun(connection)
    target = outlook.target
    if begun is None or target is None:
        return None
    return begun if (begun.base_size, begun.note) == (outlook.base, target.note) else None


def _in_order(outlook: Outlook, copies: Sequence[Copy], begun: Begun | None) -> list[Copy]:
    """Orders the peers: whose copy was being read, then who has shown most."""
    sizes = {heard.address: heard.seen.checkpoint.size for heard in outlook.heard if heard.seen is not None}
    source = None if begun is None else begun.source
    return sorted(copies, key=lambda copy: (copy.address != source, -sizes.get(copy.address, -1)))


async def _fetch_entries(
    connection: Connection, outlook: Outlook, copy: Copy, on_progress: OnProgress
) -> None:
    size, target = outlook.whole.size, outlook.target
    if target is None:
        return
    begun = Begun(outlook.base, target.note, copy.address)
    if await fetch_begun(connection) != begun:
        async with connection.transaction():
            await begin(connection, begun)
    there = await find_bundle_numbers(connection)
    bundles = list(bundles_added(outlook.base, size))
    missing = [bundle for bundle in bundles if bundle.index not in there]
    for at in range(0, len(missing), STEP):
        on_progress("entries", len(bundles) - len(missing) + at, len(bundles))
        step = missing[at : at + STEP]
        data = await _all_of(copy, step)
        await store_bundles(
            connection, [(bundle.index, each) for bundle, each in zip(step, data, strict=True)]
        )
    on_progress("entries", len(bundles), len(bundles))


async def _all_of(copy: Copy, bundles: Sequence[Bundle]) -> list[bytes]:
    places = asyncio.Semaphore(AT_ONCE)

    async def fetch(bundle: Bundle) -> bytes:
        async with places:
            data = await copy.entries(bundle)
        if data is None or len(data) != bundle.width * STRIDE_BYTES:
            raise PeerFailed(f"it has not kept the entries from leaf {bundle.start} on")
        return data

    found = await asyncio.gather(*map(fetch, bundles), return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return [each for each in found if isinstance(each, bytes)]


async def _verify(connection: Connection, outlook: Outlook) -> Regrowth:
    """Grows the tree without writing anything. Raises WrongEntries, and LogRefused where the log has forked."""
    roots = {heard.seen.checkpoint.size: heard.seen for heard in outlook.heard if heard.seen is not None}
    signed = {size: seen.checkpoint.root for size, seen in roots.items()}
    if outlook.mark is not None and outlook.mark.size:
        signed.setdefault(outlook.mark.size, outlook.mark.root)

    async def ignore(entries: list[bytes], first: int, step: Regrown) -> None:
        return None

    edge = await base_edge(connection, outlook)
    try:
        return await replay(connection, edge, outlook.whole, ignore, signed)
    except OtherTree as error:
        other = roots.get(error.size)
        if other is None or outlook.target is None:
            raise LogRefused(
                f"the tree that peers show is not the one of {error.size} leaves that this instance has signed last"
            ) from error
        raise fork_of(outlook.target, other) from error


async def base_edge(connection: Connection, outlook: Outlook) -> LogEdge:
    """Reads the edge of what the database holds as signed."""
    return await load_signed_edge(connection, outlook.base) if outlook.base else empty_edge()


async def _fetch_bodies(  # noqa: PLR0913, PLR0917 - one step of `gather`
    connection: Connection,
    outlook: Outlook,
    grown: Regrowth,
    copies: Sequence[Copy],
    faults: dict[str, str],
    on_progress: OnProgress,
) -> list[int]:
    """Fetches the bodies of all leaves that hold. Returns the leaves whose body no peer has."""
    lost: list[int] = []
    bundles = list(bundles_added(outlook.base, outlook.whole.size))
    for done, bundle in enumerate(bundles):
        on_progress("bodies", done, len(bundles))
        missing = await _missing_of(connection, outlook, grown, bundle)
        for copy in copies:
            if missing:
                missing = await _take_bodies(connection, copy, bundle, missing, faults)
        lost += sorted(missing)
    on_progress("bodies", len(bundles), len(bundles))
    return lost


async def _missing_of(
    connection: Connection, outlook: Outlook, grown: Regrowth, bundle: Bundle
) -> dict[int, bytes]:
    """Returns the commitments of the leaves of a bundle that hold, and whose body is not here."""
    data = await fetch_bundle(connection, bundle.index) or b""
    live: dict[int, bytes] = {}
    for leaf, raw in enumerate(decode_bundle(data, bundle.width), bundle.start):
        entry = parse_entry(raw)
        if leaf >= outlook.base and isinstance(entry, MappingEntry) and grown.holds(leaf):
            live[leaf] = entry.commitment
    here = await fetch_bodies_brought(connection, bundle.start, bundle.start + TILE_WIDTH)
    return {leaf: said for leaf, said in live.items() if leaf not in here or commitment(*here[leaf]) != said}


async def _take_bodies(
    connection: Connection, copy: Copy, bundle: Bundle, missing: dict[int, bytes], faults: dict[str, str]
) -> dict[int, bytes]:
    """Takes the bodies that a peer has. Returns the commitments of those that it has not, or that are not right."""
    answers = await _ask_for_bodies(copy, bundle, faults)
    right: list[tuple[int, bytes, bytes]] = []
    for leaf, answer in enumerate(answers, bundle.start):
        if leaf not in missing or not isinstance(answer, Body):
            continue
        if commitment(answer.salt, answer.body) == missing[leaf]:
            right.append((leaf, answer.salt, answer.body))
        else:
            faults.setdefault(
                copy.address, f"the body of leaf {leaf} that it has served is not the one that was said"
            )
    if right:
        await store_bodies(connection, right)
    taken = {leaf for leaf, _, _ in right}
    return {leaf: said for leaf, said in missing.items() if leaf not in taken}


async def _ask_for_bodies(copy: Copy, bundle: Bundle, faults: dict[str, str]) -> Sequence[LeafAnswer]:
    """Asks a peer for the bodies of a bundle, again where that fails: but once alone where it has failed before. Returns none
    where it does not answer, which is told, or has not read so far."""
    for pause in [FIRST_PAUSE_S * 2**at for at in range(TRIES - 1)] if copy.address not in faults else []:
        try:
            return await copy.answers(bundle) or ()
        except PeerFailed as error:
            log.info("a peer is asked again for bodies", address=copy.address, reason=str(error))
            await asyncio.sleep(pause)
    try:
        return await copy.answers(bundle) or ()
    except PeerFailed as error:
        faults.setdefault(copy.address, str(error))
        return ()
