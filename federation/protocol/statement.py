"""What a mapping's leaf commits to: a body in canonical JSON, and the salt that hides it.

A body without its leaf proves nothing, and a leaf without salt and body reveals nothing: to erase
both is to erase the mapping, though the log keeps every byte.
"""

import re
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Final, Literal

import msgspec

from directory.errors import InvalidIdentifier
from directory.identifiers import Acct, ActorUri, AtHandle, Did, TargetHandle, TargetId, XHandle, XId
from directory.mappings import Evidence, EvidenceKind, Mapping, Network, Strength
from directory.proofs.strength import is_supported
from federation.errors import InvalidStatement
from federation.protocol import canonical
from federation.protocol.ext import Ext, ExtWire, ext_of, ext_to_wire, find_ext_fault

MAX_BODY_BYTES: Final = 4_000
SALT_BYTES: Final = 32
MAX_VALIDITY: Final = timedelta(days=180)
MAX_EVIDENCE: Final = 8
MAX_REF_CHARS: Final = 500
MAX_TIME_S: Final = 253_402_300_799
"""The last second of the year 9999."""
REFUSED_EVIDENCE: Final = frozenset({EvidenceKind.IMPORT, EvidenceKind.DEMO})
"""Kinds that make a body say nothing: neither is a proof."""
LOGGED_EVIDENCE: Final = frozenset(EvidenceKind) - REFUSED_EVIDENCE

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_NOT_WHOLE: Final = "a time is not in UTC and whole seconds since 1970"
_NO_TIME: Final = timedelta(0)
_from_seconds: Final = datetime.fromtimestamp
_seconds: Final = datetime.timestamp
# Looked up once: members of an enum are found slowly, and a first sync reads millions of bodies.
_BOUND: Final = Strength.BOUND
_LINKED: Final = Strength.LINKED
_COMMITMENT_PREFIX: Final = b"passerelle/mapping/v1\x00"


class Statement(msgspec.Struct, frozen=True, gc=False):
    """One mapping as a log publishes it. Times are in UTC and whole seconds.

    `x_id` is set exactly where the strength is BOUND: no other strength proves an id. The evidence supports the
    strength. What is contested is followed unseen by nobody. `ext` means nothing, and is kept.
    """

    x_id: XId | None
    x_handle: XHandle
    network: Network
    target_id: TargetId
    target_handle: TargetHandle
    strength: Strength
    evidence: tuple[Evidence, ...]
    issued: datetime
    expires: datetime
    is_contested: bool = False
    ext: Ext = ()

    def __post_init__(self) -> None:
        fault = _find_fault(self)
        if fault:
            raise InvalidStatement(f"this mapping cannot be said: {fault}")

    @classmethod
    def of(cls, mapping: Mapping) -> "Statement":
        """Makes the statement of a mapping; fractions of a second are dropped. Raises InvalidStatement."""
        return cls(
            mapping.x_id,
            mapping.x_handle,
            mapping.network,
            mapping.target_id,
            mapping.target_handle,
            mapping.strength,
            tuple([_said(item) for item in mapping.evidence]),
            _whole(mapping.issued),
            _whole(mapping.expires),
            mapping.is_contested,
        )

    def to_mapping(self, origin: str, leaf: int) -> Mapping:
        """Makes the mapping that leaf `leaf` of the log `origin` publishes."""
        return Mapping(
            self.x_id,
            self.x_handle,
            self.network,
            self.target_id,
            self.target_handle,
            self.strength,
            self.evidence,
            origin,
            leaf,
            self.issued,
            self.expires,
            is_contested=self.is_contested,
        )


def _said(item: Evidence) -> Evidence:
    """Returns a piece of evidence as a body says it: in whole seconds, and without names."""
    at = _whole(item.at)
    return item if at is item.at and not item.names else Evidence(item.kind, at, item.ref)


def _whole(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise InvalidStatement("this mapping cannot be said: a time has no zone")
    return time if _is_whole(time) else time.astimezone(UTC).replace(microsecond=0)


def _is_whole(time: datetime) -> bool:
    return time.tzinfo is UTC and time.microsecond == 0 and time >= _EPOCH


def _find_fault(statement: Statement) -> str | None:
    if not _is_whole(statement.issued) or not _is_whole(statement.expires):
        return _NOT_WHOLE
    if statement.strength not in _LABELS:
        return f"strength {statement.strength.label} never enters a log"
    if (statement.x_id is not None) != (statement.strength is _BOUND):
        return "an X id is told when it is proven, and only then"
    if (type(statement.target_id), type(statement.target_handle)) != _ACCOUNT_TYPES[statement.network]:
        return f"the account is not one of {statement.network}"
    if not _NO_TIME < statement.expires - statement.issued <= MAX_VALIDITY:
        return f"it holds for more than {MAX_VALIDITY.days} days, or for none"
    if not is_supported(statement.strength, statement.evidence, statement.network):
        return f"its evidence does not support the strength {statement.strength.label}"
    if statement.strength is _LINKED and not _is_link_of_handle(statement):
        return "the link on X is on the profile of another handle"
    return _find_evidence_fault(statement.evidence) or find_ext_fault(statement.ext)


def _is_link_of_handle(statement: Statement) -> bool:
    return any(piece.is_link_of(statement.x_handle) for piece in statement.evidence)


def _find_evidence_fault(evidence: tuple[Evidence, ...]) -> str | None:
    if not 1 <= len(evidence) <= MAX_EVIDENCE:
        return f"there is no evidence, or more than {MAX_EVIDENCE} pieces"
    for item in evidence:
        if not _is_whole(item.at):
            return _NOT_WHOLE
        if item.kind not in LOGGED_EVIDENCE:
            return f"evidence of the kind {item.kind} never enters a log"
        if item.ref is not None and not 1 <= len(item.ref) <= MAX_REF_CHARS:
            return f"a reference is empty, or longer than {MAX_REF_CHARS} characters"
    return None


_KNOWN_EVIDENCE: Final = {kind.value: kind for kind in EvidenceKind}
_ACCOUNT_TYPES: Final[dict[Network, tuple[type, type]]] = {
    Network.BLUESKY: (Did, AtHandle),
    Network.MASTODON: (ActorUri, Acct),
}

_ACCOUNT_PARSERS: Final[dict[Network, tuple[Callable[[str], TargetId], Callable[[str], TargetHandle]]]] = {
    Network.BLUESKY: (Did.parse, AtHandle.parse),
    Network.MASTODON: (ActorUri.parse, Acct.parse),
}
_LABELS: Final[dict[Strength, Literal["linked", "handle", "bound"]]] = {
    Strength.LINKED: "linked",
    Strength.HANDLE: "handle",
    Strength.BOUND: "bound",
}
_STRENGTHS: Final = {label: strength for strength, label in _LABELS.items()}


class _XWire(canonical.Wire, frozen=True):
    handle: str
    id: str | None = None


class _ToWire(canonical.Wire, frozen=True):
    handle: str
    id: str
    network: Network


_Time = Annotated[int, msgspec.Meta(ge=0, le=MAX_TIME_S)]


_KIND: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")


class _EvidenceWire(canonical.Wire, frozen=True):
    at: _Time
    kind: str
    """See `_KIND`, which is only asked about a kind that is not known: it takes longer than to decode the rest."""
    ref: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_REF_CHARS)] | None = None


class _BodyWire(canonical.Wire, frozen=True):
    evidence: Annotated[list[_EvidenceWire], msgspec.Meta(min_length=1, max_length=MAX_EVIDENCE)]
    expires: _Time
    issued: _Time
    strength: Literal["linked", "handle", "bound"]
    to: _ToWire
    v: Literal[1]
    x: _XWire
    contested: bool = False
    ext: ExtWire | None = None


_decoder: Final = msgspec.json.Decoder(_BodyWire)


def encode_statement(statement: Statement) -> bytes:
    """Encodes the body, at most 4,000 bytes, and makes sure that `parse_statement` reads the same statement from it. Raises
    InvalidStatement where the mapping cannot be encoded in that, or nobody could read it."""
    wire = _to_wire(statement)
    try:
        body = canonical.encode(wire)
        _check_read_back(statement, wire, body)
    except (ValueError, InvalidIdentifier) as e:
        raise InvalidStatement(f"this mapping cannot be said: {e}") from None
    if len(body) > MAX_BODY_BYTES:
        raise InvalidStatement(f"this mapping needs more than {MAX_BODY_BYTES} bytes")
    return body


def _check_read_back(statement: Statement, wire: _BodyWire, body: bytes) -> None:
    """Checks what parsing would, in half the time: the rest was checked as the statement was made."""
    parse_id, parse_handle = _ACCOUNT_PARSERS[statement.network]
    x_id = None if wire.x.id is None else XId.parse(wire.x.id)
    read = (x_id, XHandle.parse(wire.x.handle), parse_id(wire.to.id), parse_handle(wire.to.handle))
    if read != (statement.x_id, statement.x_handle, statement.target_id, statement.target_handle):
        raise ValueError("an identifier is not in its canonical form")
    if _decoder.decode(body) != wire:
        raise ValueError("it is read as something else")


def parse_statement(body: bytes) -> Statement:
    """Parses a body, which must be canonical. Raises InvalidStatement.

    Evidence of a kind that this version does not know is left out, and supports nothing.
    Check the commitment first, over the bytes as they were served: a body that is refused here
    may still be what its leaf commits to; the leaf is then a no-op, as an unknown entry is.
    """
    try:
        wire = canonical.decode(body, _decoder, MAX_BODY_BYTES)
        return _from_wire(wire)
    except (ValueError, InvalidIdentifier) as e:
        raise InvalidStatement(f"not the body of a mapping: {e}") from None


def make_salts(count: int) -> Iterator[bytes]:
    """Makes salts for so many leaves: 32 random bytes, new for each."""
    drawn = secrets.token_bytes(count * SALT_BYTES)
    return (drawn[at : at + SALT_BYTES] for at in range(0, len(drawn), SALT_BYTES))


def commitment(salt: bytes, body: bytes) -> bytes:
    """Computes what a leaf commits to: SHA-256 over a fixed prefix, the salt (32 bytes), and the body as served.

    Raises InvalidStatement where the salt is not 32 bytes long: the hash would not be binding.
    """
    if len(salt) != SALT_BYTES:
        raise InvalidStatement(f"a salt is {SALT_BYTES} bytes long, not {len(salt)}")
    return sha256(_COMMITMENT_PREFIX + salt + body).digest()


def _to_wire(statement: Statement) -> _BodyWire:
    return _BodyWire(
        evidence=[_EvidenceWire(int(_seconds(item.at)), item.kind, item.ref) for item in statement.evidence],
        expires=int(_seconds(statement.expires)),
        issued=int(_seconds(statement.issued)),
        strength=_LABELS[statement.strength],
        to=_ToWire(str(statement.target_handle), str(statement.target_id), statement.network),
        v=1,
        x=_XWire(str(statement.x_handle), None if statement.x_id is None else str(statement.x_id)),
        contested=statement.is_contested,
        ext=ext_to_wire(statement.ext),
    )


def _from_wire(wire: _BodyWire) -> Statement:
    parse_id, parse_handle = _ACCOUNT_PARSERS[wire.to.network]
    statement = Statement(
        None if wire.x.id is None else XId.parse(wire.x.id),
        XHandle.parse(wire.x.handle),
        wire.to.network,
        parse_id(wire.to.id),
        parse_handle(wire.to.handle),
        _STRENGTHS[wire.strength],
        _known_evidence(wire.evidence),
        _from_seconds(wire.issued, UTC),
        _from_seconds(wire.expires, UTC),
        wire.contested,
        ext_of(wire.ext),
    )
    # An identifier can be parsed from several spellings; only the one that `str()` writes is canonical.
    spelled = (str(statement.x_handle), str(statement.target_id), str(statement.target_handle))
    if spelled != (wire.x.handle, wire.to.id, wire.to.handle):
        raise ValueError("an identifier is not in its canonical form")
    return statement


def _known_evidence(wire: list[_EvidenceWire]) -> tuple[Evidence, ...]:
    known: list[Evidence] = []
    for item in wire:
        kind = _KNOWN_EVIDENCE.get(item.kind)
        if kind is not None:
            known.append(Evidence(kind, _from_seconds(item.at, UTC), item.ref))
        elif not _KIND.fullmatch(item.kind):
            raise ValueError("a kind of evidence is not a word")
    return tuple(known)
