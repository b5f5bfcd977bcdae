"""Puts into the database of one instance what it would have read of the log of another."""

from federation.protocol.entry import MappingEntry, parse_entry
from federation.protocol.log_state import read_own_checkpoint
from federation.protocol.peer_places import peer_place
from federation.tlog.bundles import decode_bundle
from federation.tlog.cosignature import cosign
from federation.tlog.tiles import bundles_added
from tests.harness.peers import PeerInstance


def hand_over(one: PeerInstance, two: PeerInstance, *, with_bodies: bool = True) -> None:
    """Gives `two` the log of `one`, as far as it is published now, as its tail and its witness keep it."""
    [state] = one.fetch("SELECT published FROM log_state")
    checkpoint = read_own_checkpoint(state["published"])
    tiles = {row["place"]: bytes(row["data"]) for row in one.fetch("SELECT place, data FROM log_tile")}
    bodies = one.fetch("SELECT leaf, salt, body FROM log_statement")
    documents = one.fetch("SELECT number, note, leaf FROM log_operations")
    note = bytes(state["published"])
    line = str(cosign(checkpoint, two.keys.read().witness, int(two.running.clock.now().timestamp())))

    async def run() -> None:
        async with two.running.database.transaction() as connection:
            log = await connection.fetchval(
                "UPDATE peer_log SET size = $2, root = $3, note = $4, bodies_size = $2 WHERE origin = $1 RETURNING id",
                one.origin,
                checkpoint.size,
                checkpoint.root,
                note,
            )
            await connection.execute("DELETE FROM peer_document WHERE log = $1", log)
            for row in documents:
                await connection.execute(
                    "INSERT INTO peer_document (log, number, note, leaf) VALUES ($1, $2, $3, $4)",
                    log,
                    row["number"],
                    row["note"],
                    row["leaf"],
                )
            for bundle in bundles_added(0, checkpoint.size):
                await connection.execute(
                    "INSERT INTO peer_bundle (place, data) VALUES ($1, $2) ON CONFLICT (place) DO UPDATE SET data = $2",
                    peer_place(log, bundle.index),
                    tiles[bundle.index][: bundle.width * 35],
                )
            for row in bodies if with_bodies else []:
                await connection.execute(
                    "INSERT INTO peer_statement (place, salt, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                    peer_place(log, row["leaf"]),
                    row["salt"],
                    row["body"],
                )
            await connection.execute(
                "INSERT INTO peer_witnessed (origin, size, root, note, at, line) VALUES ($1, $2, $3, $4, $5, $6)"
                " ON CONFLICT (origin) DO UPDATE SET size = $2, root = $3, note = $4, at = $5, line = $6",
                one.origin,
                checkpoint.size,
                checkpoint.root,
                note,
                two.running.clock.now(),
                line,
            )

    two.running.call(run)


def count_mappings(one: PeerInstance) -> int:
    """Counts the entries of the log that publish a mapping."""
    [state] = one.fetch("SELECT published_size FROM log_state")
    tiles = {row["place"]: bytes(row["data"]) for row in one.fetch("SELECT place, data FROM log_tile")}
    entries = [
        entry
        for bundle in bundles_added(0, state["published_size"])
        for entry in decode_bundle(tiles[bundle.index], bundle.width)
    ]
    return sum(isinstance(parse_entry(entry), MappingEntry) for entry in entries)
