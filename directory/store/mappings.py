"""Reads the mappings that answer, by X account or by target."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

import asyncpg
import msgspec

from directory.identifiers import Acct, ActorUri, AtHandle, Did, TargetHandle, TargetId, XHandle, XId
from directory.mapping_life import MappingState
from directory.mappings import Evidence, Mapping, Network, Strength
from directory.origins import HIDDEN_AFTER, Standing
from directory.queries import Query
from directory.store.mapping_conditions import (
    IS_ACTIVE,
    NOBODY_HIDES_IT,
    holds_at,
    is_checked,
    is_stale,
    origin_answers,
)
from directory.store.reading import Readable

_NETWORK_CODE: Final = {Network.BLUESKY: 1, Network.MASTODON: 2}
_NETWORK_OF_CODE: Final = {code: network for network, code in _NETWORK_CODE.items()}

_ANSWERING: Final = f"{IS_ACTIVE} AND {NOBODY_HIDES_IT} AND {origin_answers('$2')} AND {holds_at('$1')}"
_SELECT: Final = (
    "SELECT m.x_id, m.x_handle, m.network, m.target_id, m.target_handle, m.strength, m.evidence,"
    " origin.name AS origin, m.leaf, date_part('epoch', m.issued), date_part('epoch', m.expires), origin.standing, m.is_contested,"
    f" m.name_until > $1 AS answers_by_name, {is_stale('$1')} AS is_stale, {is_checked('$1')} AS is_checked"
    f" FROM mapping m JOIN origin ON origin.id = m.origin WHERE {_ANSWERING}"
)
_NO_EVIDENCE: Final = "[]"
_SELECT_WITHOUT_EVIDENCE: Final = _SELECT.replace(" m.evidence,", f" '{_NO_EVIDENCE}' AS evidence,")


def any_of(parameter: str, kind: str) -> str:
    """Returns `ANY` of an array that the planner does not look into: one plan serves a lone look-up and a list of thousands.

    Where it sees a single element, no plan that is made once looks as cheap, so that it plans each look-up anew, for ten
    times what the look-up itself takes, until the same connection has matched a list.
    """
    return f"ANY((SELECT {parameter}::{kind})::{kind})"


_WAYS: Final[tuple[Callable[[str], str], ...]] = (
    lambda x_ids: f"m.x_id = {any_of(x_ids, 'bigint[]')}",
    lambda beside: f"m.x_id IS NULL AND m.x_handle_key = {any_of(beside, 'text[]')} AND m.name_until > $1",
    lambda alone: f"m.x_handle_key = {any_of(alone, 'text[]')} AND m.name_until > $1",
)
"""How X accounts are asked for: by id, by a handle beside an id, and by a handle alone. Each is one index."""


@cache
def by_x_account(ways: tuple[bool, ...], *, with_evidence: bool = True) -> str:
    """Returns the statement that asks in these of the `_WAYS`, whose arrays are its parameters from $3 on. Each way costs the
    database, though nobody is asked for in it."""
    select = _SELECT if with_evidence else _SELECT_WITHOUT_EVIDENCE
    asked = [way for way, is_asked in zip(_WAYS, ways, strict=True) if is_asked]
    return " UNION ALL ".join(f"{select} AND {way(f'${number}')}" for number, way in enumerate(asked, 3))


# Our own first, then by standing: whoever fills the limit is left out first.
_IN_ORDER: Final = "ORDER BY origin.name = $5 DESC, origin.standing, m.id LIMIT $4"
_BY_TARGET_ID: Final = f"{_SELECT} AND m.target_id = $3 {_IN_ORDER}"
_BY_TARGET_HANDLE: Final = f"{_SELECT} AND m.target_handle_key = $3 {_IN_ORDER}"

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
    "name_until",
    "evidence",
    "is_contested",
)
MAX_REVERSE_ROWS: Final = 100
"""Rows for one target. More X accounts than this that map to one account are an attack, not a person."""

MappingRow = tuple[
    int | None,
    str,
    str,
    int,
    str,
    str,
    str,
    int,
    int,
    int,
    int | None,
    datetime,
    datetime,
    datetime,
    str,
    bool,
]
"""A row of `mapping` in the order of COPY_COLUMNS; a plain tuple, since millions are made at a time."""

_ISSUED: Final = 9
_EXPIRES: Final = 10
"""Where the times stand in a row."""

# Looked up, not called: an enum's constructor takes longer than the rest of a row.
_STRENGTH_OF: Final = {strength.value: strength for strength in Strength}
_STANDING_OF: Final = {standing.value: standing for standing in Standing}

_evidence_decoder: Final = msgspec.json.Decoder(tuple[Evidence, ...])
_evidence_encoder: Final = msgspec.json.Encoder()


class MappingStore:
    """Mappings that answer, of the primary or a replica. Trusted: whoever can change these rows can send follows to the wrong
    accounts."""

    def __init__(self, database: Readable) -> None:
        self._database = database

    async def find_mappings(
        self, queries: Sequence[Query], now: datetime, *, with_evidence: bool = True
    ) -> list[Mapping]:
        """Finds all mappings that answer for any of the X accounts, in one statement.

        Where the query has an id, its handle finds only mappings without an id: a mapping with another id
        belongs to another person, one with the same id is found by the id. A handle finds nothing that an X sign-in
        of more than 60 days ago proves. Without evidence, it is empty in each.
        """
        x_ids = [query.x_id.value for query in queries if query.x_id is not None]
        beside = [q.x_handle.key for q in queries if q.x_id is not None and q.x_handle is not None]
        alone = [q.x_handle.key for q in queries if q.x_id is None and q.x_handle is not None]
        asked = (x_ids, beside, alone)
        if not any(asked):
            return []
        statement = by_x_account(tuple(map(bool, asked)), with_evidence=with_evidence)
        async with self._database.connection() as connection:
            rows = await connection.fetch(statement, now, now - HIDDEN_AFTER, *filter(None, asked))
        return _mappings_of(rows)

    async def find_by_target(
        self, account: Did | AtHandle | Acct | ActorUri, now: datetime, own_origin: str = ""
    ) -> list[Mapping]:
        """Finds the mappings that answer with this account, by its lasting id or its present label: at most
        `MAX_REVERSE_ROWS`, those of our own log first, those of limited peers last."""
        by_id = isinstance(account, Did | ActorUri)
        sql = _BY_TARGET_ID if by_id else _BY_TARGET_HANDLE
        key = account.key if isinstance(account, Acct) else str(account)
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql, now, now - HIDDEN_AFTER, key, MAX_REVERSE_ROWS, own_origin)
        return _mappings_of(rows)


def network_code(network: Network) -> int:
    """Returns the number a network is stored as."""
    return _NETWORK_CODE[network]


def network_of_code(code: int) -> Network:
    """Returns the network that a stored number stands for."""
    return _NETWORK_OF_CODE[code]


def target_key(handle: TargetHandle) -> str:
    """Returns what a target's label is compared by."""
    return handle.key if isinstance(handle, Acct) else str(handle)


def encode_evidence(evidence: tuple[Evidence, ...]) -> str:
    """Encodes evidence as it is stored."""
    return _evidence_encoder.encode(evidence).decode()


def row_of(mapping: Mapping, origin: int, state: MappingState, leaf: int | None = None) -> MappingRow:
    """Returns the row of a mapping in the order of COPY_COLUMNS; `origin` is its number."""
    return (
        mapping.x_id.value if mapping.x_id is not None else None,
        str(mapping.x_handle),
        mapping.x_handle.key,
        _NETWORK_CODE[mapping.network],
        str(mapping.target_id),
        str(mapping.target_handle),
        target_key(mapping.target_handle),
        int(mapping.strength),
        int(state),
        origin,
        leaf,
        mapping.issued,
        mapping.expires,
        mapping.name_until,
        encode_evidence(mapping.evidence),
        mapping.is_contested,
    )


def mapping_of(row: asyncpg.Record | tuple[Any, ...]) -> Mapping:
    """Reads a mapping from a row of its columns in the order of `Mapping`, with the origin's name.

    Values were parsed before they were stored, and are trusted here.
    """
    return _mapping_at(row, row[_ISSUED], row[_EXPIRES])


def _mappings_of(rows: Sequence[asyncpg.Record]) -> list[Mapping]:
    """Reads mappings from rows whose times are seconds: all times at once, which takes a tenth of reading each as a time, and
    that is more than all other columns take. Exact to the microsecond until 2242."""
    issued = _times_of([row[_ISSUED] for row in rows])
    expires = _times_of([row[_EXPIRES] for row in rows])
    return list(map(_mapping_at, rows, issued, expires))


def _times_of(seconds: list[float]) -> list[datetime]:
    return msgspec.convert(seconds, list[datetime], strict=False)


def _mapping_at(row: asyncpg.Record | tuple[Any, ...], issued: datetime, expires: datetime) -> Mapping:
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
        _,
        _,
        standing,
        is_contested,
        answers_by_name,
        stale,
        checked,
    ) = row
    network = _NETWORK_OF_CODE[code]
    identity, label = target_of(network, target_id, target_handle)
    return Mapping(
        XId(x_id) if x_id is not None else None,
        XHandle(x_handle),
        network,
        identity,
        label,
        _STRENGTH_OF[strength],
        _evidence_decoder.decode(evidence) if evidence != _NO_EVIDENCE else (),
        origin,
        leaf,
        issued,
        expires,
        _STANDING_OF[standing],
        is_contested,
        answers_by_name,
        stale,
        checked,
    )


def target_of(network: Network, target_id: str, target_handle: str) -> tuple[TargetId, TargetHandle]:
    """Reads a target from its stored id and label. They were parsed before they were stored, and are trusted
    here."""
    if network is Network.BLUESKY:
        return Did(target_id), AtHandle(target_handle)
    user, _, host = target_handle.partition("@")
    return ActorUri(target_id), Acct(user, host)
