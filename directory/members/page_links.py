"""Values of the proof by links: the lasting page of a member, and the checks of the links to it."""

import re
import secrets
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from directory.accounts import LinkedAccount
from directory.identifiers import XHandle
from directory.members.challenges import CheckState
from directory.x_names import X_NAME_CHARS

PAGE_CODE_CHARS: Final = X_NAME_CHARS + 4
"""120 bits. Longer than any X handle, and without a dot or an @: no handle on any network has this form."""
_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_PAGE_CODE = re.compile(f"[{_ALPHABET}]{{{PAGE_CODE_CHARS}}}")


class MemberPage(msgspec.Struct, frozen=True):
    """A member's page: the code in its address, and the accounts that it shows."""

    code: str
    accounts: tuple[LinkedAccount, ...]

    @property
    def new_accounts(self) -> tuple[LinkedAccount, ...]:
        """The accounts on new networks: all but the one on X."""
        return tuple(each for each in self.accounts if each.target is not None)


class LinkCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The check of the links of a member's profiles. `reason` is a code of `directory.proofs.link_verdict`, of the
    last attempt, or the code of the error that ended the check."""

    id: UUID
    member: UUID
    x_handle: XHandle
    state: CheckState
    attempts: int
    created: datetime
    next_at: datetime
    finished_at: datetime | None
    reason: str | None


class LinkJob(msgspec.Struct, frozen=True):
    """One attempt at a check, the page that the profiles have to link to, and the hosts of some of them."""

    check: LinkCheck
    page: MemberPage
    hosts: tuple[str, ...] = ()


def new_page_code() -> str:
    """Makes a page code that nobody can guess, and that no other page has."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(PAGE_CODE_CHARS))


def is_page_code(text: str) -> bool:
    """Whether a text has the form of a page code. No handle has."""
    return _PAGE_CODE.fullmatch(text) is not None
