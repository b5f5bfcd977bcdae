"""Consents of a member: each kind is given for a numbered version of its text, and given and ended with its date."""

import enum
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from directory.members.errors import ConsentOutdated

KEEP_FOR: Final = timedelta(days=365)
"""How long a follow list is kept, unless the consent is renewed."""


class ConsentKind(enum.IntEnum):
    """What a member can consent to. The numbers are stored."""

    PUBLISH = 1
    KEEP_FOLLOW_LIST = 2
    ANNOUNCE_NEWCOMERS = 3

    @property
    def label(self) -> str:
        return self.name.lower()


class ConsentEnd(enum.IntEnum):
    """How a consent ended. The numbers are stored."""

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
"""Raise a number when the meaning of the text changes."""

_LIFE: Final = {ConsentKind.KEEP_FOLLOW_LIST: KEEP_FOR}


class Consent(msgspec.Struct, frozen=True):
    """One consent. It is never changed but by ending it: together they are the history."""

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
    """Checks the version that was agreed to. Raises ConsentOutdated where it is not the present one."""
    if version != PRESENT_VERSION[kind]:
        raise ConsentOutdated(f"version {version} of {kind.label} was agreed to, not {PRESENT_VERSION[kind]}")


def expiry_of(kind: ConsentKind, given_at: datetime) -> datetime | None:
    """Returns when a consent expires; None where it does not."""
    life = _LIFE.get(kind)
    return given_at + life if life is not None else None
