import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from federation.errors import InvalidBundle, InvalidProof, InvalidTile
from federation.tlog.bundles import decode_bundle, encode_bundle
from federation.tlog.growth import Edge, grow
from federation.tlog.merkle import CompactRange, leaf_hash, verify_consistency, verify_inclusion
from federation.tlog.reading import TileHashes, consistency_tiles, inclusion_tiles, root_tiles
from federation.tlog.tiles import (
    Bundle,
    Tile,
    bundle_at,
    bundles_added,
    parse_path,
    right_edge,
    tile_at,
    tiles_added,
)
from tests.federation.strategies import raises_only, spoiled, spoiled_text
from tests.federation.tlog.naive import make_entries, naive_consistency, naive_inclusion, naive_root

ENTRIES = make_entries(700)
LEAVES = b"".join(map(leaf_hash, ENTRIES))
BIG = 70_000
BIG_LEAVES = b"".join(leaf_hash(entry) for entry in make_entries(BIG))
BIG_GROWTH = grow(Edge.empty(), BIG_LEAVES)
BIG_TILES = dict(BIG_GROWTH.tiles)

tile_places = st.one_of(
    st.builds(Tile, st.just(0), st.integers(0, 10**15), st.integers(1, 256)),
    st.builds(Tile, st.integers(0, 5), st.integers(0, 2_000), st.integers(1, 256)),
    st.builds(Bundle, st.integers(0, 10**15), st.integers(1, 256)),
)


@given(tile_places)
def test_paths_are_read_as_they_are_written(place: Tile | Bundle) -> None:
    assert parse_path(str(place)) == place
    assert type(place).parse(str(place)) == place


@given(st.text(max_size=60) | tile_places.flatmap(lambda place: spoiled_text(str(place))))
@example("tile/0/x000/005")
@example("tile/0/5")
@example("tile/0/005.p/0")
@example("tile/0/005.p/256")
@example("tile/0/005.p/07")
@example("tile/00/005")
@example("tile/8/000.p/1")
@example("tile/7/127")
@example("tile/0/\u0660\u0660\u0665")
@example("tile/0/005\n")
@example("/tile/0/005")
@example("tile/0/../000")
@example("tile/entries/x999/x999/x999/x999/x999/x999/999")
def test_other_texts_are_no_paths(path: str) -> None:
    for parse in (parse_path, Tile.parse, Bundle.parse):
        place = raises_only(InvalidTile, parse, path)
        assert place is None or str(place) == path


def test_the_examples_of_the_specification() -> None:
    assert str(Tile(0, 1_234_067)) == "tile/0/x001/x234/067"
    assert str(Bundle(1_234_067, 8)) == "tile/entries/x001/x234/067.p/8"
    added = list(tiles_added(0, 70_000))
    assert sum(tile.level == 0 and tile.width == 256 for tile in added) == 273
    assert right_edge(70_000) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert [tile for tile in added if tile.level == 1] == [Tile(1, 0), Tile(1, 1, 17)]
    assert list(tiles_added(0, 256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert not [*tiles_added(0, 0), *bundles_added(0, 0), *right_edge(0)]
    assert list(bundles_added(255, 513)) == [Bundle(0), Bundle(1), Bundle(2, 1)]


def test_a_tile_beyond_the_tree_is_none() -> None:
    for level, index in ((0, 274), (1, 2), (2, 1), (3, 0), (8, 0)):
        with pytest.raises(InvalidTile):
            tile_at(70_000, level, index)
    with pytest.raises(InvalidTile):
        bundle_at(512, 2)


@given(st.lists(st.integers(0, 300), max_size=8))
def test_any_batches_write_the_tiles_of_the_naive_tree(batches: list[int]) -> None:
    """Each tile is compared with hashes that the naive tree makes of the entries below it."""
    served: dict[Tile, bytes] = {}
    edge = Edge.empty()
    for batch in batches:
        old = edge.size
        growth = grow(edge, LEAVES[old * 32 : (old + batch) * 32])
        edge = growth.edge
        assert [tile for tile, _ in growth.tiles] == list(tiles_added(old, edge.size))
        served.update(growth.tiles)
        assert edge.root() == naive_root(ENTRIES[: edge.size])
        assert Edge.load(edge.size, served.__getitem__) == edge
    for tile, data in served.items():
        span = 256**tile.level
        first = tile.index * 256
        expected = [naive_root(ENTRIES[n * span : (n + 1) * span]) for n in range(first, first + tile.width)]
        assert data == b"".join(expected)


def test_three_levels_of_tiles_make_the_same_root_however_they_grow() -> None:
    assert BIG_GROWTH.edge.root() == CompactRange.of(BIG_LEAVES).root()
    edge = Edge.empty()
    served: dict[Tile, bytes] = {}
    while edge.size < BIG:
        growth = grow(edge, BIG_LEAVES[edge.size * 32 : edge.size * 32 + 7_777 * 32])
        served.update(growth.tiles)
        edge = growth.edge
    assert edge == BIG_GROWTH.edge
    assert {tile: served[tile] for tile in BIG_TILES} == BIG_TILES


@given(st.integers(0, BIG - 1), st.integers(1, BIG))
def test_proofs_from_tiles_verify_and_need_only_the_tiles_they_name(index: int, old: int) -> None:
    root = BIG_GROWTH.edge.root()
    leaf = BIG_LEAVES[index * 32 : index * 32 + 32]
    fetched = {tile: BIG_TILES[tile] for tile in inclusion_tiles(index, BIG)}
    verify_inclusion(index, BIG, leaf, TileHashes.fetched(BIG, fetched).prove_inclusion(index), root)

    old_root = CompactRange.of(BIG_LEAVES[: old * 32]).root()
    fetched = {tile: BIG_TILES[tile] for tile in consistency_tiles(old, BIG)}
    proof = TileHashes.fetched(BIG, fetched).prove_consistency(old)
    verify_consistency(old, BIG, old_root, root, proof)


def test_the_right_edge_leads_to_the_root() -> None:
    fetched = {tile: BIG_TILES[tile] for tile in root_tiles(BIG)}
    assert list(fetched) == right_edge(BIG)
    hashes = TileHashes.fetched(BIG, fetched)
    hashes.check_root(BIG_GROWTH.edge.root())
    assert hashes.compact_range() == BIG_GROWTH.edge.range
    with pytest.raises(InvalidProof):
        hashes.check_root(bytes(32))


@given(st.data(), st.integers(1, 700))
def test_small_trees_prove_as_the_definition_says(data: st.DataObject, size: int) -> None:
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    tiles = dict(grow(Edge.empty(), LEAVES[: size * 32]).tiles)
    hashes = TileHashes(size, tiles.__getitem__)
    assert list(hashes.prove_inclusion(index)) == naive_inclusion(index, ENTRIES[:size])
    assert list(hashes.prove_consistency(old)) == naive_consistency(old, ENTRIES[:size])


@given(st.integers(1, 700), st.integers(1, 700))
def test_a_full_tile_may_stand_for_a_partial_one(one: int, two: int) -> None:
    """The full tile may have replaced the partial one meanwhile: only its first hashes count."""
    old, new = sorted([one, two])
    later = dict(grow(Edge.empty(), LEAVES[: new * 32]).tiles)
    then = dict(grow(Edge.empty(), LEAVES[: old * 32]).tiles)
    read = {tile: later.get(Tile(tile.level, tile.index), data) for tile, data in then.items()}
    TileHashes(old, read.__getitem__).check_root(naive_root(ENTRIES[:old]))


@pytest.mark.parametrize("length", [0, 31, 33, 95, 97, 3 * 32 + 8_192, 8_191, 8_193])
def test_a_tile_of_a_wrong_length_is_refused(length: int) -> None:
    with pytest.raises(InvalidTile):
        Tile(0, 0, 3).read(bytes(length))


entries = st.lists(st.binary(max_size=40), min_size=1, max_size=256)


@given(entries)
def test_bundles_are_read_as_they_are_written(parts: list[bytes]) -> None:
    data = encode_bundle(parts)
    assert decode_bundle(data, len(parts)) == parts
    full = encode_bundle([*parts, *[b"more"] * (256 - len(parts))])
    assert decode_bundle(full, len(parts)) == parts


@given(
    entries.flatmap(lambda parts: spoiled(encode_bundle(parts))) | st.binary(max_size=600),
    st.integers(1, 256),
)
@example(b"", 1)
@example(b"\x00", 1)
@example(b"\x00\x01", 1)
@example(b"\xff\xff" + bytes(65_534), 1)
@example(bytes(2 * 257), 256)
def test_other_bytes_are_no_bundles(data: bytes, width: int) -> None:
    parts = raises_only(InvalidBundle, lambda each: decode_bundle(each, width), data)
    if parts is not None:
        assert len(parts) == width
        assert data.startswith(encode_bundle(parts))


def test_what_no_bundle_can_hold_is_not_written() -> None:
    for parts in ([], [b""] * 257, [bytes(65_536)]):
        with pytest.raises(InvalidBundle):
            encode_bundle(parts)
