"""Makes mappings of invented people that wait for the log, as publishing leaves them: for measuring, and for trying out."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Final

from directory.demo import demo_rows
from directory.mapping_life import MappingState
from directory.mappings import Evidence, EvidenceKind, Network, Strength
from directory.proofs.strength import SIGN_IN_AT
from directory.store.copying import copy_rows
from directory.store.database import Database
from directory.store.mapping_rows import ensure_origin
from directory.store.mappings import COPY_COLUMNS, MappingRow, encode_evidence, network_of_code

PEOPLE_A_MAPPING: Final = 2
"""Enough: seven of ten invented people are bound, and seven of eight are of the first origin."""
_NO_ORIGIN: Final = -1
_PENDING: Final = MappingState.PENDING.value
_NETWORK: Final = 3
_STRENGTH: Final = COPY_COLUMNS.index("strength")
_ORIGIN: Final = COPY_COLUMNS.index("origin")


async def add_pending(database: Database, count: int, origin: str, now: datetime, *, first: int = 0) -> None:
    """Adds `count` pending mappings of the log `origin`, proven as members' are.

    Invented people begin at slot `first`: two calls that are `count * PEOPLE_A_MAPPING` slots apart share nobody.
    """
    async with database.transaction() as connection:
        own = await ensure_origin(connection, origin)
        await copy_rows(
            connection, "mapping", rows=_pending_rows(count, own, now, first), columns=COPY_COLUMNS
        )


def _pending_rows(count: int, own: int, now: datetime, first: int) -> Iterator[MappingRow]:
    people = demo_rows(count * PEOPLE_A_MAPPING, now=now, origins=(own, _NO_ORIGIN), first=first)
    bound = (row for row in people if row[_ORIGIN] == own and row[_STRENGTH] == Strength.BOUND.value)
    return map(_as_pending, islice(bound, count))


def _as_pending(row: MappingRow) -> MappingRow:
    *whom, _, origin, leaf, issued, expires, name_until, _, is_contested = row
    evidence = _evidence(network_of_code(row[_NETWORK]), issued)
    pending: Any = (*whom, _PENDING, origin, leaf, issued, expires, name_until, evidence, is_contested)
    made: MappingRow = pending
    return made


def _evidence(network: Network, at: datetime) -> str:
    return encode_evidence((Evidence(EvidenceKind.X_POST_ID, at), Evidence(SIGN_IN_AT[network], at)))
