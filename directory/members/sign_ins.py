"""A sign-in under way at a network: for one browser, one purpose, one use, ten minutes."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from directory.accounts import AccountNetwork
from directory.networks.port import Purpose
from directory.vault import Context, Secret

SIGN_IN_LIFE: Final = timedelta(minutes=10)
MAX_SIGN_INS: Final = 10
"""Sign-ins that one browser may have under way; a new one replaces the oldest."""
MIN_STATE_CHARS: Final = 20
MAX_STATE_CHARS: Final = 512


class SignIn(msgspec.Struct, frozen=True):
    """What is kept of a sign-in that began. `member` is who was signed in then, never a parameter of a request.

    `secrets` are the network's: verifier, keys, issuer, and where to go afterwards.
    """

    purpose: Purpose
    network: AccountNetwork
    member: UUID | None
    secrets: Secret


def sign_in_context(row: UUID) -> Context:
    return Context("sign-in", row)
