"""Reads what an archive states of itself: its owner (account.js) and its files (manifest.js).

Both are help, never proof: anyone can write them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from directory.archive.files import LIST_OF_KIND, Kind
from directory.archive.problems import ArchiveError, ArchiveProblem
from directory.errors import InvalidIdentifier
from directory.identifiers import XHandle, XId
from directory.x_names import X_NAME

_COUNT: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Owner:
    """The account that an archive names as its owner. Not proven."""

    x_id: XId
    x_handle: XHandle | None

    def __str__(self) -> str:
        return f"@{self.x_handle}" if self.x_handle else str(self.x_id)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The owner, the number of rows of each list, and whether this is one part of several, as far as manifest.js says."""

    owner: Owner | None
    rows: dict[Kind, int]
    is_partial: bool


def read_account(json: Iterable[bytes], file: str) -> Owner | None:
    """Reads the first account in `[{"account": {"accountId", "username", …}}]`, and nothing else of it.

    Returns None where the list is empty. Raises ArchiveError: NOT_JSON, WRONG_SHAPE, NUMBERS_FOR_STRINGS, BAD_ID.
    """
    document = _decode(json, file)
    if not isinstance(document, list):
        raise ArchiveError(ArchiveProblem.WRONG_SHAPE, file)
    if not document:
        return None
    account = _get(document[0], "account")
    x_id = _get(account, "accountId")
    if isinstance(x_id, int | float):
        raise ArchiveError(ArchiveProblem.NUMBERS_FOR_STRINGS, file)
    if not isinstance(x_id, str):
        raise ArchiveError(ArchiveProblem.WRONG_SHAPE, file)
    try:
        return Owner(XId.parse(x_id), _parse_handle(_get(account, "username")))
    except InvalidIdentifier as error:
        raise ArchiveError(ArchiveProblem.BAD_ID, file) from error


def read_manifest(json: Iterable[bytes], file: str) -> Manifest:
    """Reads `{"userInfo": {"accountId", "userName"}, "dataTypes": {"following": {"files": [{"count": "7"}]}}}`.

    What is missing, or not as X writes it, is left out. Raises ArchiveError(NOT_JSON, WRONG_SHAPE).
    """
    document = _decode(json, file)
    if not isinstance(document, dict):
        raise ArchiveError(ArchiveProblem.WRONG_SHAPE, file)
    user = _get(document, "userInfo")
    x_id = _parse_x_id(_get(user, "accountId"))
    data_types = _get(document, "dataTypes")
    is_partial = _get(_get(document, "archiveInfo"), "isPartialArchive")
    return Manifest(
        Owner(x_id, _parse_handle(_get(user, "userName"))) if x_id else None,
        {kind: _count_rows(_get(data_types, kind.value)) for kind in LIST_OF_KIND},
        is_partial is True or is_partial == "true",
    )


def _count_rows(data_type: object) -> int:
    files = _get(data_type, "files")
    return sum(_count(_get(entry, "count")) for entry in files) if isinstance(files, list) else 0


def _count(count: object) -> int:
    """Reads a count, which X writes as a text. Returns 0 for what is none."""
    if isinstance(count, str) and _COUNT.fullmatch(count):
        return int(count)
    return max(0, count) if isinstance(count, int) and not isinstance(count, bool) else 0


def _decode(json: Iterable[bytes], file: str) -> object:
    try:
        document: object = msgspec.json.decode(b"".join(json))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ArchiveError(ArchiveProblem.NOT_JSON, file) from error
    return document


def _get(document: object, key: str) -> object:
    return document.get(key) if isinstance(document, dict) else None


def _parse_x_id(text: object) -> XId | None:
    try:
        return XId.parse(text)
    except InvalidIdentifier:
        return None


def _parse_handle(text: object) -> XHandle | None:
    return XHandle(text) if isinstance(text, str) and X_NAME.fullmatch(text) else None
