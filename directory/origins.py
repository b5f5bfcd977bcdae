"""The origins of mappings, and how each stands with this instance.

A standing is a column of the origin, joined at each lookup: to suspend a peer rewrites no mapping.
"""

import enum
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

HIDDEN_AFTER: Final = timedelta(days=7)
"""An origin that was not heard of for so long answers no more, until it is heard again (DESIGN, 5)."""


class Standing(enum.IntEnum):
    """How an origin stands with this instance. The numbers are stored: never change them."""

    FOLLOWING = 0
    """Its mappings answer; our own log stands so."""
    LIMITED = 1
    """Its mappings are shown with their origin, and never followed without a tick."""
    SUSPENDED = 2
    """Its mappings do not answer."""
    FROZEN = 3
    """They do not answer: it was found to contradict itself. Only an operator lifts this."""


class Authority(enum.Enum):
    """Who changes a standing."""

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
    """A log that mappings come from. `heard_at` is the time of its last fresh checkpoint, missing for our own."""

    name: str
    standing: Standing
    heard_at: datetime | None


def may_change(before: Standing, after: Standing, by: Authority) -> bool:
    """Whether `by` may move an origin from one standing to another. Software only ever takes trust away."""
    return by is Authority.OPERATOR or after in _BY_SOFTWARE[before]
