"""What a backup holds: a description of it, a dump of the database, and the secret files of the data folder."""

import hashlib
import re
from datetime import datetime
from typing import Annotated, Final

import msgspec

from directory.secret_files import MAX_SECRET_BYTES
from directory.vault_keys import MAX_KEY_FILE_BYTES
from federation.keys.instance import FOLDER, MARK_FILE

FORMAT: Final = 1
DUMP: Final = "database.dump"
DESCRIPTION: Final = "description"
"""The last member. A file without it was cut off."""
MAX_DESCRIPTION_BYTES: Final = 1_048_576
MAX_MEMBERS: Final = 2_000
KEYS: Final = FOLDER
VAULT: Final = "vault"
MAX_FILE_BYTES: Final = {KEYS: MAX_SECRET_BYTES, VAULT: MAX_KEY_FILE_BYTES}
"""The largest secret file of a folder."""
LEFT_OUT: Final = frozenset({MARK_FILE, "lock"})
"""The mark belongs to the machine that signs: an older copy of it would let that machine sign other trees anew."""
_SECRET: Final = re.compile(
    r"(?P<folder>keys|keys-[a-z0-9.-]{1,200}|vault)/(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,120})"
)
_TABLE: Final = r"^[a-z][a-z0-9_]{0,62}$"
_HEX_CHARS: Final = 64


class MemberRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The size and the check sum of a member."""

    size: int
    sha256: str


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup says of itself."""

    format: int
    software: str
    """The version of Passerelle that made it."""
    made: datetime
    origin: str
    """The origin of the instance's log."""
    leaves: int
    """How many leaves of it were published."""
    migrations: dict[str, list[str]]
    """The migrations of the database, by app."""
    rows: dict[Annotated[str, msgspec.Meta(pattern=_TABLE)], int]
    """How many rows each table had at the moment of the dump."""
    members: dict[str, MemberRecord]

    @property
    def total_rows(self) -> int:
        return sum(self.rows.values())


_decoder: Final = msgspec.json.Decoder(Description)


def encode(description: Description) -> bytes:
    """Encodes a description: a line with its check sum, then JSON."""
    text = msgspec.json.format(msgspec.json.encode(description)) + b"\n"
    return hashlib.sha256(text).hexdigest().encode() + b"\n" + text


def decode(content: bytes) -> Description:
    """Decodes a description. Raises ValueError, with what is wrong."""
    stated, _, text = content.partition(b"\n")
    if len(stated) != _HEX_CHARS or hashlib.sha256(text).hexdigest().encode() != stated:
        raise ValueError("its description is damaged")
    found = msgspec.json.decode(text, type=_AnyFormat)
    if found.format != FORMAT:
        raise ValueError(f"it has the format {found.format}, which this version does not know")
    try:
        return _decoder.decode(text)
    except msgspec.ValidationError:
        raise ValueError("its description is not one of this format") from None


class _AnyFormat(msgspec.Struct):
    format: int = 0


def place_of(member: str) -> tuple[str, str] | None:
    """Returns the folder and the name of a secret file. None for a name that no member of a backup has."""
    match = _SECRET.fullmatch(member)
    if match is None or match["name"] in LEFT_OUT:
        return None
    return match["folder"], match["name"]


def max_bytes(folder: str) -> int:
    """Returns how large a secret file of this folder may be."""
    return MAX_FILE_BYTES[VAULT if folder == VAULT else KEYS]
