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
from directory.ranking import Answer, Match, MatchedBy

# Looked up, not called: an enum's constructor takes longer than the rest of a mapping.
_NETWORKS: Final = {network.value: network for network in Network}
_STRENGTHS: Final = {strength.value: strength for strength in Strength}
_STANDINGS: Final = {standing.value: standing for standing in Standing}
_MATCHED_BY: Final = {half.value: half for half in MatchedBy}
_DOUBTS: Final = {doubt.value: doubt for doubt in Doubt}

MappingParts = tuple[
    int | None,
    str,
    str,
    str,
    tuple[str, ...],
    int,
    tuple[Evidence, ...],
    str,
    int | None,
    datetime,
    datetime,
    int,
    bool,
    bool,
    bool,
    bool,
]
"""The fields of `Mapping` in their order. A label is one text on Bluesky, and two on Mastodon: user and host."""
AnswerParts = tuple[MappingParts, str, bool, tuple[str, ...], str | None]
"""The fields of `Answer` in their order."""

_decoder: Final = msgspec.msgpack.Decoder(tuple[QueryParts, tuple[AnswerParts, ...]])


class PackedMatches(Packed[Match]):
    """Matches, in the order in which they were found."""

    __slots__ = ()

    @staticmethod
    def _taken_apart(value: Match) -> tuple[Any, ...]:
        return parts_of_query(value.query), tuple([_parts_of_answer(answer) for answer in value.answers])

    @staticmethod
    def _made_of(packed: bytearray) -> Match:
        query, answers = _decoder.decode(packed)
        return Match(query_of_parts(query), tuple([_answer_of(parts) for parts in answers]))


def _parts_of_answer(answer: Answer) -> AnswerParts:
    doubt = answer.name_doubt
    return (
        _parts_of_mapping(answer.mapping),
        answer.matched_by.value,
        answer.disputed,
        answer.agreeing,
        doubt.value if doubt is not None else None,
    )


def _answer_of(parts: AnswerParts) -> Answer:
    mapping, matched_by, disputed, agreeing, doubt = parts
    return Answer(
        _mapping_of(mapping),
        _MATCHED_BY[matched_by],
        disputed,
        agreeing,
        _DOUBTS[doubt] if doubt is not None else None,
    )


def _parts_of_mapping(mapping: Mapping) -> MappingParts:
    x_id, label = mapping.x_id, mapping.target_handle
    return (
        x_id.value if x_id is not None else None,
        mapping.x_handle.value,
        mapping.network.value,
        mapping.target_id.value,
        (label.user, label.host) if isinstance(label, Acct) else (label.value,),
        mapping.strength.value,
        mapping.evidence,
        mapping.origin,
        mapping.leaf,
        mapping.issued,
        mapping.expires,
        mapping.standing.value,
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
        _NETWORKS[network],
        ActorUri(target) if is_mastodon else Did(target),
        Acct(*label) if is_mastodon else AtHandle(*label),
        _STRENGTHS[strength],
        evidence,
        origin,
        leaf,
        issued,
        expires,
        _STANDINGS[standing],
        is_contested,
        answers_by_name,
        is_stale,
        is_checked,
    )
