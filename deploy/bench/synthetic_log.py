"""Makes a log of millions of leaves in minutes: most of them have no body."""

import os
import random
import tempfile
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import asyncpg

from deploy.bench.databases import kept_database
from directory.store.copying import copy_rows
from federation.keys.instance import KeyFolder
from federation.own_log.genesis import make_genesis
from federation.protocol.entry import ENTRY_BYTES, STRIDE_BYTES
from federation.protocol.tile_places import place_of
from federation.store import log_rows
from federation.tlog.checkpoint import Checkpoint, sign_checkpoint
from federation.tlog.growth import Edge, grow
from federation.tlog.merkle import hash_leaves
from federation.tlog.tiles import TILE_WIDTH, Bundle

HOST: Final = "bench.example"
ORIGIN: Final = f"{HOST}/log"
CHUNK_LEAVES: Final = TILE_WIDTH * 256


async def synthetic_log(admin_dsn: str, leaves: int) -> str:
    """Makes a database with a log of so many leaves, kept for the next run. Returns its address."""

    async def fill(dsn: str) -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await _fill(connection, leaves)
        finally:
            await connection.close()

    return await kept_database(admin_dsn, f"passerelle_bench_log_{leaves}", fill)


async def _fill(connection: asyncpg.Connection, leaves: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        keys = KeyFolder(Path(folder) / "data")
        keys.make(HOST)
        first = keys.read()
    now = datetime.now(UTC)
    genesis = make_genesis(first, now)
    await log_rows.insert_state(connection, Checkpoint(ORIGIN, 0, bytes(32)), now)
    await log_rows.insert_operations(connection, 0, bytes(genesis))
    await log_rows.set_operations_leaf(connection, 0, 0)
    edge = Edge.empty()
    for start in range(0, leaves, CHUNK_LEAVES):
        count = min(CHUNK_LEAVES, leaves - start)
        entries = [b"\x01" + os.urandom(ENTRY_BYTES - 1) for _ in range(count)]
        if start == 0:
            entries[0] = b"\x03" + sha256(genesis.text.encode()).digest()
        growth = grow(edge, hash_leaves(entries))
        edge = growth.edge
        await log_rows.upsert_tiles(connection, growth.tiles)
        await copy_rows(connection, "log_tile", rows=_bundles(start, entries))
    checkpoint = Checkpoint(ORIGIN, leaves, edge.root())
    note = bytes(sign_checkpoint(checkpoint, [first.logs[0]]))
    await connection.execute(
        "UPDATE log_state SET staged_size = $1, staged_root = $2, signed = $3, published = $3,"
        " published_size = $1, ingested_size = $1",
        leaves,
        checkpoint.root,
        note,
    )
    sample = sorted(random.Random(0).sample(range(1, leaves), min(1_000, leaves - 1)))
    await log_rows.copy_statements(connection, [(leaf, bytes(32), b"{}") for leaf in sample])
    await connection.execute("VACUUM (ANALYZE)", timeout=None)


def _bundles(start: int, entries: list[bytes]) -> list[tuple[int, bytes]]:
    data = b"".join([ENTRY_BYTES.to_bytes(2, "big") + entry for entry in entries])
    full = TILE_WIDTH * STRIDE_BYTES
    return [
        (place_of(Bundle(start // TILE_WIDTH + number)), data[at : at + full])
        for number, at in enumerate(range(0, len(data), full))
    ]
