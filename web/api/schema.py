"""The bodies and answers of the public API as msgspec structs; the OpenAPI document is made from them."""

from datetime import date, datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from directory.doubts import Doubt
from directory.instance_settings import Registration
from directory.mappings import EvidenceKind, Network, Strength
from directory.profile_pages import profile_url
from directory.queries import Query
from directory.ranking import Answer, Match, MatchedBy
from federation.peers.heard import Freshness, State

MAX_API_PAIRS: Final = 10_000

StrengthLabel = Annotated[
    str, Meta(description="`bound`, `handle`, `linked` or `imported`; see DESIGN, strength.")
]


class XAccountOut(msgspec.Struct, frozen=True, gc=False):
    """An X account: the id is missing where only the handle was proven."""

    id: Annotated[str | None, Meta(description="The number of the account, as a string: it exceeds 2^53.")]
    handle: str | None


class EvidenceOut(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One piece of evidence: what was seen, when, and where it can be seen again."""

    kind: EvidenceKind
    at: datetime
    ref: str | None = None


class AnswerOut(msgspec.Struct, frozen=True, gc=False):
    """Where the X account is now, on one network."""

    x: XAccountOut
    network: Network
    id: Annotated[str, Meta(description="What stays: a DID on Bluesky, an actor URI on Mastodon.")]
    handle: Annotated[
        str, Meta(description="What people type today: `alice.bsky.social`, `alice@example.social`.")
    ]
    url: str
    strength: StrengthLabel
    matched_by: Annotated[MatchedBy, Meta(description="`id` or `handle`: which half of the query found it.")]
    may_follow: Annotated[
        bool, Meta(description="Whether it is sure enough to be followed without a person's tick.")
    ]
    doubt: Annotated[
        Doubt | None,
        Meta(
            description="Why a person has to look before they follow; null where `may_follow` is true. `disputed`:"
            " instances name different accounts. `limited`: only an instance says so that this one does not rely on."
            " `links-only`: profiles link to each other. `unchecked`: nobody proved it. `name-seen-long-ago`: only the"
            " handle matches, and you saw it more than a year before it was proven, or before the account with the"
            " number that you sent was proven under another handle. `name-of-unknown-age`: only the"
            " handle matches, and no day was sent on which you saw it, or one that cannot be true. `stale`: it is sure"
            " but for the silence of its instance; see `stale`."
        ),
    ]
    disputed: Annotated[
        bool,
        Meta(
            description="Instances name different accounts with equal strength, or one of them says that somebody"
            " else may have one of the accounts by now: never follow."
        ),
    ]
    evidence: list[EvidenceOut]
    origin: Annotated[str, Meta(description="The log that says it.")]
    stale: Annotated[
        bool,
        Meta(
            description="The origin has not been heard from for a day, so what it withdrew since is not known here: never"
            " follow without a person's tick."
        ),
    ]
    agreeing: Annotated[tuple[str, ...], Meta(description="Other origins that name the same account.")]
    leaf: Annotated[int | None, Meta(description="Its index in the log of its origin.")]
    issued: datetime
    expires: datetime


class QueryOut(msgspec.Struct, frozen=True, gc=False):
    """What was asked."""

    id: str | None
    handle: str | None
    seen: Annotated[date | None, Meta(description="The day on which the handle was seen, if it was sent.")]


class LookupOut(msgspec.Struct, frozen=True, gc=False):
    """One query and its answers; none where nobody has published where this account is."""

    query: QueryOut
    answers: list[AnswerOut]


class PairIn(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """One person: `[id, handle]` or `[id, handle, seen]`; `seen` is the day on which the handle was seen."""

    id: str | None
    handle: str | None
    seen: str | None = None


class MatchIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 10,000 people; the id or the handle of each may be null."""

    pairs: Annotated[list[PairIn], Meta(max_length=MAX_API_PAIRS)]


class MatchOut(msgspec.Struct, frozen=True):
    """Those of the people asked for who have an answer, in the order of the query."""

    asked: int
    found: int
    results: list[LookupOut]


class ReverseOut(msgspec.Struct, frozen=True):
    """The X accounts that an account belongs to."""

    account: str
    answers: list[AnswerOut]


class StatisticsOut(msgspec.Struct, frozen=True):
    """Counts of the moment `counted_at`: of some minutes ago, or longer where there are many to count."""

    people: int
    mappings: int
    by_network: dict[str, int]
    by_strength: dict[str, int]
    origins: int
    counted_at: datetime


class PeerOut(msgspec.Struct, frozen=True):
    """An instance that this one hears."""

    origin: Annotated[str, Meta(description="Its log, as it stands in answers.")]
    url: str
    state: Annotated[
        State,
        Meta(
            description="`followed`, or `limited`: shown with its name, and never followed without a person's tick."
        ),
    ]
    heard_at: Annotated[
        datetime | None, Meta(description="The time of its log when it was heard last; null: never.")
    ]
    freshness: Annotated[
        Freshness,
        Meta(
            description="`stale` after a day without a word; `silent` after 7: then its mappings do not answer."
        ),
    ]
    mappings: Annotated[int, Meta(description="How many of its mappings answer; as of the last count.")]


class PeersOut(msgspec.Struct, frozen=True):
    """The instances that this one hears, by name."""

    peers: list[PeerOut]


class InstanceOut(msgspec.Struct, frozen=True):
    """Who runs this instance, and its limits."""

    name: str
    description: str
    url: str
    contact: str
    rules: str
    languages: list[str]
    registration: Annotated[Registration, Meta(description="Whether somebody new may become a member.")]
    read_only: Annotated[bool, Meta(description="Whether members can change nothing at the moment.")]
    software: str
    version: str
    limits: dict[str, int]


def lookup_out(match: Match) -> LookupOut:
    """Converts a match to the API's struct."""
    return LookupOut(_query_out(match.query), [answer_out(answer) for answer in match.answers])


def _query_out(query: Query) -> QueryOut:
    return QueryOut(
        str(query.x_id) if query.x_id is not None else None,
        str(query.x_handle) if query.x_handle is not None else None,
        query.seen,
    )


_STRENGTH_LABELS = {strength: strength.label for strength in Strength}


def answer_out(answer: Answer) -> AnswerOut:
    """Converts an answer to the API's struct."""
    mapping = answer.mapping
    return AnswerOut(
        XAccountOut(str(mapping.x_id) if mapping.x_id is not None else None, str(mapping.x_handle)),
        mapping.network,
        str(mapping.target_id),
        str(mapping.target_handle),
        profile_url(mapping.target_id),
        _STRENGTH_LABELS[mapping.strength],
        answer.matched_by,
        answer.may_follow,
        answer.doubt,
        answer.disputed,
        [EvidenceOut(item.kind, item.at, item.ref) for item in mapping.evidence],
        mapping.origin,
        mapping.is_stale,
        answer.agreeing,
        mapping.leaf,
        mapping.issued,
        mapping.expires,
    )


def as_json(value: Any) -> bytes:
    """Encodes an answer."""
    return _encoder.encode(value)


_encoder = msgspec.json.Encoder()


class LiveOut(msgspec.Struct, frozen=True):
    """Whether the mapping of a leaf of a log still holds, as far as this instance knows."""

    origin: str
    leaf: int
    live: bool


class KeyOut(msgspec.Struct, frozen=True):
    """A public key, and its fingerprint in hex and in words that can be compared aloud."""

    key: str
    fingerprint: str
    words: str


class DescriptorOut(msgspec.Struct, frozen=True, kw_only=True):
    """`/.well-known/passerelle`. Not signed: operators compare the fingerprints."""

    v: int
    origin: str
    name: str
    description: str
    contact: str
    languages: list[str]
    software: str
    version: str
    url: str
    log: str
    federation: str
    """Where peers are answered (docs/protocol.md, section 16)."""
    rules: str
    operations: int
    """How many operations documents there are, below `log` at `operations/<number>`."""
    keys: dict[str, KeyOut]
