"""Names what a file is that was taken for a ZIP and is none."""

import re
from typing import Final

from directory.archive.problems import ArchiveProblem

SNIFFED_BYTES: Final = 512

_PACKED: Final = (
    (0, b"Rar!"),
    (0, b"7z\xbc\xaf\x27\x1c"),
    (0, b"\x1f\x8b"),
    (0, b"BZh"),
    (0, b"\xfd7zXZ"),
    (0, b"\x28\xb5\x2f\xfd"),
    (257, b"ustar"),
)
_PAGE = re.compile(rb"\s*(?:<!doctype\s+html|<html|<head|<\?xml|<!--)", re.IGNORECASE)
_SPLIT = re.compile(r"\.(?:zip\.[0-9]{3}|z[0-9]{2})\Z", re.IGNORECASE | re.ASCII)
_BOM: Final = b"\xef\xbb\xbf"


def problem_of_file(head: bytes, name: str) -> ArchiveProblem:
    """Names a file that has no end of a ZIP, by its first bytes and its name."""
    if not head:
        return ArchiveProblem.FILE_EMPTY
    if _SPLIT.search(name) or head.startswith(b"PK\7\x08"):
        return ArchiveProblem.ZIP_SPLIT
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return ArchiveProblem.ZIP_TRUNCATED
    if any(head[at:].startswith(magic) for at, magic in _PACKED):
        return ArchiveProblem.NOT_A_ZIP_PACKED
    is_page = _PAGE.match(head.removeprefix(_BOM)) is not None
    return ArchiveProblem.NOT_A_ZIP_PAGE if is_page else ArchiveProblem.NOT_A_ZIP
