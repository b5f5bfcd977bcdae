from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.fsck.bodies import BodyRow
from federation.fsck.bundle_hashing import HashedBundle, hash_bundle
from federation.fsck.check import check_log
from federation.fsck.findings import Fault, Finding
from federation.fsck.liveness import Liveness
from federation.fsck.operations import DocumentRow
from federation.keys.chain import MIN_BETWEEN_S, sign_operations
from federation.keys.changes import announce_key
from federation.protocol.entry import MappingEntry, OperationsEntry, RevokeEntry, encode_entry
from federation.protocol.statement import commitment
from federation.tlog.bundles import encode_bundle
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.growth import Edge, grow
from federation.tlog.merkle import leaf_hash
from federation.tlog.tiles import Bundle, Tile, bundle_at, bundles_added
from tests.vectors.fixed import LOG, NEXT, ORIGIN, STRANGER, TIME
from tests.vectors.of_operations import GENESIS

ANNOUNCED = announce_key(GENESIS, NEXT.vkey, TIME + MIN_BETWEEN_S)
NOTES = {
    0: bytes(sign_operations(GENESIS, [LOG])),
    5: bytes(sign_operations(ANNOUNCED, [LOG, NEXT])),
}


@dataclass
class Kept:
    """A stored log, which a test may damage."""

    checkpoint: Checkpoint
    entries: list[bytes]
    bundles: dict[Bundle, bytes]
    tiles: dict[Tile, bytes]
    rows: dict[int, tuple[bytes | None, bytes | None]]
    operations: dict[int, bytes]
    with_rows: bool = True
    rows_as_read: list[BodyRow] | None = None

    def find_bundle(self, bundle: Bundle) -> bytes | None:
        return self.bundles.get(bundle)

    def hash_bundle(self, _: Bundle, data: bytes) -> HashedBundle:
        return hash_bundle(data)

    def find_tile(self, tile: Tile) -> bytes | None:
        return self.tiles.get(tile)

    def read_operations(self) -> list[DocumentRow]:
        return [
            DocumentRow(number, note, leaf)
            for number, (leaf, note) in enumerate(sorted(self.operations.items()))
        ]

    def count_revokes(self) -> int:
        """Counts the revokes that take effect, as the log itself does."""
        return len(Liveness().extend(self.entries))

    def read_rows(self) -> Iterable[BodyRow] | None:
        return iter(self.rows_as_read or self.sorted_rows()) if self.with_rows else None

    def sorted_rows(self) -> list[BodyRow]:
        return [BodyRow(leaf, *self.rows[leaf]) for leaf in sorted(self.rows)]

    def check(self) -> list[Finding]:
        return list(check_log(self.checkpoint, self, log_key=LOG.vkey))


def make_log(size: int, documents: tuple[int, ...] = (0, 5)) -> Kept:
    """Makes a log: documents at leaves 0 and 5; every seventh leaf revokes the one three before; all else are mappings."""
    entries: list[bytes] = []
    rows: dict[int, tuple[bytes | None, bytes | None]] = {}
    for leaf in range(size):
        if leaf in documents:
            digest = (GENESIS if leaf == 0 else ANNOUNCED).digest
            entries.append(encode_entry(OperationsEntry(digest)))
        elif leaf % 7 == 6:
            entries.append(encode_entry(RevokeEntry(leaf - 3, 1)))
            rows[leaf - 3] = (None, None)
        else:
            salt, body = leaf.to_bytes(32, "big"), b"body of %d" % leaf
            entries.append(encode_entry(MappingEntry(commitment(salt, body))))
            rows[leaf] = (salt, body)
    growth = grow(Edge.empty(), b"".join(map(leaf_hash, entries)))
    bundles = {
        bundle: encode_bundle(entries[bundle.start : bundle.start + bundle.width])
        for bundle in bundles_added(0, size)
    }
    notes = {leaf: NOTES[leaf] for leaf in documents if leaf < size}
    return Kept(
        Checkpoint(ORIGIN, size, growth.edge.root()), entries, bundles, dict(growth.tiles), rows, notes
    )


SMALL, MIDDLE = make_log(10), make_log(600)


@cache
def large_log() -> Kept:
    """Makes a large log at the first test that asks: at collection each worker would."""
    return make_log(66_000)


def copy(log: Kept) -> Kept:
    return replace(
        log,
        bundles=dict(log.bundles),
        tiles=dict(log.tiles),
        rows=dict(log.rows),
        operations=dict(log.operations),
    )


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 512, 600, 65_536])
def test_a_sound_log_has_no_findings(size: int) -> None:
    log = make_log(size)
    assert log.check() == []
    assert list(check_log(log.checkpoint, replace(log, with_rows=False))) == []


def expect_in_bundle(bundle: Bundle, byte: int) -> Finding:
    place = byte // 35
    if byte % 35 < 2:
        return Finding(Fault.WRONG_PREFIX, bundle, byte, bundle.start + place)
    return Finding(Fault.WRONG_ENTRY, bundle, place * 35, bundle.start + place)


def test_every_single_bit_of_a_small_log_is_found_where_it_is() -> None:
    small = make_log(8, documents=(0,))
    for bundle, data in small.bundles.items():
        for bit in range(len(data) * 8):
            damaged = copy(small)
            damaged.bundles[bundle] = flip(data, bit)
            assert expect_in_bundle(bundle, bit // 8) in damaged.check()
    for tile, data in small.tiles.items():
        for bit in range(len(data) * 8):
            damaged = copy(small)
            damaged.tiles[tile] = flip(data, bit)
            assert damaged.check() == [Finding(Fault.WRONG_HASH, tile, bit // 8)]
    for leaf, (salt, body) in small.rows.items():
        for bit in range(len(salt or b"") * 8):
            damaged = copy(small)
            damaged.rows[leaf] = (flip(salt or b"", bit), body)
            assert damaged.check() == [Finding(Fault.BODY_MISMATCH, leaf=leaf)]
        for bit in range(len(body or b"") * 8):
            damaged = copy(small)
            damaged.rows[leaf] = (salt, flip(body or b"", bit))
            assert damaged.check() == [Finding(Fault.BODY_MISMATCH, leaf=leaf)]


def test_every_single_bit_of_the_signed_root_is_missed() -> None:
    for bit in range(256):
        damaged = copy(SMALL)
        damaged.checkpoint = replace(SMALL.checkpoint, root=flip(SMALL.checkpoint.root, bit))
        assert damaged.check() == [Finding(Fault.WRONG_ROOT, detail="size 10")]


def test_a_bit_of_every_byte_of_an_operations_document_is_found() -> None:
    for leaf, note in NOTES.items():
        for byte in range(len(note)):
            damaged = replace(copy(SMALL), with_rows=False)
            damaged.operations[leaf] = flip(note, byte * 8 + byte % 8)
            found = damaged.check()
            # A flipped bit in a line's name makes it another key's line, so that the key's own is missing.
            assert found
            assert found[0].leaf == leaf
            assert found[0].fault in {Fault.OPERATIONS_MISMATCH, Fault.OPERATIONS_UNTRUSTED}


@given(st.data())
def test_any_bit_of_larger_logs_is_found_where_it_is(data: st.DataObject) -> None:
    damaged = replace(copy(data.draw(st.sampled_from([MIDDLE] * 9 + [large_log()]))), with_rows=False)
    if data.draw(st.booleans()):
        bundle = data.draw(st.sampled_from(sorted(damaged.bundles)))
        bit = data.draw(st.integers(0, len(damaged.bundles[bundle]) * 8 - 1))
        damaged.bundles[bundle] = flip(damaged.bundles[bundle], bit)
        assert expect_in_bundle(bundle, bit // 8) in damaged.check()
    else:
        level = data.draw(st.integers(0, max(tile.level for tile in damaged.tiles)))
        tile = data.draw(st.sampled_from(sorted(tile for tile in damaged.tiles if tile.level == level)))
        bit = data.draw(st.integers(0, len(damaged.tiles[tile]) * 8 - 1))
        damaged.tiles[tile] = flip(damaged.tiles[tile], bit)
        assert damaged.check() == [Finding(Fault.WRONG_HASH, tile, bit // 8)]


def test_entry_and_tile_changed_together_are_found() -> None:
    """Whoever can write to the database changes an entry, and the hash of it beside it."""
    for leaf, size in ((300, 66_000), (10, 600)):
        damaged = copy(large_log() if size == 66_000 else MIDDLE)
        bundle = bundle_at(size, leaf // 256)
        entries = list(damaged.entries[bundle.start : bundle.start + bundle.width])
        entries[leaf % 256] = b"\x01" + bytes(32)
        damaged.bundles[bundle] = encode_bundle(entries)
        tile = Tile(0, bundle.index)
        damaged.tiles[tile] = b"".join(map(leaf_hash, entries))
        damaged.with_rows = False
        assert damaged.check() == [Finding(Fault.WRONG_SUBTREE, tile)]


def test_a_whole_right_edge_rewritten_is_found_by_the_root() -> None:
    """An attacker rewrites the newest entry and all tiles above it; the signed root remains."""
    entries = [*MIDDLE.entries[:-1], b"\x01" + bytes(32)]
    growth = grow(Edge.empty(), b"".join(map(leaf_hash, entries)))
    damaged = copy(MIDDLE)
    damaged.tiles = dict(growth.tiles)
    damaged.bundles[bundle_at(600, 2)] = encode_bundle(entries[512:])
    assert Finding(Fault.WRONG_ROOT, detail="size 600") in damaged.check()


@pytest.mark.parametrize("tile", [Tile(0, 0), Tile(0, 2, 88), Tile(1, 0, 2)])
def test_a_tile_that_is_gone_or_of_a_wrong_length_is_named_once(tile: Tile) -> None:
    damaged = copy(MIDDLE)
    del damaged.tiles[tile]
    assert damaged.check() == [Finding(Fault.MISSING, tile)]
    damaged.tiles[tile] = bytes(31)
    assert [(each.fault, each.place) for each in damaged.check()] == [(Fault.WRONG_LENGTH, tile)]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_bundle_that_is_gone_or_of_a_wrong_length_is_named_once(index: int) -> None:
    bundle = bundle_at(600, index)
    damaged = replace(copy(MIDDLE), with_rows=False)
    damaged.bundles[bundle] += b"\x00"
    assert [(each.fault, each.place) for each in damaged.check()][:1] == [(Fault.WRONG_LENGTH, bundle)]
    del damaged.bundles[bundle]
    assert damaged.check() == [Finding(Fault.MISSING, bundle)]


def test_bundle_and_tile_gone_together_do_not_spoil_the_rest() -> None:
    damaged = replace(copy(large_log()), with_rows=False)
    del damaged.bundles[Bundle(7)], damaged.tiles[Tile(0, 7)]
    assert damaged.check() == [Finding(Fault.MISSING, Bundle(7)), Finding(Fault.MISSING, Tile(0, 7))]


def test_nothing_at_all_is_told_as_missing() -> None:
    empty = Kept(MIDDLE.checkpoint, [], {}, {}, {}, {})
    assert {each.fault for each in empty.check()} == {Fault.MISSING}


def test_full_tiles_and_bundles_in_place_of_partial_ones_are_sound() -> None:
    """The log has grown since this checkpoint: the partial files are gone, the full ones are there."""
    log = copy(MIDDLE)
    for bundle in [each for each in log.bundles if each.width < 256]:
        log.bundles[bundle] = large_log().bundles[Bundle(bundle.index)]
    for tile in [each for each in log.tiles if each.width < 256]:
        log.tiles[tile] = large_log().tiles[Tile(tile.level, tile.index)]
    assert log.check() == []


@pytest.mark.parametrize("log", [SMALL, MIDDLE])
def test_bodies_are_there_exactly_while_their_leaf_holds(log: Kept) -> None:
    alive, revoked, revoke = 2, 3, 6
    for leaf, row, fault in [
        (alive, (None, None), Fault.BODY_MISSING),
        (alive, (None, b"body of 2"), Fault.BODY_MISMATCH),
        (alive, (bytes(32), b"body of 2"), Fault.BODY_MISMATCH),
        (alive, (bytes(31), b"body of 2"), Fault.BODY_MISMATCH),
        (revoked, (revoked.to_bytes(32, "big"), b"body of 3"), Fault.BODY_NOT_ERASED),
        (revoked, (revoked.to_bytes(32, "big"), None), Fault.SALT_NOT_ERASED),
        (revoke, (bytes(32), b"of nothing"), Fault.STRAY_ROW),
        (0, (bytes(32), b"of nothing"), Fault.STRAY_ROW),
        (10_000, (bytes(32), b"beyond"), Fault.STRAY_ROW),
    ]:
        damaged = copy(log)
        damaged.rows[leaf] = row
        assert damaged.check() == [Finding(fault, leaf=leaf)]


def test_a_row_that_is_not_there_is_erased() -> None:
    damaged = copy(MIDDLE)
    del damaged.rows[3], damaged.rows[4]
    assert damaged.check() == [Finding(Fault.BODY_MISSING, leaf=4)]


def test_rows_out_of_order_or_twice_are_strays() -> None:
    log = copy(MIDDLE)
    rows = log.sorted_rows()
    rows.insert(300, rows[2])
    rows.insert(40, rows[40])
    log.rows_as_read = rows
    assert sorted(each.leaf or 0 for each in log.check()) == sorted([rows[40].leaf, rows[2].leaf])


def test_operations_documents_are_followed_from_the_pinned_key() -> None:
    missing = copy(MIDDLE)
    del missing.operations[5]
    assert missing.check() == [Finding(Fault.OPERATIONS_MISSING, leaf=5)]

    swapped = copy(MIDDLE)
    swapped.operations[5] = NOTES[0]
    assert swapped.check() == [Finding(Fault.OPERATIONS_MISMATCH, leaf=5)]

    forged = copy(MIDDLE)
    forged.operations[5] = bytes(sign_operations(ANNOUNCED, [STRANGER]))
    assert [(each.fault, each.leaf) for each in forged.check()] == [(Fault.OPERATIONS_UNTRUSTED, 5)]

    other = list(check_log(MIDDLE.checkpoint, MIDDLE, log_key=STRANGER.vkey))
    assert [(each.fault, each.leaf) for each in other] == [
        (Fault.OPERATIONS_UNTRUSTED, 0),
        (Fault.OPERATIONS_UNTRUSTED, 5),
    ]


def test_a_log_begins_with_an_operations_document() -> None:
    entries = [encode_entry(MappingEntry(bytes(32)))]
    growth = grow(Edge.empty(), leaf_hash(entries[0]))
    log = Kept(
        Checkpoint(ORIGIN, 1, growth.edge.root()),
        entries,
        {bundle_at(1, 0): encode_bundle(entries)},
        dict(growth.tiles),
        {},
        {},
        with_rows=False,
    )
    assert log.check() == [Finding(Fault.FIRST_ENTRY, leaf=0)]


def test_findings_say_where_in_words() -> None:
    for finding, words in [
        (
            Finding(Fault.WRONG_HASH, Tile(1, 0, 2), 33),
            "tile/1/000.p/2 byte 33: the hash is not that of what lies below",
        ),
        (Finding(Fault.BODY_MISMATCH, leaf=7), "leaf 7: body does not match its commitment"),
        (Finding(Fault.BODY_MISSING, leaf=7), "leaf 7: no body and no revoke"),
        (
            Finding(Fault.WRONG_ROOT, detail="size 9"),
            "neither entries nor tiles lead to the signed root (size 9)",
        ),
        (
            Finding(Fault.WRONG_ENTRY, Bundle(0), 35, 1),
            "tile/entries/000 byte 35 leaf 1: the entry does not hash to its leaf",
        ),
    ]:
        assert str(finding) == words
    assert all(str(Finding(fault)) for fault in Fault)


def test_progress_is_told_leaf_by_leaf() -> None:
    told: list[int] = []
    assert list(check_log(MIDDLE.checkpoint, MIDDLE, progress=told.append)) == []
    assert told == [256, 512, 600]
