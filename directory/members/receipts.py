"""The receipt of a member who left: what was deleted here, and what happens elsewhere."""

import enum
from datetime import datetime

import msgspec

from directory.accounts import AccountNetwork
from directory.mappings import Network


class Elsewhere(enum.StrEnum):
    """What happens to a withdrawn mapping at the peers. Stable codes."""

    NEVER_SHARED = "never-shared"
    """It was never in the log: no peer has it."""
    REVOKED = "revoked"
    """Our log revokes it, and peers delete it at their next visit: those that cannot reach us hide it after
    7 days and purge it after 30."""


class Withdrawn(msgspec.Struct, frozen=True):
    """A withdrawn mapping."""

    x_handle: str
    network: Network
    target_handle: str
    elsewhere: Elsewhere


class HandedOver(msgspec.Struct, frozen=True):
    """A token that its network is asked to revoke; tried again for 30 days where the network cannot be reached."""

    network: AccountNetwork
    issuer: str


class Receipt(msgspec.Struct, frozen=True):
    """The receipt of an erasure, shown once and not kept. `deleted` counts rows by the name of their table."""

    erased_at: datetime
    withdrawn: tuple[Withdrawn, ...]
    revoked: tuple[HandedOver, ...]
    deleted: dict[str, int]
