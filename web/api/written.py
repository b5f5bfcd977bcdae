"""Writes the answer to a list as JSON: what the database wrote, with verdicts between, and the others as structs.

A verdict is what ranking says of mappings in the same states, written by `web.api.schema`: nothing is judged here.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

import msgspec

from directory.identifiers import Acct, ActorUri, AtHandle, Did, TargetHandle, TargetId, XHandle, XId
from directory.mappings import Mapping, Network, Strength
from directory.origins import Standing
from directory.queries import Query
from directory.ranking import Match, rank
from directory.services.written_lists import AskedPairs, FoundPiece, Places, WrittenLists
from directory.store.written_mappings import (
    NOT_WRITTEN,
    VERDICT_MARK,
    StateOfMapping,
    WrittenRows,
    read_state,
)
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
_NO_HANDLE: Final = '"handle":null,"seen":null'
"""Of a query, where its result begins."""
_VERDICT: Final = '"strength":'
_AFTER_VERDICT: Final = '"evidence":'


async def write_answer(lists: WrittenLists, asked: AskedPairs) -> list[bytes]:
    """Matches a list, and writes the `MatchOut` in pieces. Raises DirectoryUnavailable."""
    written = WrittenResults({}, {}, {})
    async for piece in lists.match(asked):
        await asyncio.sleep(0)
        await written.take_rows(piece)
        await written.take_ranked(piece)
    pieces: list[bytes] = []
    found = 0
    for first in range(0, len(asked), WRITTEN_AT_ONCE):
        results = written.between(asked, first, first + WRITTEN_AT_ONCE)
        pieces.append("".join(results).removeprefix("" if found else ",").encode())
        found += len(results)
        await asyncio.sleep(0)
    return [f'{{"asked":{len(asked)},"found":{found},"results":['.encode(), *pieces, b"]}"]


class WrittenResults(msgspec.Struct, frozen=True):
    """Results of a list, each with a comma before it. They are written as they are found, in no order, so that little is left
    to do at the end."""

    by_id: dict[int | None, str]
    """As they answer those who were asked for by their id alone. Empty where nobody was found."""
    by_handle: dict[str, str]
    """Their answers only: each handle is answered as it was spelled."""
    ranked: dict[int, str]
    """By the number of a person in the list. They go before the others."""

    async def take_rows(self, piece: FoundPiece) -> None:
        """Writes results with what the database wrote. Of an X account that has one that is not written, or several that are not
        apart, a result means nothing: another goes before it."""
        for rows in _in_parts(piece.rows.by_id):
            verdicts, by_id, several = _verdicts_on(rows, is_by_id=True), self.by_id, piece.several
            for x_id, state, text in zip(rows.names, rows.states, rows.texts, strict=True):
                if x_id in several:
                    continue
                said = text.replace(VERDICT_MARK, verdicts[state])
                by_id[x_id] = f',{{"query":{{"id":"{x_id}","handle":null,"seen":null}},"answers":[{said}]}}'
            await asyncio.sleep(0)
        for count, (x_id, places) in enumerate(piece.several.items(), start=1):
            self.by_id[x_id] = _result(x_id, None, None, _several_answers(piece.rows.by_id, places))
            if count % WRITTEN_AT_ONCE == 0:
                await asyncio.sleep(0)
        for rows in _in_parts(piece.rows.by_handle):
            verdicts = _verdicts_on(rows, is_by_id=False)
            for handle, state, text in zip(rows.names, rows.states, rows.texts, strict=True):
                self.by_handle[handle] = text.replace(VERDICT_MARK, verdicts[state])
            await asyncio.sleep(0)

    async def take_ranked(self, piece: FoundPiece) -> None:
        """Writes the results of those who were ranked. Others have their turn between some and the next."""
        for x_id, match in piece.ranked_ids.items():
            self.by_id[x_id] = _ranked_result(match)
        for count, (number, match) in enumerate(piece.ranked.items(), start=1):
            self.ranked[number] = _ranked_result(match)
            if count % RANKED_AT_ONCE == 0:
                await asyncio.sleep(0)

    def between(self, asked: AskedPairs, first: int, end: int) -> list[str]:
        """Returns the results of a part of the list, in its order."""
        x_ids, handles = asked.x_ids[first:end], asked.handles[first:end]
        if any(handles):
            results = list(map(self._said_of, x_ids, handles, asked.seen[first:end]))
        else:
            results = list(map(self.by_id.get, x_ids))
        for number in filter(self.ranked.__contains__, range(first, first + len(results))):
            results[number - first] = self.ranked[number]
        return list(filter(None, results))

    def _said_of(self, x_id: int | None, handle: str | None, seen: date | None) -> str | None:
        if x_id is not None:
            result = self.by_id.get(x_id)
            return result and result.replace(_NO_HANDLE, _handle(handle, seen), 1)
        answers = self.by_handle.get((handle or "").lower())
        return answers and _result(None, handle, seen, answers)


def _in_parts(rows: WrittenRows) -> Iterator[WrittenRows]:
    for first in range(0, len(rows.names), WRITTEN_AT_ONCE):
        some = slice(first, first + WRITTEN_AT_ONCE)
        yield WrittenRows(rows.names[some], rows.states[some], rows.texts[some])


def _verdicts_on(rows: WrittenRows, *, is_by_id: bool) -> dict[int, str]:
    """Returns the verdict on each state in rows, where an X account has one mapping."""
    return {state: "" if state == NOT_WRITTEN else verdict(state, is_by_id) for state in set(rows.states)}


def _several_answers(rows: WrittenRows, places: Places) -> str:
    ranked = _verdicts(tuple(map(rows.states.__getitem__, places)))
    return ",".join([rows.texts[places[at]].replace(VERDICT_MARK, said) for at, said in ranked])


def _ranked_result(match: Match | None) -> str:
    if match is None:
        return ""
    query = match.query
    x_id = query.x_id.value if query.x_id is not None else None
    handle = query.x_handle.value if query.x_handle is not None else None
    answers = ",".join(as_json(answer_out(answer)).decode() for answer in match.answers)
    return _result(x_id, handle, query.seen, answers)


def _result(x_id: int | None, handle: str | None, seen: date | None, answers: str) -> str:
    number = "null" if x_id is None else f'"{x_id}"'
    return f',{{"query":{{"id":{number},{_handle(handle, seen)}}},"answers":[{answers}]}}'


def _handle(handle: str | None, seen: date | None) -> str:
    if handle is None:
        return _NO_HANDLE
    day = "null" if seen is None else f'"{seen}"'
    return f'"handle":"{handle}","seen":{day}'


@lru_cache(maxsize=4_096)
def verdict(state: int, is_by_id: bool) -> str:
    """Returns the verdict on the only mapping of an X account, as it is written."""
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
