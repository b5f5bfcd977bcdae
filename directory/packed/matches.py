"""Matches as bytes: who was found of a long list, while its page or its file is made."""

from datetime import datetime
from typing import Any, Final

import msgspec

from directory.doubts import Doubt
from directory.identifiers import Acct, ActorUri, AtHandle, Did, XHandle, XId
from directory.mappings import Evidence, Mapping, Network, Strength
from directory.origins import Standing
from directory.packed.queries import QueryParts, parts_of_query, query_of_parts
from directory.packed.sequence import Packed
from directory.queries import Lists
from directory.ranking import Answer, Match, MatchedBy

MappingParts = tuple[
    int | None,
    str,
    Network,
    str,
    tuple[str, ...],
    Strength,
    tuple[Evidence, ...],
    str,
    int | None,
    datetime,
    datetime,
    Standing,
    bool,
    bool,
    bool,
    bool,
]
"""The fields of `Mapping` in their order; what packs them knows enums, and finds their members faster than any code here. A label is one text on Bluesky, and two on Mastodon: user and host."""
AnswerParts = tuple[MappingParts, MatchedBy, bool, tuple[str, ...], Doubt | None, int]
"""The fields of `Answer` in their order. Lists are a number, 0 for none."""

_decoder: Final = msgspec.msgpack.Decoder(tuple[QueryParts, tuple[AnswerParts, ...]])


class PackedMatches(Packed[Match]):
    """Matches, in the order in which they were found.

    A match takes 1,100 bytes as it is, and 220 packed: the few take less than three megabytes.
    """

    __slots__ = ()

    FEW = 2_500

    @staticmethod
    def _taken_apart(value: Match) -> tuple[Any, ...]:
        return parts_of_query(value.query), tuple([_parts_of_answer(answer) for answer in value.answers])

    @staticmethod
    def _made_of(packed: bytearray) -> Match:
        query, answers = _decoder.decode(packed)
        return Match(query_of_parts(query), tuple([_answer_of(parts) for parts in answers]))


def _parts_of_answer(answer: Answer) -> AnswerParts:
    return (
        _parts_of_mapping(answer.mapping),
        answer.matched_by,
        answer.disputed,
        answer.agreeing,
        answer.name_doubt,
        answer.refused_as.value if answer.refused_as is not None else 0,
    )


def _answer_of(parts: AnswerParts) -> Answer:
    mapping, matched_by, disputed, agreeing, doubt, refused_as = parts
    refused = Lists(refused_as) if refused_as else None
    return Answer(_mapping_of(mapping), matched_by, disputed, agreeing, doubt, refused)


def _parts_of_mapping(mapping: Mapping) -> MappingParts:
    x_id, label = mapping.x_id, mapping.target_handle
    return (
        x_id.value if x_id is not None else None,
        mapping.x_handle.value,
        mapping.network,
        mapping.target_id.value,
        (label.user, label.host) if isinstance(label, Acct) else (label.value,),
        mapping.strength,
        mapping.evidence,
        mapping.origin,
        mapping.leaf,
        mapping.issued,
        mapping.expires,
        mapping.standing,
        mapping.is_contested,
        mapping.answers_by_name,
        mapping.is_stale,
        mapping.is_checked,
    )


def _mapping_of(parts: MappingParts) -> Mapping:
    (
        x_id,
        handle,
        network,
        target,
        label,
        strength,
        evidence,
        origin,
        leaf,
        issued,
        expires,
        standing,
        is_contested,
        answers_by_name,
        is_stale,
        is_checked,
    ) = parts
    is_mastodon = len(label) == 2
    return Mapping(
        XId(x_id) if x_id is not None else None,
        XHandle(handle),
        network,
        ActorUri(target) if is_mastodon else Did(target),
        Acct(*label) if is_mastodon else AtHandle(*label),
        strength,
        evidence,
        origin,
        leaf,
        issued,
        expires,
        standing,
        is_contested,
        answers_by_name,
        is_stale,
        is_checked,
    )
