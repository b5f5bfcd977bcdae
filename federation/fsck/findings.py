"""The faults that fsck finds in a log, and their places."""

import enum
from dataclasses import dataclass

from federation.tlog.tiles import Bundle, Tile


class Fault(enum.StrEnum):
    """The kinds of damage. Programs read the values: they are stable."""

    MISSING = "missing"
    """A tile or an entry bundle is missing."""
    WRONG_LENGTH = "wrong-length"
    """A tile or an entry bundle is longer or shorter than its width."""
    WRONG_PREFIX = "wrong-prefix"
    """An entry's length is not written as 33."""
    WRONG_HASH = "wrong-hash"
    """A hash in a tile is not that of what lies below it, and the tree above does not confirm it."""
    WRONG_ENTRY = "wrong-entry"
    """An entry does not hash to its leaf hash, which the tree above confirms."""
    WRONG_SUBTREE = "wrong-subtree"
    """A tile agrees with what lies below it, but not with the tree above."""
    WRONG_ROOT = "wrong-root"
    """Neither tiles nor entries lead to the root that was signed."""
    FIRST_ENTRY = "first-entry"
    """The log does not begin with an operations document."""
    OPERATIONS_MISSING = "operations-missing"
    OPERATIONS_MISMATCH = "operations-mismatch"
    """The operations document does not hash to its entry."""
    OPERATIONS_UNTRUSTED = "operations-untrusted"
    """The operations document does not follow from the one before."""
    OPERATIONS_STRAY = "operations-stray"
    """An operations document is stored under another number than its own, or at a leaf that introduces none."""
    WRONG_RECOVERY = "wrong-recovery"
    """A recovery document names another tree than the log had at that size, or a size that is not before it."""
    BODY_MISSING = "body-missing"
    """A leaf has no body, and no revoke names it."""
    BODY_MISMATCH = "body-mismatch"
    """Salt and body do not hash to the leaf's commitment."""
    BODY_NOT_ERASED = "body-not-erased"
    """A leaf is revoked, and its body is still stored."""
    SALT_NOT_ERASED = "salt-not-erased"
    """A body is erased, and its salt is still stored."""
    STRAY_ROW = "stray-row"
    """A salt or body belongs to no mapping's leaf, or is stored twice."""
    WRONG_REVOKE = "wrong-revoke"
    """A leaf is marked as revoked by an entry that does not revoke it, or with an unknown reason."""
    REVOKE_ROW = "revoke-row"
    """A row tells peers of a revoke that the log does not have, or one of the log's revokes has no row."""
    STRAY_TILE = "stray-tile"
    """Something is stored where a log of this size has neither tile nor entry bundle."""
    WRONG_STATE = "wrong-state"
    """The state row of the log contradicts what was signed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault and its place: a tile or bundle and the first wrong byte, or a leaf."""

    fault: Fault
    place: Tile | Bundle | None = None
    byte: int | None = None
    leaf: int | None = None
    detail: str = ""

    def __str__(self) -> str:
        where = [
            str(self.place or ""),
            "" if self.byte is None else f"byte {self.byte}",
            "" if self.leaf is None else f"leaf {self.leaf}",
        ]
        told = " ".join(filter(None, where))
        return ": ".join(filter(None, [told, f"{_SAID[self.fault]}{self.detail and f' ({self.detail})'}"]))


_SAID = {
    Fault.MISSING: "is missing",
    Fault.WRONG_LENGTH: "has a wrong length",
    Fault.WRONG_PREFIX: "the length of an entry is not 33",
    Fault.WRONG_HASH: "the hash is not that of what lies below",
    Fault.WRONG_ENTRY: "the entry does not hash to its leaf",
    Fault.WRONG_SUBTREE: "does not hash to the tile above it",
    Fault.WRONG_ROOT: "neither entries nor tiles lead to the signed root",
    Fault.FIRST_ENTRY: "the log does not begin with an operations document",
    Fault.OPERATIONS_MISSING: "the operations document is missing",
    Fault.OPERATIONS_MISMATCH: "the operations document does not match its entry",
    Fault.OPERATIONS_UNTRUSTED: "the operations document does not follow from the one before",
    Fault.OPERATIONS_STRAY: "an operations document does not belong there",
    Fault.WRONG_RECOVERY: "the recovery names a tree that the log never had before it",
    Fault.BODY_MISSING: "no body and no revoke",
    Fault.BODY_MISMATCH: "body does not match its commitment",
    Fault.BODY_NOT_ERASED: "revoked, but the body is still there",
    Fault.SALT_NOT_ERASED: "the body is gone, but the salt is still there",
    Fault.STRAY_ROW: "a salt or body that belongs to no mapping here",
    Fault.WRONG_REVOKE: "marked as revoked, by no entry that says so or for no reason that there is",
    Fault.REVOKE_ROW: "the rows that tell of revokes are not those of the log",
    Fault.STRAY_TILE: "something is kept where the log has nothing",
    Fault.WRONG_STATE: "the state of the log is wrong",
}
