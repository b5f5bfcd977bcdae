"""Stores the entries of the logs of peers, and which of their leaves are revoked. The caller holds a transaction.

Trusted: whoever can change these rows can hide that a leaf was revoked. The entries are believed under a signed root;
what answers is told apart, in the answers.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from directory.store.copying import copy_rows
from directory.store.database import Connection
from federation.protocol.entry import ENTRY_BYTES, STRIDE_BYTES, EntryType
from federation.protocol.kept_tree import KeptTree
from federation.protocol.peer_places import leaf_of, peer_place, peer_places
from federation.tlog.bundles import LENGTH_BYTES
from federation.tlog.tiles import TILE_WIDTH

BundleRow = tuple[int, bytes, bytes | None]
"""The number of a bundle, its entries, and the root over them where it is full."""

_ROOTS: Final = (
    "SELECT string_agg(root, ''::bytea ORDER BY place) FROM peer_bundle WHERE place >= $1 AND place < $2"
)
_LEAF_KIND: Final = f"get_byte(b.data, ((t.target % {TILE_WIDTH}) * {STRIDE_BYTES} + {LENGTH_BYTES})::int)"
_MAPPINGS_AMONG: Final = f"""
SELECT t.target FROM unnest($2::bigint[]) AS t (target)
JOIN peer_bundle b ON b.place = $1 + t.target / {TILE_WIDTH}
WHERE {_LEAF_KIND} = {EntryType.MAPPING.value}
"""
_FIND_ENTRY: Final = """
SELECT place, position($3 IN data) AS at FROM peer_bundle
WHERE place >= $1 AND place < $2 AND position($3 IN data) > 0 ORDER BY place LIMIT 1
"""


async def store_bundles(connection: Connection, log: int, bundles: Sequence[BundleRow]) -> None:
    """Stores the bundles of a step: the first one may have grown, the others are new."""
    (index, data, root), *new = bundles
    await connection.execute(
        "INSERT INTO peer_bundle (place, data, root) VALUES ($1, $2, $3)"
        " ON CONFLICT (place) DO UPDATE SET data = excluded.data, root = excluded.root",
        peer_place(log, index),
        data,
        root,
    )
    await copy_rows(
        connection,
        "peer_bundle",
        rows=[(peer_place(log, index), data, root) for index, data, root in new],
        columns=["place", "data", "root"],
    )


async def fetch_bundles(connection: Connection, log: int, first: int, end: int) -> dict[int, bytes]:
    """Fetches the entries of the bundles from number `first` up to `end`, by number."""
    rows = await connection.fetch(
        "SELECT place, data FROM peer_bundle WHERE place >= $1 AND place < $2 ORDER BY place",
        peer_place(log, first),
        peer_place(log, end),
    )
    return {leaf_of(row["place"]): row["data"] for row in rows}


async def fetch_roots(connection: Connection, log: int, count: int) -> bytes:
    """Fetches the roots of the first `count` bundles, all of which are full, as one run of hashes."""
    return await connection.fetchval(_ROOTS, peer_place(log, 0), peer_place(log, count)) or b""


async def fetch_kept_tree(connection: Connection, log: int, size: int, *smaller: int) -> KeptTree:
    """Fetches what the roots of the tree that was read, of `size` leaves, and at these smaller sizes are computed from."""
    roots = await fetch_roots(connection, log, size // TILE_WIDTH)
    bundles: dict[int, bytes] = {}
    for index in {each // TILE_WIDTH for each in (size, *smaller) if each % TILE_WIDTH}:
        bundles |= await fetch_bundles(connection, log, index, index + 1)
    return KeptTree(size, roots, bundles)


async def find_entry(connection: Connection, log: int, entry: bytes, first: int = 0) -> int | None:
    """Finds the first leaf with this entry. Reads the whole log, from bundle number `first` on. Returns None where there is
    none."""
    row = await connection.fetchrow(
        _FIND_ENTRY,
        peer_place(log, first),
        peer_places(log)[1],
        ENTRY_BYTES.to_bytes(LENGTH_BYTES, "big") + entry,
    )
    if row is None:
        return None
    return leaf_of(row["place"]) * TILE_WIDTH + (int(row["at"]) - 1) // STRIDE_BYTES


async def insert_revokes(connection: Connection, log: int, revokes: Mapping[int, int]) -> list[int]:
    """Inserts what revokes each target, where the target is a mapping that nothing has revoked yet.

    The bundles are stored already. Returns the targets that are revoked from now on.
    """
    if not revokes:
        return []
    rows = await connection.fetch(_MAPPINGS_AMONG, peer_place(log, 0), list(revokes))
    targets = [row["target"] for row in rows]
    inserted = await connection.fetch(
        "INSERT INTO peer_revoke (place, leaf) SELECT * FROM unnest($1::bigint[], $2::bigint[])"
        " ON CONFLICT (place) DO NOTHING RETURNING place",
        [peer_place(log, target) for target in targets],
        [revokes[target] for target in targets],
    )
    return sorted(leaf_of(row["place"]) for row in inserted)


async def fetch_revoked(connection: Connection, log: int, first: int, end: int) -> set[int]:
    """Fetches the leaves from `first` up to `end` that are revoked."""
    rows = await connection.fetch(
        "SELECT place FROM peer_revoke WHERE place >= $1 AND place < $2",
        peer_place(log, first),
        peer_place(log, end),
    )
    return {leaf_of(row["place"]) for row in rows}


async def cut_leaves(connection: Connection, log: int, size: int) -> list[int]:
    """Deletes entries and revokes from leaf `size` on. Returns the leaves before it whose revoke was given up."""
    last, width = divmod(size, TILE_WIDTH)
    _, end = peer_places(log)
    await connection.execute(
        "DELETE FROM peer_bundle WHERE place >= $1 AND place < $2", peer_place(log, last + bool(width)), end
    )
    if width:
        await connection.execute(
            "UPDATE peer_bundle SET data = substring(data FOR $2), root = NULL WHERE place = $1",
            peer_place(log, last),
            width * STRIDE_BYTES,
        )
    rows = await connection.fetch(
        "DELETE FROM peer_revoke WHERE place >= $1 AND place < $2 AND leaf >= $3 RETURNING place",
        peer_place(log, 0),
        end,
        size,
    )
    return sorted(leaf for leaf in (leaf_of(row["place"]) for row in rows) if leaf < size)
