"""Reads and writes the records of one account's repository: https://atproto.com/specs/repository.

Existing records are read by pages of 100 first: whoever has just come follows few, and a page holds nothing else. Who
has more than ten pages has the whole repository fetched as one file instead, where that is not above a cap: it holds
all posts and likes too. Above the cap the pages go on.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from directory.identifiers import Did
from directory.networks.bluesky import sdk
from directory.networks.bluesky.wire import LIMITS
from directory.networks.bluesky.xrpc import Refusal, Xrpc
from directory.networks.errors import BadAnswer
from directory.networks.limits import Limits

MAX_WRITES: Final = 200
PAGE: Final = 100
PAGES_BEFORE_CAR: Final = 10
MAX_PAGES: Final = 1_000
MAX_CAR_BYTES: Final = 8 * 1024 * 1024
"""Unpacked it takes some eight times that for a moment."""
CAR_LIMITS: Final = Limits(total_s=30.0, max_body_bytes=MAX_CAR_BYTES)

Write = Any
"""One write of a batch, as `create` makes it."""


class NotARepository(ValueError):
    """The file is no repository, or not a whole one."""


class Entry(msgspec.Struct, frozen=True):
    """A record that names somebody: its key, whom it names, and the list that it belongs to (empty for others)."""

    key: str
    subject: str
    list: str = ""


class Repo:
    """The repository of one account, at its server."""

    def __init__(self, xrpc: Xrpc, did: Did) -> None:
        self._xrpc = xrpc
        self._did = did.value

    def uri(self, collection: str, key: str) -> str:
        """Returns the address of a record."""
        return f"at://{self._did}/{collection}/{key}"

    async def create(self, records: Sequence[Write]) -> None:
        """Creates records: all of them, or none where this raises Refusal."""
        await self._write(records)

    async def delete(self, records: Sequence[tuple[str, str]]) -> None:
        """Deletes records, each given as collection and key: all of them, or none where this raises Refusal."""
        await self._write(
            [
                sdk.models.ComAtprotoRepoApplyWrites.Delete(collection=collection, rkey=key)
                for collection, key in records
            ]
        )

    async def has(self, collection: str, key: str) -> bool:
        """Tells whether a record is there."""
        params = {"repo": self._did, "collection": collection, "rkey": key}
        try:
            with self._xrpc.errors():
                await self._xrpc.api.com.atproto.repo.get_record(params)
        except Refusal as refusal:
            if refusal.name == "RecordNotFound":
                return False
            raise
        return True

    async def read_all(self, collection: str) -> list[Entry]:
        """Reads all records of a collection."""
        entries, cursor = await self._read_pages(collection, None, PAGES_BEFORE_CAR)
        if cursor is None:
            return entries
        whole = await self._read_car(collection)
        if whole is not None:
            return whole
        more, cursor = await self._read_pages(collection, cursor, MAX_PAGES)
        if cursor is not None:
            raise BadAnswer(self._xrpc.host, "has more records than we read", may_have_arrived=True)
        return entries + more

    async def read_newest(self, collection: str, pages: int) -> list[Entry]:
        """Reads the newest records of a collection: so many pages of 100."""
        entries, _ = await self._read_pages(collection, None, pages)
        return entries

    async def read_down_to(self, collection: str, key: str) -> list[Entry]:
        """Reads the records of a collection from the newest down to a key: those that were made since it was."""
        entries, _ = await self._read_pages(collection, None, MAX_PAGES, lowest=key)
        return entries

    async def _write(self, writes: Sequence[Write]) -> None:
        with self._xrpc.errors():
            await self._xrpc.api.com.atproto.repo.apply_writes(
                sdk.models.ComAtprotoRepoApplyWrites.Data(repo=self._did, writes=writes)
            )

    async def _read_pages(
        self, collection: str, cursor: str | None, pages: int, *, lowest: str = ""
    ) -> tuple[list[Entry], str | None]:
        """Reads pages, the newest first. Returns them with the cursor of the next page; None where there is none, or
        it lies below the `lowest` key."""
        entries: list[Entry] = []
        for _ in range(pages):
            page, cursor = await self._read_page(collection, cursor)
            entries += page
            if cursor is None or any(entry.key < lowest for entry in page):
                return entries, None
        return entries, cursor

    async def _read_page(self, collection: str, cursor: str | None) -> tuple[list[Entry], str | None]:
        params = {"repo": self._did, "collection": collection, "limit": PAGE, "cursor": cursor}
        with self._xrpc.errors():
            page = await self._xrpc.api.com.atproto.repo.list_records(params)
        entries = [_entry(record.uri.rpartition("/")[2], record.value) for record in page.records]
        is_last = not page.records or not page.cursor or page.cursor == cursor
        return entries, None if is_last else page.cursor

    async def _read_car(self, collection: str) -> list[Entry] | None:
        """Reads a collection out of the whole repository. Returns None where the server gives none that we read."""
        try:
            with self._xrpc.errors():
                car = await self._xrpc.api.com.atproto.sync.get_repo(
                    {"did": self._did}, extensions={LIMITS: CAR_LIMITS}
                )
            return await asyncio.to_thread(read_car, car, collection)
        except (NotARepository, BadAnswer, Refusal):
            return None


def create(collection: str, key: str, value: Any) -> Write:
    """Makes the write that creates a record."""
    return sdk.models.ComAtprotoRepoApplyWrites.Create(collection=collection, rkey=key, value=value)


def read_car(car: bytes, collection: str) -> list[Entry]:
    """Reads the records of a collection out of a repository. Raises NotARepository, also where a part is missing.

    The keys of a node of the tree share what their neighbours before them begin with. Each node is read once,
    whatever leads to it.
    """
    try:
        blocks, root = _blocks(car)
        return list(_walk(blocks, root, f"{collection}/".encode()))
    except (sdk.AtProtocolError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise NotARepository("the file is no repository, or not a whole one") from error


def _walk(blocks: Mapping[Any, Any], root: Any, prefix: bytes) -> Iterator[Entry]:
    waiting, seen = [root], {root}
    while waiting:
        below, leaves = _read_node(blocks[waiting.pop()])
        fresh = [cid for cid in below if cid not in seen]
        seen.update(fresh)
        waiting += fresh
        for key, value in leaves:
            if key.startswith(prefix):
                yield _entry(key.removeprefix(prefix).decode(), blocks[value])


def _blocks(car: bytes) -> tuple[Mapping[Any, Any], Any]:
    """Unpacks a file. Returns its blocks and the root of the tree."""
    file = sdk.CAR.from_bytes(car)
    commit = file.blocks.get(file.root)
    if not isinstance(commit, dict):
        raise TypeError("the file holds no commit")
    return file.blocks, _link(commit.get("data"))


def _read_node(node: object) -> tuple[list[Any], list[tuple[bytes, Any]]]:
    """Reads a node of the tree: the nodes below it, and its keys with what they lead to."""
    if not isinstance(node, dict) or not isinstance(node.get("e"), list):
        raise TypeError("the file lacks a part of the tree")
    below = [_link(node["l"])] if node.get("l") is not None else []
    leaves, key = [], b""
    for entry in node["e"]:
        key = key[: entry["p"]] + entry["k"]
        leaves.append((key, _link(entry["v"])))
        if entry.get("t") is not None:
            below.append(_link(entry["t"]))
    return below, leaves


def _link(value: object) -> Any:
    if not isinstance(value, bytes):
        raise TypeError("a link leads nowhere")
    return sdk.CID.from_decoded_bytes(value)


def _entry(key: str, record: Any) -> Entry:
    """Reads whom a record names; a record of another form names nobody."""
    return Entry(key, _text(record, "subject"), _text(record, "list"))


def _text(record: Any, name: str) -> str:
    try:
        value = record[name]
    except (sdk.AtProtocolError, KeyError, TypeError):
        return ""
    return value if isinstance(value, str) else ""
