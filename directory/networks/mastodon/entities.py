"""What the Mastodon API tells of accounts and relationships: https://docs.joinmastodon.org/entities/

Read from what Mastodon.py makes of an answer, which holds None for whatever the server left out. Not trusted: a
server says what it likes.
"""

import re
from typing import Final, Self

import msgspec

from directory.errors import InvalidIdentifier
from directory.identifiers import Acct
from directory.networks.errors import BadAnswer
from directory.networks.mastodon.shown import parse_shown_acct

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""It becomes a part of an address: numbers (Mastodon, Takahē), ULIDs (GoToSocial), flake ids (Pleroma)."""
MAX_ACCOUNTS: Final = 200
"""Of one answer. Takahē gives 20 where one was asked for, and no server more than 80."""


class ApiAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account, as far as it is used here."""

    id: str = ""
    """Its name at the server that was asked, and at no other. Empty where it is none that fits into an address."""
    acct: str
    """Of the server's own accounts the bare name, but at Takahē, or the whole address."""
    uri: str | None = None
    """The actor URI; in Mastodon since 4.2."""
    moved: dict[str, object] | None = None
    """The account that this one moved to."""
    suspended: bool | None = None
    display_name: str | None = None
    note: str | None = None
    """HTML."""
    avatar: str | None = None
    avatar_static: str | None = None

    @classmethod
    def read(cls, read: object) -> Self:
        """Reads an account. Raises BadAnswer."""
        if not isinstance(read, dict):
            raise BadAnswer("", "the answer is no account", may_have_arrived=True)
        fields = {name: read[name] for name in cls.__struct_fields__ if read.get(name) is not None}
        fields["id"] = _id(read.get("id"))
        moved = fields.get("moved")
        fields["moved"] = {"acct": moved.get("acct")} if isinstance(moved, dict) else None
        try:
            return msgspec.convert(fields, cls)
        except msgspec.ValidationError:
            raise BadAnswer("", "the answer is no account", may_have_arrived=True) from None

    @classmethod
    def read_all(cls, read: object) -> list[Self]:
        """Reads a list of accounts. Raises BadAnswer."""
        if not isinstance(read, list):
            raise BadAnswer("", "the answer is no list", may_have_arrived=True)
        return [cls.read(one) for one in read[:MAX_ACCOUNTS]]

    def moved_acct(self, own: Acct, domain: str = "") -> Acct | None:
        """Returns the address that the account moved to; None where it did not. `domain` is that of the server that told it,
        where that is not the account's own."""
        if self.moved is not None and self.moved.get("acct") == self.acct:
            return None  # to itself, by whichever of its names
        return moved_acct(self.moved, own, domain)


class Relationship(msgspec.Struct, frozen=True):
    """How the account that asks stands to another."""

    id: str
    following: bool = False
    requested: bool = False
    blocking: bool = False
    blocked_by: bool = False
    muting: bool = False

    @classmethod
    def read(cls, read: object) -> Self:
        """Reads a row. Raises BadAnswer."""
        if not isinstance(read, dict):
            raise BadAnswer("", "the answer is no relationship", may_have_arrived=True)
        told = (name for name in cls.__struct_fields__ if name != "id")
        # Anything but true is no: servers leave fields out.
        return cls(_id(read.get("id")), **{name: read.get(name) is True for name in told})


def _id(value: object) -> str:
    """Returns an id as a plain text, empty where it does not fit into an address."""
    text = str(value) if isinstance(value, str | int) else ""
    return text if _ID.fullmatch(text) else ""


def moved_acct(moved: object, own: Acct, domain: str = "") -> Acct | None:
    """Returns the address of the account in the field `moved`, None where there is none, or it is `own`. Only its `acct` is
    read: on the domain of the server that told it, which is the account's own where none is given, it is the bare name."""
    name = moved.get("acct") if isinstance(moved, dict) else None
    if not isinstance(name, str):
        return None
    try:
        there = parse_shown_acct(name if "@" in name else f"{name}@{domain or own.host}")
    except InvalidIdentifier:
        return None
    return there if there.key != own.key else None
