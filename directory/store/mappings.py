"""The mappings in PostgreSQL: found by X account or by target, and stored by COPY."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from directory.identifiers import Acct, ActorUri, AtHandle, Did, TargetHandle, TargetId, XHandle, XId
from directory.mappings import Evidence, Mapping, MappingState, Network, Strength
from directory.queries import Query
from directory.store.database import Connection, Database

_NETWORK_CODE: Final = {Network.BLUESKY: 1, Network.MASTODON: 2}
_NETWORK_OF_CODE: Final = {code: network for network, code in _NETWORK_CODE.items()}

# `state = 1` is MappingState.ACTIVE, spelled out so that the partial indexes serve.
_SELECT: Final = (
    "SELECT x_id, x_handle, network, target_id, target_handle, strength, evidence, "
    "origin.name AS origin, leaf, issued, expires, state "
    "FROM mapping JOIN origin ON origin.id = mapping.origin WHERE state = 1"
)
_SELECT_WITHOUT_EVIDENCE: Final = _SELECT.replace(" evidence,", " '[]' AS evidence,")


def _by_x_account(select: str) -> str:
    return f"""
{select} AND expires > $4 AND x_id = ANY($1::bigint[])
UNION ALL
{select} AND expires > $4 AND x_id IS NULL AND x_handle_key = ANY($2::text[])
UNION ALL
{select} AND expires > $4 AND x_handle_key = ANY($3::text[])
"""


_BY_X_ACCOUNT: Final = _by_x_account(_SELECT)
_BY_X_ACCOUNT_WITHOUT_EVIDENCE: Final = _by_x_account(_SELECT_WITHOUT_EVIDENCE)
_BY_TARGET_ID: Final = f"{_SELECT} AND expires > $2 AND target_id = $1 ORDER BY mapping.id LIMIT $3"
_BY_TARGET_HANDLE: Final = (
    f"{_SELECT} AND expires > $2 AND target_handle_key = $1 ORDER BY mapping.id LIMIT $3"
)

COPY_COLUMNS: Final = (
    "x_id",
    "x_handle",
    "x_handle_key",
    "network",
    "target_id",
    "target_handle",
    "target_handle_key",
    "strength",
    "state",
    "origin",
    "leaf",
    "issued",
    "expires",
    "evidence",
)
MAX_REVERSE_ROWS: Final = 100
"""An account that more X accounts than this claim is an attack, not a person."""

MappingRow = tuple[
    int | None, str, str, int, str, str, str, int, int, int, int | None, datetime, datetime, str
]
"""A row of `mapping` in the order of the COPY columns, for those who make millions of them."""

# Looked up, not called: an enum's constructor takes longer than the rest of a row.
_STRENGTH_OF: Final = {strength.value: strength for strength in Strength}
_STATE_OF: Final = {state.value: state for state in MappingState}

_evidence_decoder: Final = msgspec.json.Decoder(tuple[Evidence, ...])
_evidence_encoder: Final = msgspec.json.Encoder()


class MappingStore:
    """What is known. Trusted: whoever can change these rows can send follows astray."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(
        self, queries: Sequence[Query], now: datetime, *, with_evidence: bool = True
    ) -> list[Mapping]:
        """All active mappings that speak of any of the accounts asked for: one statement.

        Beside a known id, a handle finds only mappings without an id: one with another id is of
        somebody else, one with the same id is found by it. Without evidence, it is empty in each.
        """
        statement = _BY_X_ACCOUNT if with_evidence else _BY_X_ACCOUNT_WITHOUT_EVIDENCE
        x_ids = [query.x_id.value for query in queries if query.x_id is not None]
        beside = [q.x_handle.key for q in queries if q.x_id is not None and q.x_handle is not None]
        alone = [q.x_handle.key for q in queries if q.x_id is None and q.x_handle is not None]
        async with self._database.connection() as connection:
            rows = await connection.fetch(statement, x_ids, beside, alone, now)
        return list(map(mapping_of, rows))

    async def find_by_target(self, account: Did | AtHandle | Acct | ActorUri, now: datetime) -> list[Mapping]:
        """The active mappings onto an account, by its lasting id or its present label."""
        by_id = isinstance(account, Did | ActorUri)
        sql = _BY_TARGET_ID if by_id else _BY_TARGET_HANDLE
        key = account.key if isinstance(account, Acct) else str(account)
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql, key, now, MAX_REVERSE_ROWS)
        return list(map(mapping_of, rows))

    async def add(self, mappings: Iterable[Mapping]) -> int:
        """Stores mappings as they are; returns how many. All or none."""
        async with self._database.transaction() as connection:
            origins: dict[str, int] = {}
            rows: list[MappingRow] = []
            for mapping in mappings:
                if mapping.origin not in origins:
                    origins[mapping.origin] = await ensure_origin(connection, mapping.origin)
                rows.append(_row_of(mapping, origins[mapping.origin]))
            await connection.copy_records_to_table("mapping", records=rows, columns=COPY_COLUMNS)
        return len(rows)


async def ensure_origin(connection: Connection, name: str, *, is_demo: bool = False) -> int:
    """The row number of an origin, made where it is new."""
    await connection.execute(
        "INSERT INTO origin (name, is_demo) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", name, is_demo
    )
    number = await connection.fetchval("SELECT id FROM origin WHERE name = $1", name)
    return int(number)


def network_code(network: Network) -> int:
    """The number a network is stored as."""
    return _NETWORK_CODE[network]


def network_of_code(code: int) -> Network:
    """The network that a stored number stands for."""
    return _NETWORK_OF_CODE[code]


def target_key(handle: TargetHandle) -> str:
    """What a target's label is compared by."""
    return handle.key if isinstance(handle, Acct) else str(handle)


def encode_evidence(evidence: tuple[Evidence, ...]) -> str:
    """The stored form of evidence."""
    return _evidence_encoder.encode(evidence).decode()


def _row_of(mapping: Mapping, origin: int) -> MappingRow:
    return (
        mapping.x_id.value if mapping.x_id is not None else None,
        str(mapping.x_handle),
        mapping.x_handle.key,
        _NETWORK_CODE[mapping.network],
        str(mapping.target_id),
        str(mapping.target_handle),
        target_key(mapping.target_handle),
        mapping.strength.value,
        mapping.state.value,
        origin,
        mapping.leaf,
        mapping.issued,
        mapping.expires,
        encode_evidence(mapping.evidence),
    )


def mapping_of(row: asyncpg.Record | tuple[Any, ...]) -> Mapping:
    """The mapping of a row with the columns of `mapping`, its origin by name, in the order of `Mapping`.

    What was parsed on the way in is trusted on the way out.
    """
    (
        x_id,
        x_handle,
        code,
        target_id,
        target_handle,
        strength,
        evidence,
        origin,
        leaf,
        issued,
        expires,
        state,
    ) = row
    network = _NETWORK_OF_CODE[code]
    identity, label = _target_of(network, target_id, target_handle)
    return Mapping(
        XId(x_id) if x_id is not None else None,
        XHandle(x_handle),
        network,
        identity,
        label,
        _STRENGTH_OF[strength],
        _evidence_decoder.decode(evidence),
        origin,
        leaf,
        issued,
        expires,
        _STATE_OF[state],
    )


def _target_of(network: Network, target_id: str, target_handle: str) -> tuple[TargetId, TargetHandle]:
    if network is Network.BLUESKY:
        return Did(target_id), AtHandle(target_handle)
    user, _, host = target_handle.partition("@")
    return ActorUri(target_id), Acct(user, host)
