"""What a member agrees to: each thing apart, in a numbered version, given and withdrawn with its date."""

import enum
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from directory.members.errors import ConsentOutdated

KEEP_FOR: Final = timedelta(days=365)
"""How long a kept follow list is kept, unless the consent is renewed."""


class ConsentKind(enum.IntEnum):
    """The things that are asked for. The numbers are stored."""

    PUBLISH = 1
    KEEP_FOLLOW_LIST = 2
    ANNOUNCE_NEWCOMERS = 3

    @property
    def label(self) -> str:
        return self.name.lower()


class ConsentEnd(enum.IntEnum):
    """How a consent came to its end. The numbers are stored."""

    WITHDRAWN = 1
    RENEWED = 2
    EXPIRED = 3

    @property
    def label(self) -> str:
        return self.name.lower()


PRESENT_VERSION: Final = {
    ConsentKind.PUBLISH: 1,
    ConsentKind.KEEP_FOLLOW_LIST: 1,
    ConsentKind.ANNOUNCE_NEWCOMERS: 1,
}
"""Raise a number when the text that people agree to changes its meaning."""

_LIFE: Final = {ConsentKind.KEEP_FOLLOW_LIST: KEEP_FOR}


class Consent(msgspec.Struct, frozen=True):
    """One agreement. It is never changed but ended: together they are the history."""

    member: UUID
    kind: ConsentKind
    version: int
    given_at: datetime
    expires: datetime | None
    ended_at: datetime | None
    ended_by: ConsentEnd | None

    def holds(self, now: datetime) -> bool:
        return self.ended_at is None and (self.expires is None or now < self.expires)


def check_version(kind: ConsentKind, version: int) -> None:
    """Raises ConsentOutdated on a text other than the present one."""
    if version != PRESENT_VERSION[kind]:
        raise ConsentOutdated(f"version {version} of {kind.label} was agreed to, not {PRESENT_VERSION[kind]}")


def expiry_of(kind: ConsentKind, given_at: datetime) -> datetime | None:
    """Until when a consent holds by itself."""
    life = _LIFE.get(kind)
    return given_at + life if life is not None else None
