"""What an archive says of itself: whose it is (account.js) and which files it has (manifest.js).

Both are help, never proof: anyone can write them. Lenient in content, strict in form.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from directory.archive.members import LIST_OF_KIND, Kind, classify
from directory.archive.problems import ArchiveError, ArchiveProblem
from directory.errors import InvalidIdentifier
from directory.identifiers import XHandle, XId

MAX_PARTS_NAMED: Final = 1_000


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose archive it says it is."""

    x_id: XId | None
    x_handle: XHandle | None


def read_owner(json: Iterable[bytes], file: str) -> Owner | None:
    """The account in `[{"account": {"accountId", "username", …}}]`; the rest of it is not looked at.

    Raises ArchiveError(NOT_JSON).
    """
    document = _decode(json, file)
    account = _get(_first(document), "account")
    x_id, x_handle = _parse_x_id(_get(account, "accountId")), _parse_handle(_get(account, "username"))
    return Owner(x_id, x_handle) if x_id or x_handle else None


def read_list_files(json: Iterable[bytes], file: str) -> frozenset[str]:
    """The names of the files with lists of people in
    `{"dataTypes": {"following": {"files": [{"fileName": "data/following.js"}]}}}`.

    Raises ArchiveError(NOT_JSON).
    """
    data_types = _get(_decode(json, file), "dataTypes")
    names = (name for kind in LIST_OF_KIND for name in _file_names(_get(data_types, kind.value), kind))
    return frozenset(names)


def _file_names(data_type: object, kind: Kind) -> Iterator[str]:
    files = _get(data_type, "files")
    for entry in files[:MAX_PARTS_NAMED] if isinstance(files, list) else ():
        name = _get(entry, "fileName")
        base = name.rpartition("/")[2] if isinstance(name, str) else ""
        if (found := classify(base)) is not None and found[0] is kind:
            yield base


def _decode(json: Iterable[bytes], file: str) -> object:
    try:
        document: object = msgspec.json.decode(b"".join(json))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ArchiveError(ArchiveProblem.NOT_JSON, file) from error
    return document


def _first(document: object) -> object:
    return document[0] if isinstance(document, list) and document else None


def _get(document: object, key: str) -> object:
    return document.get(key) if isinstance(document, dict) else None


def _parse_x_id(text: object) -> XId | None:
    try:
        return XId.parse(text)
    except InvalidIdentifier:
        return None


def _parse_handle(text: object) -> XHandle | None:
    try:
        return XHandle.parse(text)
    except InvalidIdentifier:
        return None
