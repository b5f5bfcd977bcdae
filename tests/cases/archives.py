"""The table of archives that every reader answers alike, and the recipes that its rows are made from.

A row of `archives.jsonl` names what is given (files by their paths, each with a recipe) and what comes out: the people
as `id,handle,lists,seen`, the notices, or the error with the file that it names.
"""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import msgspec

TABLE: Final = Path(__file__).parent / "archives.jsonl"
ROW_KEYS: Final = {"following": "following", "follower": "follower", "block": "blocking", "mute": "muting"}
GAP_BYTES: Final = 2**32


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of the table; without `doors` all of them take it."""

    case: str
    give: list[dict[str, Any]]
    people: list[str] = []
    owner: str = ""
    notices: list[str] = []
    bad_rows: int = 0
    left_out: list[str] = []
    error: list[str] = []
    doors: list[str] = msgspec.field(default_factory=lambda: ["browser", "form", "members", "match"])

    @property
    def outcome(self) -> "Outcome":
        return Outcome(
            tuple(self.error),
            tuple(self.people),
            self.owner,
            tuple(sorted(self.notices)),
            self.bad_rows,
            tuple(self.left_out),
        )


class Outcome(NamedTuple):
    """What a reader said: an error with its file, or all else."""

    error: tuple[str, ...]
    people: tuple[str, ...] = ()
    owner: str = ""
    notices: tuple[str, ...] = ()
    bad_rows: int = 0
    left_out: tuple[str, ...] = ()


def load_cases() -> list[Case]:
    return [msgspec.json.decode(line, type=Case) for line in TABLE.read_bytes().splitlines() if line]


def write_case(case: Case, folder: Path) -> None:
    """Writes what a row gives below `folder`. Names that end in `/` are folders only."""
    folder.mkdir(parents=True)
    for given in case.give:
        path = folder / given["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        if "far" in given:
            _write_far_zip(path, given["far"])
        else:
            path.write_bytes(content_of(given))


def content_of(recipe: Mapping[str, Any]) -> bytes:
    """Makes the bytes of a recipe: a file of an archive, a ZIP, or plain text, changed as the recipe says."""
    content: bytes = _plain(recipe)
    for old, new in recipe.get("replace", []):
        content = content.replace(old.encode(), new.encode())
    content = recipe.get("before", "").encode("latin-1") + content + recipe.get("after", "").encode("latin-1")
    if "encode" in recipe:
        content = content.decode().encode(recipe["encode"])
    return content[: int(recipe.get("cut", len(content)))]


def _plain(recipe: Mapping[str, Any]) -> bytes:
    if "zip" in recipe:
        return _zip(recipe["zip"])
    if "list" in recipe:
        return _list(recipe)
    if "account" in recipe:
        x_id, handle = recipe["account"]
        return _assign("account", [{"account": {"accountId": x_id, "username": handle}}])
    if "tweets" in recipe:
        return _assign(recipe.get("word", "tweets"), [{"tweet": _tweet(recipe["tweets"])}])
    if "manifest" in recipe:
        return b"window.__THAR_CONFIG = " + json.dumps(recipe["manifest"]).encode()
    return str(recipe["text"]).encode("latin-1")


def _list(recipe: Mapping[str, Any]) -> bytes:
    """Writes a list: `ids`, then `count` more from 1,000 on, then the `rows` as they are given."""
    name = recipe["list"]
    ids = [*recipe.get("ids", []), *(str(1_000 + number) for number in range(recipe.get("count", 0)))]
    rows = [{ROW_KEYS[name]: {"accountId": x_id}} for x_id in ids] + recipe.get("rows", [])
    content = _assign(name, rows, recipe.get("part", 0))
    raw_rows = "".join(f", {row}" for row in recipe.get("raw_rows", []))
    return content[:-1] + raw_rows.encode("latin-1") + b"]"


def _assign(word: str, content: object, part: int = 0) -> bytes:
    return f"window.YTD.{word}.part{part} = {json.dumps(content)}".encode()


def _tweet(mentions: Mapping[str, str]) -> dict[str, object]:
    named = [{"screen_name": handle, "id_str": x_id} for x_id, handle in mentions.items()]
    return {"id_str": str(10**18), "entities": {"user_mentions": named}}


def _zip(entries: list[dict[str, Any]]) -> bytes:
    """Packs entries. `method` is written over the true one, as a packer does whose method we lack."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in entries:
            name = zipfile.ZipInfo(entry["path"], (2024, 1, 1, 0, 0, 0))
            name.filename = entry["path"]
            name.compress_type = zipfile.ZIP_STORED if entry.get("stored") else zipfile.ZIP_DEFLATED
            with archive.open(name, "w") as member:
                member.write(content_of(entry))
    content = bytearray(buffer.getvalue())
    for entry in entries:
        if "method" in entry:
            at = content.rindex(entry["path"].encode()) - 46
            struct.pack_into("<H", content, at + 10, entry["method"])
    return bytes(content)


def _write_far_zip(path: Path, entries: list[dict[str, Any]]) -> None:
    """Writes a sparse ZIP as Finder makes it beyond 4 GiB: offsets of 32 bits that wrap, and no 64-bit fields.

    An entry with `gap` stands so many times 4 GiB further on.
    """
    directory = b""
    with path.open("wb") as file:
        for entry in entries:
            file.seek(file.tell() + entry.get("gap", 0) * GAP_BYTES)
            directory += _write_far_entry(file, entry)
        start, count = file.tell(), len(entries)
        file.write(directory)
        file.write(
            struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), start % GAP_BYTES, 0)
        )


def _write_far_entry(file: BinaryIO, entry: Mapping[str, Any]) -> bytes:
    content, offset = content_of(entry), file.tell()
    name: bytes = entry["path"].encode()
    sizes = (zlib.crc32(content), len(content), len(content), len(name))
    file.write(struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 0, *sizes, 0) + name + content)
    place = (0, 0, 0, 0, 0, offset % GAP_BYTES)
    return struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, *sizes, *place) + name
