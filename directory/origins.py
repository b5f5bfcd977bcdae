"""The origins of mappings, and the standing of each with this instance.

A standing is a column of the origin, joined at each lookup: suspending a peer changes no mapping.
"""

import enum
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

STALE_AFTER: Final = timedelta(days=1)
"""The mappings of an origin without a fresh checkpoint for this long are shown as stale, and followed unseen by
nobody: what was withdrawn there since is not known here."""
HIDDEN_AFTER: Final = timedelta(days=7)
"""The mappings of an origin without a fresh checkpoint for this long do not answer until the next one (DESIGN, 5)."""


class Standing(enum.IntEnum):
    """The standing of an origin. The numbers are stored: never change them."""

    FOLLOWING = 0
    """Its mappings answer; our own log has this standing."""
    LIMITED = 1
    """Its mappings answer, are shown with their origin, and are never followed without a tick."""
    SUSPENDED = 2
    """Its mappings do not answer."""
    FROZEN = 3
    """Its mappings do not answer: it was found to contradict itself. Only an operator can lift this."""


class Authority(enum.Enum):
    """Who changes a standing: a person, or this software by itself."""

    OPERATOR = enum.auto()
    SOFTWARE = enum.auto()


ANSWERING: Final = frozenset({Standing.FOLLOWING, Standing.LIMITED})
"""The standings whose mappings answer."""

_BY_SOFTWARE: Final[Mapping[Standing, frozenset[Standing]]] = {
    Standing.FOLLOWING: frozenset({Standing.LIMITED, Standing.FROZEN}),
    Standing.LIMITED: frozenset({Standing.FROZEN}),
    Standing.SUSPENDED: frozenset({Standing.FROZEN}),
    Standing.FROZEN: frozenset(),
}


class Origin(msgspec.Struct, frozen=True):
    """A log that mappings come from. `heard_at` is the time of its last fresh checkpoint, None for our own while its
    database is whole."""

    name: str
    standing: Standing
    heard_at: datetime | None


def may_change(before: Standing, after: Standing, by: Authority) -> bool:
    """Whether `by` may change the standing of an origin. Software can only lower it."""
    return by is Authority.OPERATOR or after in _BY_SOFTWARE[before]
