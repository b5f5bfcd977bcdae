"""Tile paths, tiles, entry bundles, inclusion and consistency proofs, tlog-proofs."""

from hashlib import sha256

from federation.tlog.bundles import encode_bundle
from federation.tlog.growth import Edge, grow
from federation.tlog.merkle import EMPTY_ROOT
from federation.tlog.note import Note
from federation.tlog.proof import TlogProof
from federation.tlog.tiles import Bundle, Tile, tiles_added
from tests.vectors.fixed import (
    CHECKPOINT,
    COSIGNED,
    LEAVES,
    LOG,
    ORIGIN,
    SIGNED,
    WITNESS,
    Case,
    bad,
    base64,
    flip_base64,
    good,
    root,
    tree,
)


def tile_paths() -> list[Case]:
    places: list[Tile | Bundle] = [
        Tile(0, 0),
        Tile(0, 1_234_067),
        Tile(0, 273, 112),
        Tile(2, 0, 1),
        Tile(1, 999, 255),
        Tile(0, 1_000, 7),
        Bundle(0),
        Bundle(1_234_067, 8),
        Tile(7, 0, 127),
        Tile(0, 2**55 - 1, 255),
        Bundle(2**55 - 1, 255),
    ]
    cases = [
        good(
            str(place),
            "",
            path=str(place),
            level=place.level if isinstance(place, Tile) else None,
            index=place.index,
            width=place.width,
        )
        for place in places
    ]
    wrong = [
        ("tile/0/5", "fewer than three digits"),
        ("tile/0/x000/005", "a group that is not needed"),
        ("tile/0/1234/067", "four digits"),
        ("tile/0/001/234", "no x before a group that is not the last"),
        ("tile/0/x001/x234", "an x before the last group"),
        ("tile/0/000.p/0", "a width of 0"),
        ("tile/0/000.p/256", "a full tile is not written as a partial one"),
        ("tile/0/000.p/07", "a width with a leading zero"),
        ("tile/00/000", "a level with a leading zero"),
        ("tile/8/000.p/1", "no tree below 2^63 leaves has this level"),
        ("tile/7/127", "no tree below 2^63 leaves has this tile"),
        ("tile/7/000.p/128", "no tree below 2^63 leaves has so wide a tile at this level"),
        ("tile/0/x036/x028/x797/x018/x963/967", "the last tile is never full: a tree is below 2^63 leaves"),
        ("tile/entries/x036/x028/x797/x018/x963/967", "the last bundle is never full"),
        ("tile/entries/x036/x028/x797/x018/x963/968.p/1", "a bundle beyond all trees"),
        ("tile/0/\u0660\u0660\u0660", "digits that are not ASCII"),
        ("tile/-1/000", "a negative level"),
        ("tile/0/000/", "a slash at the end"),
        ("/tile/0/000", "a slash at the start"),
        ("tile/0/000\n", "a newline at the end"),
        ("tile/0/../000", "dots"),
        ("tile/data/000", "not a level"),
    ]
    return cases + [bad(path, desc, path=path) for path, desc in wrong]


def tiles() -> list[Case]:
    cases = []
    for old, new in [
        (0, 1),
        (0, 255),
        (0, 256),
        (256, 257),
        (255, 257),
        (1, 513),
        (0, 70_000),
        (69_999, 70_000),
    ]:
        before = grow(Edge.empty(), LEAVES[: old * 32]).edge
        data = dict(grow(before, LEAVES[old * 32 : new * 32]).tiles)
        assert list(data) == list(tiles_added(old, new))
        kept = list(data) if len(data) <= 8 else [*list(data)[:2], *list(data)[-5:]]
        written = [{"path": str(tile), "sha256": sha256(data[tile]).hexdigest()} for tile in kept]
        cases.append(
            good(
                f"{old}-{new}",
                "what a log writes when it grows; of many tiles, the first two and the last five",
                oldSize=old,
                newSize=new,
                root=base64(root(new)),
                count=len(data),
                tiles=written,
            )
        )
    return cases


def bundles() -> list[Case]:
    three = [b"one", b"", b"three"]
    data = encode_bundle(three)
    full = encode_bundle([*three, *[b"x"] * 253])
    entries = [entry.hex() for entry in three]
    wrong = [
        ("too-few", "three entries, four asked for", data, 4),
        ("too-many", "three entries, two asked for: only a full bundle may be cut", data, 2),
        ("cut-entry", "the last entry ends early", data[:-1], 3),
        ("cut-length", "a length of one byte", data + b"\x00", 4),
        ("more", "more than 256 entries", full + b"\x00\x00", 256),
        ("empty", "nothing", b"", 1),
    ]
    return [
        good("three", "three entries, one of them empty", bundle=base64(data), width=3, entries=entries),
        good(
            "full-for-partial",
            "a full bundle in place of a partial one",
            bundle=base64(full),
            width=3,
            entries=entries,
        ),
        *(bad(label, desc, bundle=base64(each), width=width) for label, desc, each, width in wrong),
    ]


def inclusion() -> list[Case]:
    def of(index: int, size: int) -> Case:
        return {
            "index": index,
            "size": size,
            "leafHash": base64(LEAVES[index * 32 : index * 32 + 32]),
            "root": base64(root(size)),
            "proof": [base64(each) for each in tree(size).prove_inclusion(index)],
        }

    places = [
        (0, 1),
        (0, 2),
        (1, 2),
        (2, 3),
        (5, 7),
        (6, 7),
        (255, 256),
        (256, 257),
        (99, 300),
        (69_999, 70_000),
        (12_345, 70_000),
    ]
    cases = [good(f"{index}-of-{size}", "", **of(index, size)) for index, size in places]
    one = of(99, 300)
    proof = one["proof"]
    wrong: list[tuple[str, str, Case]] = [
        ("other-index", "the proof of a neighbour", {"index": 98}),
        ("index-is-size", "no such leaf", {"index": 300}),
        ("negative", "a negative index", {"index": -1}),
        ("other-size", "a smaller tree", {"size": 256}),
        (
            "empty-tree",
            "no leaf is in the empty tree",
            {"index": 0, "size": 0, "root": base64(EMPTY_ROOT), "proof": []},
        ),
        ("other-root", "another root", {"root": base64(root(299))}),
        ("other-leaf", "another leaf", {"leafHash": of(98, 300)["leafHash"]}),
        ("flipped", "one hash was changed", {"proof": [flip_base64(proof[0]), *proof[1:]]}),
        ("short", "the last hash is missing", {"proof": proof[:-1]}),
        ("long", "one hash too many", {"proof": [*proof, proof[0]]}),
        ("swapped", "two hashes were swapped", {"proof": [proof[1], proof[0], *proof[2:]]}),
        ("short-hash", "a hash of 31 bytes", {"proof": [*proof[:-1], base64(bytes(31))]}),
        ("sixty-four", "more hashes than any tree needs", {"proof": [proof[0]] * 64}),
    ]
    return cases + [bad(label, desc, **one | change) for label, desc, change in wrong]


def consistency() -> list[Case]:
    def of(old: int, new: int) -> Case:
        return {
            "oldSize": old,
            "newSize": new,
            "oldRoot": base64(root(old)),
            "newRoot": base64(root(new)),
            "proof": [base64(each) for each in tree(new).prove_consistency(old)],
        }

    places = [
        (0, 0),
        (0, 5),
        (1, 1),
        (1, 2),
        (3, 7),
        (4, 7),
        (6, 8),
        (256, 257),
        (256, 512),
        (299, 300),
        (65_536, 70_000),
        (69_999, 70_000),
    ]
    cases = [good(f"{old}-to-{new}", "", **of(old, new)) for old, new in places]
    one = of(100, 300)
    proof = one["proof"]
    wrong: list[tuple[str, str, Case]] = [
        ("backwards", "a log does not shrink", {"oldSize": 300, "newSize": 100}),
        ("other-old-root", "another old root", {"oldRoot": base64(root(99))}),
        ("other-new-root", "another new root", {"newRoot": base64(root(299))}),
        ("other-old-size", "another old size", {"oldSize": 101}),
        ("empty-proof", "the proof is missing", {"proof": []}),
        ("flipped", "one hash was changed", {"proof": [*proof[:-1], flip_base64(proof[-1])]}),
        ("short", "the last hash is missing", {"proof": proof[:-1]}),
        ("long", "one hash too many", {"proof": [*proof, proof[0]]}),
        (
            "same-size-other-root",
            "two roots of one size: equivocation",
            of(300, 300) | {"oldRoot": base64(root(299))},
        ),
        ("same-size-with-proof", "nothing is to be proven", of(300, 300) | {"proof": proof}),
        ("zero-with-proof", "nothing is to be proven from the empty tree", of(0, 5) | {"proof": proof}),
        ("zero-other-root", "the empty tree has one root", of(0, 5) | {"oldRoot": base64(root(1))}),
    ]
    return cases + [bad(label, desc, **one | change) for label, desc, change in wrong]


def tlog_proofs() -> list[Case]:
    def of(proof: str, entry: bytes = b"entry 73", quorum: int = 1) -> Case:
        return {
            "proof": proof,
            "entry": entry.hex(),
            "origin": ORIGIN,
            "logKeys": [str(LOG.vkey)],
            "witnesses": [str(WITNESS.vkey)],
            "quorum": quorum,
        }

    def write(index: int, note: Note = COSIGNED, extra: bytes | None = None) -> str:
        return bytes(TlogProof(index, tree(CHECKPOINT.size).prove_inclusion(index), note, extra)).decode()

    plain, extra = write(73), write(73, extra=b"told by nobody")
    lines = plain.split("\n")
    wrong = [
        ("other-entry", "another entry", of(plain, b"entry 74")),
        ("other-index", "another index", of(plain.replace("index 73", "index 72"))),
        ("not-witnessed", "no cosignature, and one was asked for", of(write(73, SIGNED))),
        ("flipped", "one hash was changed", of(plain.replace(lines[2], flip_base64(lines[2])))),
        ("short", "one hash is missing", of(plain.replace(lines[2] + "\n", ""))),
        ("leading-zero", "the index has a leading zero", of(plain.replace("index 73", "index 073"))),
        ("version", "another version", of(plain.replace("proof@v1", "proof@v2"))),
        (
            "extra-after-index",
            "the extra data stands before the index",
            of(plain.replace("index 73", "index 73\nextra AAAA")),
        ),
        ("no-index", "the index is missing", of(plain.replace("index 73\n", ""))),
        ("carriage-return", "lines end in LF only", of(plain.replace("\n", "\r\n"))),
        ("no-checkpoint", "the checkpoint is missing", of(plain.split("\n\n")[0] + "\n\n")),
        ("other-size", "the checkpoint was changed", of(plain.replace("\n300\n", "\n301\n"))),
    ]
    return [
        good("cosigned", "a leaf, and a witness", **of(plain)),
        good("extra", "extra data, which nothing authenticates", **of(extra)),
        good("first", "the first leaf, without a witness", **of(write(0, SIGNED), b"entry 0", 0)),
        good("last", "the last leaf", **of(write(299), b"entry 299")),
        *(bad(label, desc, **fields) for label, desc, fields in wrong),
    ]
