"""The 33-byte entries of a log: a type byte, and 32 bytes of commitment or content.

`0x01 || commitment` publishes a mapping without revealing it. `0x02 || target || reason || zeros`
revokes one. `0x03 || SHA-256(document)` introduces an operations document. An append-only log cannot
be refused at one index, so an entry that makes no sense is a no-op for everyone: `parse_entry` never
raises.
"""

import enum
from dataclasses import dataclass
from typing import Final

from federation.errors import InvalidEntry
from federation.tlog.merkle import MAX_TREE_SIZE

ENTRY_BYTES: Final = 33
STRIDE_BYTES: Final = 2 + ENTRY_BYTES
"""From one entry to the next in a bundle: each stands after its length."""
DIGEST_BYTES: Final = 32
_TARGET_BYTES: Final = 8
_REVOKE_ZEROS: Final = bytes(23)


class EntryType(enum.IntEnum):
    """The first byte of an entry. 0x04 is reserved, and any other is unknown."""

    MAPPING = 0x01
    REVOKE = 0x02
    OPERATIONS = 0x03


class RevokeReason(enum.IntEnum):
    """Why a leaf is revoked: told to peers beside the body until that is erased. An entry says UNSPECIFIED, always; one
    that says another reason, or an unknown one, revokes as well."""

    UNSPECIFIED = 0
    WITHDRAWN = 1
    """The member asked for it."""
    REPLACED = 2
    """A later leaf of this log replaces it: a renewal, or a change of handle."""
    LAPSED = 3
    """It expired, or its proof could not be renewed."""
    REFUTED = 4
    """Its proof was re-checked and does not hold."""
    MODERATED = 5
    """The operators removed it."""


@dataclass(frozen=True, slots=True)
class MappingEntry:
    """0x01: a mapping whose salt and body hash to `commitment` (32 bytes)."""

    commitment: bytes


@dataclass(frozen=True, slots=True)
class RevokeEntry:
    """0x02: revokes leaf `target` of the same log, from here on. `reason` is 0 to 255."""

    target: int
    reason: int


@dataclass(frozen=True, slots=True)
class OperationsEntry:
    """0x03: an operations document, whose text has the SHA-256 `digest`, is in force from here on."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class UnknownEntry:
    """Anything else: a no-op."""

    raw: bytes


_MAPPING_TYPE: Final = bytes([EntryType.MAPPING])

Entry = MappingEntry | RevokeEntry | OperationsEntry | UnknownEntry


def encode_entry(entry: Entry) -> bytes:
    """Encodes an entry, from which `parse_entry` returns the same value. Raises InvalidEntry where a field does not
    fit."""
    encoded = _encode(entry)
    if len(encoded) != ENTRY_BYTES or parse_entry(encoded) != entry:
        raise InvalidEntry(f"this cannot be written as an entry: {entry!r}")
    return encoded


def encode_mapping_entry(commitment: bytes) -> bytes:
    """Encodes a MappingEntry, as `encode_entry` does: a batch has thousands."""
    if len(commitment) != DIGEST_BYTES:
        raise InvalidEntry(f"a commitment is {DIGEST_BYTES} bytes long, not {len(commitment)}")
    return _MAPPING_TYPE + commitment


def _encode(entry: Entry) -> bytes:
    match entry:
        case MappingEntry(commitment):
            return encode_mapping_entry(commitment)
        case RevokeEntry(target, reason):
            if not 0 <= target <= MAX_TREE_SIZE or not 0 <= reason <= 255:
                raise InvalidEntry(f"leaf {target} cannot be revoked for reason {reason}")
            place = target.to_bytes(_TARGET_BYTES, "big")
            return bytes([EntryType.REVOKE]) + place + bytes([reason]) + _REVOKE_ZEROS
        case OperationsEntry(digest):
            return bytes([EntryType.OPERATIONS]) + digest
        case UnknownEntry(raw):
            return raw


def parse_entry(raw: bytes) -> Entry:
    """Parses one entry by itself. Whether a revoke takes effect is decided in `federation.fsck.liveness`."""
    if len(raw) != ENTRY_BYTES:
        return UnknownEntry(raw)
    match raw[0]:
        case EntryType.MAPPING:
            return MappingEntry(raw[1:])
        case EntryType.OPERATIONS:
            return OperationsEntry(raw[1:])
        case EntryType.REVOKE:
            return _parse_revoke(raw)
        case _:
            return UnknownEntry(raw)


def _parse_revoke(raw: bytes) -> RevokeEntry | UnknownEntry:
    target = int.from_bytes(raw[1 : 1 + _TARGET_BYTES], "big")
    if target >= MAX_TREE_SIZE or raw[-len(_REVOKE_ZEROS) :] != _REVOKE_ZEROS:
        return UnknownEntry(raw)
    return RevokeEntry(target, raw[1 + _TARGET_BYTES])
