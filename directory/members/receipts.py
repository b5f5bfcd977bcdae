"""What a member who left is told: what was deleted here, and what happens elsewhere."""

import enum
from datetime import datetime

import msgspec

from directory.accounts import AccountNetwork
from directory.mappings import Network


class Elsewhere(enum.StrEnum):
    """What becomes of a withdrawn mapping at the peers. Stable codes."""

    NEVER_SHARED = "never-shared"
    """No log ever said it: no peer has it."""
    REVOKED = "revoked"
    """Our log revokes it, and peers delete it at their next visit: those that cannot reach us hide it after
    7 days and purge it after 30."""


class Withdrawn(msgspec.Struct, frozen=True):
    """A mapping that answers no more."""

    x_handle: str
    network: Network
    target_handle: str
    elsewhere: Elsewhere


class HandedOver(msgspec.Struct, frozen=True):
    """A permission that its network is being told to forget; tried again for 30 days where it is away."""

    network: AccountNetwork
    issuer: str


class Receipt(msgspec.Struct, frozen=True):
    """Of an erasure. Nothing of it is kept: it is shown once. `deleted` counts rows by the name of their table."""

    erased_at: datetime
    withdrawn: tuple[Withdrawn, ...]
    revoked: tuple[HandedOver, ...]
    deleted: dict[str, int]
