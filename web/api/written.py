"""Writes the answer to a list as JSON: what the database wrote, with verdicts between, and the others as structs.

A verdict is what ranking says of mappings in the same states, written by `web.api.schema`: nothing is judged here.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final

from directory.identifiers import Acct, ActorUri, AtHandle, Did, TargetHandle, TargetId, XHandle, XId
from directory.mappings import Mapping, Network, Strength
from directory.origins import Standing
from directory.queries import Query
from directory.ranking import Match, rank
from directory.services.written_lists import AskedPairs, FoundPiece, Places, WrittenLists
from directory.store.written_mappings import NOT_WRITTEN, StateOfMapping, WrittenRows, read_state
from web.api.schema import answer_out, as_json

RANKED_AT_ONCE: Final = 25
"""Matches that are written without a pause: some tenths of a millisecond."""
WRITTEN_AT_ONCE: Final = 250
"""Likewise of results whose answers the database wrote."""

_X_ID: Final = XId(1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_X_HANDLE: Final = XHandle("somebody")
_OWN: Final = "own.example/log"
_OTHER: Final = "other.example/log"
_TARGETS: Final[dict[Network, tuple[TargetId, TargetHandle]]] = {
    Network.BLUESKY: (Did("did:plc:somebody"), AtHandle("somebody.example")),
    Network.MASTODON: (ActorUri("https://server.example/users/somebody"), Acct("somebody", "server.example")),
}
_END: Final = "]}"
_VERDICT: Final = '"strength":'
_AFTER_VERDICT: Final = '"evidence":'


async def write_answer(lists: WrittenLists, asked: AskedPairs) -> list[bytes]:
    """Matches a list, and writes the `MatchOut` in pieces. Raises DirectoryUnavailable."""
    pieces: list[bytes] = []
    found = 0
    async for piece in lists.match(asked):
        await asyncio.sleep(0)
        ranked = await _write_ranked(piece.ranked)
        for results in write_piece(asked, piece, ranked):
            pieces.append("".join(results).removeprefix("" if found else ",").encode())
            found += results.count(_END)
            await asyncio.sleep(0)
    return [f'{{"asked":{len(asked)},"found":{found},"results":['.encode(), *pieces, b"]}"]


async def _write_ranked(ranked: dict[int, Match | None]) -> dict[int, Sequence[str]]:
    """Writes the answers that were ranked. Others have their turn between some and the next."""
    written: dict[int, Sequence[str]] = {}
    for number, match in ranked.items():
        written[number] = () if match is None else _answers(match)
        if len(written) % RANKED_AT_ONCE == 0:
            await asyncio.sleep(0)
    return written


def write_piece(
    asked: AskedPairs, piece: FoundPiece, ranked: dict[int, Sequence[str]]
) -> Iterator[list[str]]:
    """Writes the results of a piece, in the order of the list, with a comma before each. Yields them some at a time, in parts:
    joining these once takes half the time."""
    numbers = piece.numbers
    said = _said_of(
        asked.x_ids[numbers.start : numbers.stop], asked.handles[numbers.start : numbers.stop], piece
    )
    for number, answers in ranked.items():
        said[number - numbers.start] = answers
    for first in range(numbers.start, numbers.stop, WRITTEN_AT_ONCE):
        some = slice(first, min(first + WRITTEN_AT_ONCE, numbers.stop))
        answers_of_some = said[first - numbers.start : some.stop - numbers.start]
        if parts := _write_results(asked, some, answers_of_some):
            yield parts


def _write_results(asked: AskedPairs, some: slice, said: list[Sequence[str] | None]) -> list[str]:
    parts: list[str] = []
    columns = asked.x_ids[some], asked.handles[some], asked.seen[some], said
    for x_id, handle, day, texts in zip(*columns, strict=True):
        if texts:
            if handle is None:
                parts.append(f',{{"query":{{"id":"{x_id}","handle":null,"seen":null}},"answers":[')
            else:
                parts.append(f',{{"query":{_query(x_id, handle, day)},"answers":[')
            parts += texts
            parts.append(_END)
    return parts


def _said_of(
    x_ids: list[int | None], handles: list[str | None], piece: FoundPiece
) -> list[Sequence[str] | None]:
    """Returns the answers of each person of whom the rows tell, in parts."""
    by_id = _texts(piece.rows.by_id, is_by_id=True)
    for x_id, places in piece.several.items():
        by_id[x_id] = _write_several(piece.rows.by_id, places)
    if not any(handles):
        return list(map(by_id.get, x_ids))
    by_handle = _texts(piece.rows.by_handle, is_by_id=False)
    return [
        by_id.get(x_id) if x_id is not None else by_handle.get((handle or "").lower())
        for x_id, handle in zip(x_ids, handles, strict=True)
    ]


def _texts(rows: WrittenRows, *, is_by_id: bool) -> dict[Any, Sequence[str]]:
    """Returns the answer of each X account that has one mapping. Of one that has several, it is that of any."""
    verdicts = {state: verdict(state, is_by_id) for state in set(rows.states) - {NOT_WRITTEN}}
    said = [verdicts.get(state, "") for state in rows.states]
    return dict(zip(rows.names, zip(rows.before, said, rows.after, strict=True), strict=True))


def _answers(match: Match) -> Sequence[str]:
    return (",".join(as_json(answer_out(answer)).decode() for answer in match.answers),)


def _query(x_id: int | None, handle: str, seen: date | None) -> str:
    number = "null" if x_id is None else f'"{x_id}"'
    day = "null" if seen is None else f'"{seen}"'
    return f'{{"id":{number},"handle":"{handle}","seen":{day}}}'


def _write_several(rows: WrittenRows, places: Places) -> Sequence[str]:
    parts: list[str] = []
    for at, said in _verdicts(tuple(rows.states[place] for place in places)):
        parts += (",", rows.before[places[at]], said, rows.after[places[at]])
    return parts[1:]


@lru_cache(maxsize=4_096)
def verdict(state: int, is_by_id: bool) -> str:
    """Returns what is written between the two parts of the only mapping of an X account."""
    query = Query(x_id=_X_ID) if is_by_id else Query(x_handle=_X_HANDLE)
    ((_, said),) = _ranked(query, (state,))
    return said


@lru_cache(maxsize=4_096)
def _verdicts(states: tuple[int, ...]) -> tuple[tuple[int, str], ...]:
    """Returns the order in which mappings of one X id answer, each on its network, and the verdict on each."""
    return _ranked(Query(x_id=_X_ID), states)


def _ranked(query: Query, states: tuple[int, ...]) -> tuple[tuple[int, str], ...]:
    mappings = [_mapping_in(read_state(state)) for state in states]
    match = rank(query, mappings, _EPOCH.date(), _OWN)
    places = {mapping.network: place for place, mapping in enumerate(mappings)}
    return tuple(
        (places[a.mapping.network], _verdict_in(as_json(answer_out(a)).decode())) for a in match.answers
    )


def _mapping_in(state: StateOfMapping) -> Mapping:
    """Makes a mapping that is in a state."""
    identity, label = _TARGETS[state.network]
    return Mapping(
        x_id=_X_ID,
        x_handle=_X_HANDLE,
        network=state.network,
        target_id=identity,
        target_handle=label,
        strength=Strength(state.strength),
        evidence=(),
        origin=_OWN if state.is_own else _OTHER,
        leaf=None,
        issued=_EPOCH,
        expires=_EPOCH,
        standing=Standing(state.standing),
        is_contested=state.is_contested,
        is_stale=state.is_stale,
        is_checked=state.is_checked,
    )


def _verdict_in(answer: str) -> str:
    return answer[answer.index(_VERDICT) : answer.index(_AFTER_VERDICT)]
