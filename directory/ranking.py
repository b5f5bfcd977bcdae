"""Ranks the mappings that answer a query, and decides whether one may be followed without a tick.

Pure. Different targets on one network for one X account: the stronger wins, then the newer;
equal strength from different origins is a dispute, which is shown and never followed; so are two addresses of one account
on Mastodon, whose import follows addresses. What a member of this instance has
proven is outranked by nobody's word: a peer that names another account, however strong, is a dispute with it at most.
Mappings of limited origins are shown only where no followed origin has one, and never followed without a tick, unless
our own look at the evidence has confirmed them: two limited origins that agree are no more than one, since anyone can
run two. A mapping that the handle alone found is followed without a tick only if the handle was seen recently enough
(`directory.doubts`), and one of an origin that fell silent by nobody.
"""

import enum
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import date
from typing import Final

import msgspec

from directory.doubts import Doubt, doubt_beside_id, doubt_of_name
from directory.identifiers import XId
from directory.mappings import Mapping, Network, Strength
from directory.queries import Lists, Query


class MatchedBy(enum.StrEnum):
    """The half of the query that found the mapping."""

    ID = "id"
    HANDLE = "handle"


# Looked up once: members of an enum are found slowly, and these are asked for with each answer of a list.
_BY_ID: Final = MatchedBy.ID
_BY_HANDLE: Final = MatchedBy.HANDLE
_FIRST_NETWORK: Final = next(iter(Network))
_BOUND: Final = Strength.BOUND
_OF_HANDLE: Final = Strength.HANDLE


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A mapping that a query found."""

    mapping: Mapping
    matched_by: MatchedBy


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The present account of an X account on one network.

    `agreeing` are the other origins that name the same target. Several answers for one network
    are all `disputed`, and so is one whose own instance says that it is contested. `name_doubt` is set where the
    handle found it, and may be somebody else's by now; `refused_as` where somebody else on the same list has the account, who
    is blocked or muted: the lists of theirs.
    """

    mapping: Mapping
    matched_by: MatchedBy
    disputed: bool
    agreeing: tuple[str, ...] = ()
    name_doubt: Doubt | None = None
    refused_as: Lists | None = None

    @property
    def may_follow(self) -> bool:
        """Whether it may be followed without a tick: bound, or its handle proven and matched by the query; and the
        handle, where it is all that matched, is not of doubtful age."""
        return self.doubt is None

    @property
    def doubt(self) -> Doubt | None:
        """Why it may not be followed without a tick. None where it may."""
        if self.disputed:
            return Doubt.DISPUTED
        if not self.mapping.is_relied_on:
            return Doubt.LIMITED
        strength = self.mapping.strength
        if strength is _BOUND or (strength is _OF_HANDLE and self.matched_by is _BY_HANDLE):
            return self.name_doubt or (Doubt.STALE if self.mapping.is_stale else None)
        return Doubt.LINKS_ONLY if strength is Strength.LINKED else Doubt.UNCHECKED


class Match(msgspec.Struct, frozen=True, gc=False):
    """A query and its answers, at most one a network but for disputes; the stronger first."""

    query: Query
    answers: tuple[Answer, ...]


def select_candidates(query: Query, mappings: Iterable[Mapping]) -> list[Candidate]:
    """Selects the mappings of the account that is looked up.

    A mapping with another id is of another person, whatever its handle: X sells handles again. One whose handle no
    longer answers is found by its id alone.
    """
    found = []
    for mapping in mappings:
        if query.x_id is not None and mapping.x_id is not None:
            if mapping.x_id == query.x_id:
                found.append(Candidate(mapping, _BY_ID))
        elif (
            query.x_handle is not None
            and mapping.answers_by_name
            and mapping.x_handle.key == query.x_handle.key
        ):
            found.append(Candidate(mapping, _BY_HANDLE))
    return found


def rank(query: Query, mappings: Sequence[Mapping], today: date, own_origin: str) -> Match:
    """Ranks all mappings that a lookup by the query's id or handle found. `own_origin` is that of this instance's log."""
    if (x_id := query.x_id) is not None and mappings and mappings[0].x_id == x_id:
        # The usual cases: mappings that no other stands against need no ranking.
        first = mappings[0]
        if len(mappings) == 1:
            return Match(query, (Answer(first, _BY_ID, first.is_contested),))
        if len(mappings) == 2 and mappings[1].x_id == x_id and mappings[1].network is not first.network:
            return Match(query, _one_on_each(first, mappings[1], own_origin))
    return _rank_all(query, mappings, today, own_origin)


def _one_on_each(first: Mapping, second: Mapping, own_origin: str) -> tuple[Answer, ...]:
    """Answers with two mappings of one id, each on another network: the order alone is to be found."""
    answers = [Answer(mapping, _BY_ID, mapping.is_contested) for mapping in (first, second)]
    if first.network is not _FIRST_NETWORK:
        answers.reverse()
    return tuple(_in_order(answers, own_origin))


def _rank_all(query: Query, mappings: Sequence[Mapping], today: date, own_origin: str) -> Match:
    """Ranks mappings of whatever kind."""
    candidates = select_candidates(query, mappings)
    known = [each.mapping for each in candidates if each.matched_by is _BY_ID]
    return Match(
        query,
        tuple(
            _with_name_doubt(answer, query, known, today) for answer in _best_answers(candidates, own_origin)
        ),
    )


def _with_name_doubt(answer: Answer, query: Query, known: Sequence[Mapping], today: date) -> Answer:
    """Adds the doubt of a name. `known` are the mappings of the id that stands beside it."""
    if answer.matched_by is not _BY_HANDLE:
        return answer
    doubt = doubt_of_name(query, answer.mapping, today) or doubt_beside_id(query, known)
    if doubt is None:
        return answer
    return Answer(answer.mapping, answer.matched_by, answer.disputed, answer.agreeing, doubt)


def _best_answers(candidates: list[Candidate], own_origin: str) -> list[Answer]:
    if len(candidates) == 1:
        only = candidates[0]
        return [Answer(only.mapping, only.matched_by, only.mapping.is_contested)]
    whose, disputed = _of_one_person(_most_trusted(candidates), own_origin)
    answers: list[Answer] = []
    for network in Network:
        here = [candidate for candidate in whose if candidate.mapping.network is network]
        if here:
            answers += _answers_on_network(here, own_origin, disputed=disputed)
    return _in_order(answers, own_origin)


def _in_order(answers: list[Answer], own_origin: str) -> list[Answer]:
    """Returns the answers, the stronger first. They come by network, in which order equal ones stay.

    In a dispute, what a member of this instance has proven comes first, whatever a peer says and when.
    """
    return sorted(
        answers,
        key=lambda answer: (
            answer.disputed and answer.mapping.origin == own_origin,
            answer.mapping.strength,
        ),
        reverse=True,
    )


def _rank_of(mapping: Mapping) -> tuple[int, float, int, int, str, str]:
    """Returns the sort key: strength, then time, then leaf. The rest makes the order the same everywhere."""
    return (
        mapping.strength,
        mapping.issued.timestamp(),
        mapping.leaf if mapping.leaf is not None else -1,
        mapping.x_id.value if mapping.x_id is not None else 0,
        str(mapping.target_id),
        mapping.origin,
    )


def _most_trusted(candidates: list[Candidate]) -> list[Candidate]:
    """Drops mappings of limited origins on networks where there is one to rely on: they neither outrank nor
    dispute it."""
    relied_on = [each for each in candidates if each.mapping.is_relied_on]
    networks = {each.mapping.network for each in relied_on}
    return relied_on + [each for each in candidates if each.mapping.network not in networks]


def _of_one_person(candidates: list[Candidate], own_origin: str) -> tuple[list[Candidate], bool]:
    """Drops mappings of other people who once held the handle. Returns the rest, and True where their ids are in
    dispute.

    Only a query by handle alone can find several ids.
    """
    known = [candidate for candidate in candidates if candidate.mapping.x_id is not None]
    if len({candidate.mapping.x_id for candidate in known}) < 2:
        return candidates, False
    # What limited origins say decides only where nobody to rely on knows an id, on whatever network.
    heard = [each for each in known if each.mapping.is_relied_on] or known
    winning: set[XId | None] = {c.mapping.x_id for c in _contest(heard, lambda c: c.mapping.x_id, own_origin)}
    kept = [c for c in candidates if c.mapping.x_id is None or c.mapping.x_id in winning]
    return kept, len(winning) > 1


def _answers_on_network(candidates: list[Candidate], own_origin: str, *, disputed: bool) -> list[Answer]:
    if len(candidates) == 1:
        only = candidates[0]
        return [Answer(only.mapping, only.matched_by, disputed or only.mapping.is_contested)]
    said: dict[Hashable, list[Candidate]] = {}
    for winner in _contest(candidates, lambda candidate: candidate.mapping.target_id, own_origin):
        said.setdefault(winner.mapping.target_id, []).append(winner)
    disputed = disputed or len(said) > 1
    return [_answer_of(same, candidates, own_origin, disputed=disputed) for same in said.values()]


def _answer_of(
    same: list[Candidate], candidates: list[Candidate], own_origin: str, *, disputed: bool
) -> Answer:
    """Returns the answer of those who name the same target, best first."""
    first = _speaker_of(same, own_origin)
    in_doubt = any(each.mapping.is_contested for each in same) or _are_addresses_disputed(same, own_origin)
    return Answer(first.mapping, first.matched_by, disputed or in_doubt, _agreeing(first, candidates))


def _speaker_of(same: list[Candidate], own_origin: str) -> Candidate:
    """Returns who speaks for those who name one target: the best, but for one that its instance says is contested; of
    equal ones that of an origin that is heard from. Our own member's names of the accounts are not replaced by others."""
    first = same[0]
    for each in same[1:]:
        if _goes_before(each.mapping, first.mapping):
            first = each
    ours = next((each for each in same if each.mapping.origin == own_origin), first)
    return first if _names_of(ours.mapping) == _names_of(first.mapping) else ours


def _names_of(mapping: Mapping) -> tuple[str, str]:
    return mapping.x_handle.key, str(mapping.target_handle).lower()


def _are_addresses_disputed(same: list[Candidate], own_origin: str) -> bool:
    """Whether instances give one account different addresses, and none of them is this one.

    On Mastodon alone: its import follows addresses, and cannot compare them with the account's id.
    """
    if same[0].mapping.network is not Network.MASTODON:
        return False
    newest: dict[str, str] = {}
    for each in same:
        newest.setdefault(each.mapping.origin, _names_of(each.mapping)[1])
    return own_origin not in newest and len(set(newest.values())) > 1


def _goes_before(mapping: Mapping, kept: Mapping) -> bool:
    if mapping.is_contested != kept.is_contested:
        return mapping.is_contested
    return kept.is_stale and not mapping.is_stale and mapping.strength is kept.strength


def _agreeing(winner: Candidate, candidates: list[Candidate]) -> tuple[str, ...]:
    same = {c.mapping.origin for c in candidates if c.mapping.target_id == winner.mapping.target_id}
    return tuple(sorted(same - {winner.mapping.origin}))


def _contest(
    candidates: list[Candidate], claim: Callable[[Candidate], Hashable], own_origin: str
) -> list[Candidate]:
    """Returns the strongest candidates, best first: of each origin those with its newest claim; and beside them
    what our own members have proven, however strong the others are.

    They are in dispute where their claims differ. Within one origin the newest claim counts, as it may
    replace its own; between origins a newer claim is no better than an older one.
    """
    best = max(candidate.mapping.strength for candidate in candidates)
    proven_here = max(
        (c.mapping.strength for c in candidates if _is_proven_here(c.mapping, own_origin)), default=best
    )
    strongest = [
        candidate
        for candidate in candidates
        if candidate.mapping.strength is best
        or (candidate.mapping.origin == own_origin and candidate.mapping.strength is proven_here)
    ]
    strongest.sort(key=lambda candidate: _rank_of(candidate.mapping), reverse=True)
    kept: list[Candidate] = []
    spoken: dict[str, Hashable] = {}
    for candidate in strongest:
        said = claim(candidate)
        if spoken.setdefault(candidate.mapping.origin, said) == said:
            kept.append(candidate)
    return kept


def _is_proven_here(mapping: Mapping, own_origin: str) -> bool:
    """Whether a member of this instance has proven the X account, by id or by handle."""
    return mapping.origin == own_origin and mapping.strength >= Strength.HANDLE
