import json
from base64 import b64decode
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import InvalidProof
from federation.tlog.merkle import (
    EMPTY_ROOT,
    MAX_TREE_SIZE,
    CompactRange,
    hash_leaves,
    hash_perfect,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from federation.tlog.paths import Node, consistency_spans, inclusion_spans, prove_consistency, prove_inclusion
from tests.federation.tlog.naive import (
    make_entries,
    naive_consistency,
    naive_inclusion,
    naive_root,
    node,
    root_of_inclusion,
    roots_of_consistency,
)

SHARED_VECTORS = Path(__file__).resolve().parents[4] / "shared" / "vectors"
ENTRIES = make_entries(600)
HASHES = b"".join(map(leaf_hash, ENTRIES))

sizes = st.integers(0, 600)


def hash_of(node: Node) -> bytes:
    start = node.index << node.level
    return naive_root(ENTRIES[start : start + (1 << node.level)])


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert CompactRange().root() == EMPTY_ROOT == naive_root([])


@given(st.lists(st.integers(0, 90), max_size=6))
def test_any_batches_give_the_root_of_the_naive_tree(batches: list[int]) -> None:
    grown = CompactRange()
    for batch in batches:
        grown = grown.extend(HASHES[grown.size * 32 : (grown.size + batch) * 32]).range
    assert grown.size == sum(batches)
    assert grown.root() == naive_root(ENTRIES[: grown.size])
    assert len(grown.hashes) == grown.size.bit_count()
    assert grown == CompactRange.of(HASHES[: grown.size * 32])


@given(st.data(), st.integers(1, 600))
def test_inclusion_proofs_are_those_of_the_definition_and_verify(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = prove_inclusion(index, size, hash_of)
    assert list(proof) == naive_inclusion(index, ENTRIES[:size])
    inner = (index ^ (size - 1)).bit_length()
    assert len(proof) == inner + (index >> inner).bit_count()
    verify_inclusion(index, size, leaf_hash(ENTRIES[index]), proof, naive_root(ENTRIES[:size]))


@given(sizes, sizes)
def test_consistency_proofs_are_those_of_the_definition_and_verify(one: int, two: int) -> None:
    old, new = sorted([one, two])
    proof = prove_consistency(old, new, hash_of)
    assert list(proof) == naive_consistency(old, ENTRIES[:new])
    verify_consistency(old, new, naive_root(ENTRIES[:old]), naive_root(ENTRIES[:new]), proof)


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@given(st.data(), st.integers(2, 600))
def test_an_inclusion_proof_with_any_flipped_bit_fails(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = list(prove_inclusion(index, size, hash_of))
    leaf, root = leaf_hash(ENTRIES[index]), naive_root(ENTRIES[:size])
    parts = [leaf, root, *proof]
    which = data.draw(st.integers(0, len(parts) - 1))
    parts[which] = flip(parts[which], data.draw(st.integers(0, 255)))
    with pytest.raises(InvalidProof):
        verify_inclusion(index, size, parts[0], parts[2:], parts[1])


@given(st.data(), st.integers(2, 600))
def test_a_consistency_proof_with_any_flipped_bit_fails(data: st.DataObject, size: int) -> None:
    old = data.draw(st.integers(1, size - 1))
    parts = [
        naive_root(ENTRIES[:old]),
        naive_root(ENTRIES[:size]),
        *prove_consistency(old, size, hash_of),
    ]
    which = data.draw(st.integers(0, len(parts) - 1))
    parts[which] = flip(parts[which], data.draw(st.integers(0, 255)))
    with pytest.raises(InvalidProof):
        verify_consistency(old, size, parts[0], parts[1], parts[2:])


@given(st.data(), st.integers(1, 300))
def test_a_proof_for_another_place_fails(data: st.DataObject, size: int) -> None:
    """A leaf passed off at another index would let one revoke or claim what is not there."""
    index, other = (data.draw(st.integers(0, size - 1)) for _ in range(2))
    if index == other:
        return
    proof = prove_inclusion(index, size, hash_of)
    with pytest.raises(InvalidProof):
        verify_inclusion(other, size, leaf_hash(ENTRIES[index]), proof, naive_root(ENTRIES[:size]))


PLACES = [(index, size) for size in range(1, 10) for index in range(size)]
GROWTHS = [(old, new) for new in range(1, 10) for old in range(1, new + 1)]


def wrong_lengths(proof: list[bytes]) -> list[list[bytes]]:
    """The proof, and ones that lack a hash or have one more."""
    return [proof, proof[:-1], proof[1:], [*proof, HASHES[-32:]]]


def test_an_inclusion_proof_verifies_where_the_definition_says_and_nowhere_else() -> None:
    """A signed root of two leaves passed as that of one, with a hash too many, would put the parent where an entry
    stands; one with a hash too few, a subtree in the place of the tree."""
    for index, size in PLACES:
        leaf, root = leaf_hash(ENTRIES[index]), naive_root(ENTRIES[:size])
        for proof in wrong_lengths(naive_inclusion(index, ENTRIES[:size])):
            for claimed_index, claimed_size in PLACES:
                right = root_of_inclusion(claimed_index, claimed_size, leaf, proof)
                for claimed in {right or EMPTY_ROOT, root, _folded(leaf, proof)}:
                    with nullcontext() if claimed == right else pytest.raises(InvalidProof):
                        verify_inclusion(claimed_index, claimed_size, leaf, proof, claimed)


def _folded(leaf: bytes, proof: list[bytes]) -> bytes:
    """The root that one who takes every sibling for the left one would compute."""
    for sibling in proof:
        leaf = node(sibling, leaf)
    return leaf


def test_a_consistency_proof_verifies_where_the_definition_says_and_nowhere_else() -> None:
    """A proof between two large trees passed as one between smaller, with a hash too many, would let a log show
    roots of a tree that it does not say it has; one with a hash too few, the roots of a part."""
    for old, new in GROWTHS:
        one, two = naive_root(ENTRIES[:old]), naive_root(ENTRIES[:new])
        for proof in wrong_lengths(naive_consistency(old, ENTRIES[:new])):
            for small, large in GROWTHS:
                right = roots_of_consistency(small, large, proof, one)
                for claimed in {right or (one, two), (one, two), (one, one)}:
                    with nullcontext() if claimed == right else pytest.raises(InvalidProof):
                        verify_consistency(small, large, *claimed, proof)


def test_every_honest_proof_of_a_small_tree_verifies() -> None:
    """All of them, since a fault in the walk shows at few sizes: the tree of 13 leaves that grew to 14 is the first
    for one."""
    roots = [naive_root(ENTRIES[:size]) for size in range(20)]
    for size in range(1, 20):
        for index in range(size):
            proof = naive_inclusion(index, ENTRIES[:size])
            verify_inclusion(index, size, leaf_hash(ENTRIES[index]), proof, roots[size])
        for old in range(size):
            verify_consistency(old, size, roots[old], roots[size], naive_consistency(old, ENTRIES[:size]))


@pytest.mark.parametrize("index", [-1, 1])
def test_a_tree_of_one_leaf_has_no_other(index: int) -> None:
    """Its root is the leaf, and no hash has to be shown: a mapping would be proven at a place that is not there."""
    with pytest.raises(InvalidProof):
        verify_inclusion(index, 1, HASHES[:32], [], HASHES[:32])


def test_the_largest_tree_is_proven_and_none_above_it() -> None:
    """Sizes travel as 64-bit numbers with a sign elsewhere: a larger one must not come in by a proof."""
    assert MAX_TREE_SIZE == 2**63 - 1
    leaf, siblings = leaf_hash(b"last"), [leaf_hash(b"%d" % n) for n in range(64)]
    for size, index in [(MAX_TREE_SIZE, 0), (MAX_TREE_SIZE, MAX_TREE_SIZE - 1)]:
        proof = siblings[: len(inclusion_spans(index, size))]
        root = root_of_inclusion(index, size, leaf, proof)
        assert root
        verify_inclusion(index, size, leaf, proof, root)
    above = root_of_inclusion(0, MAX_TREE_SIZE + 1, leaf, siblings[:63])
    assert above
    with pytest.raises(InvalidProof):
        verify_inclusion(0, MAX_TREE_SIZE + 1, leaf, siblings[:63], above)
    root = siblings[0]
    verify_consistency(MAX_TREE_SIZE, MAX_TREE_SIZE, root, root, [])
    with pytest.raises(InvalidProof):
        verify_consistency(MAX_TREE_SIZE + 1, MAX_TREE_SIZE + 1, root, root, [])


@pytest.mark.parametrize("wrong", [b"", b"short", bytes(31), bytes(33), bytes(64)])
def test_what_is_no_hash_is_in_no_proof(wrong: bytes) -> None:
    """Two hashes in the place of one would make the verifier hash what no tree holds."""
    leaf, sibling = HASHES[:32], HASHES[32:64]
    for one, other in [(leaf, wrong), (wrong, sibling)]:
        with pytest.raises(InvalidProof):
            verify_inclusion(0, 2, one, [other], node(one, other))
    with pytest.raises(InvalidProof):
        verify_consistency(1, 2, leaf, node(leaf, wrong), [wrong])
    with pytest.raises(InvalidProof):
        verify_consistency(0, 5, EMPTY_ROOT, wrong, [])


@given(st.integers(0, 6))
def test_runs_of_hashes_are_those_of_the_definition(levels: int) -> None:
    entries = ENTRIES[: 1 << levels]
    leaves = hash_leaves(entries)
    assert leaves == HASHES[: 32 << levels]
    assert hash_perfect(leaves) == naive_root(entries)


@given(st.integers(0, 40), st.integers(0, 40))
def test_an_extension_tells_the_nodes_that_it_completed(before: int, added: int) -> None:
    """Tiles are written from them: a node that is missing or twice would leave a log that nobody can check."""
    whole = before + added
    levels = CompactRange.of(HASHES[: before * 32]).extend(HASHES[before * 32 : whole * 32]).levels
    for level, nodes in enumerate(levels):
        width = 1 << level
        expected = [
            naive_root(ENTRIES[at * width : (at + 1) * width])
            for at in range(before // width, whole // width)
        ]
        assert nodes == b"".join(expected)


@given(
    st.integers(-(2**70), 2**70),
    st.integers(-(2**70), 2**70),
    st.lists(st.binary(max_size=40) | st.binary(min_size=32, max_size=32), max_size=80),
    st.binary(min_size=32, max_size=32),
)
def test_proofs_of_anything_only_ever_fail(one: int, two: int, proof: list[bytes], root: bytes) -> None:
    with pytest.raises(InvalidProof):
        verify_inclusion(one, two, root, [*proof, b"short"], root)
    with pytest.raises(InvalidProof):
        verify_inclusion(one, two, root, proof, EMPTY_ROOT)
    with pytest.raises(InvalidProof):
        verify_consistency(one, two, EMPTY_ROOT, root, [*proof, root])


@given(st.integers(0, MAX_TREE_SIZE - 1))
def test_the_longest_proofs_stay_within_the_limit(index: int) -> None:
    assert len(inclusion_spans(index, MAX_TREE_SIZE)) <= 63
    assert len(consistency_spans(index, MAX_TREE_SIZE)) <= 64


def test_from_the_empty_tree_everything_grows_but_only_from_it() -> None:
    root = naive_root(ENTRIES[:5])
    verify_consistency(0, 5, EMPTY_ROOT, root, [])
    verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    for old, new, one, two, proof in [
        (0, 5, root, root, []),
        (0, 5, EMPTY_ROOT, root, [root]),
        (0, 0, EMPTY_ROOT, root, []),
        (5, 5, root, EMPTY_ROOT, []),
        (5, 5, root, root, [root]),
        (5, 4, root, root, []),
    ]:
        with pytest.raises(InvalidProof):
            verify_consistency(old, new, one, two, proof)


def shared_cases(name: str) -> list[dict[str, Any]]:
    path = SHARED_VECTORS / name
    return json.loads(path.read_text())["cases"] if path.exists() else []


def hashes(texts: list[str] | None) -> list[bytes]:
    return [b64decode(text) for text in texts or []]


def test_the_inclusion_cases_of_others_pass() -> None:
    for case in shared_cases("merkle-inclusion.json"):
        leaf, root, *proof = hashes([case["leafHash"], case["root"], *(case["proof"] or [])])
        with expected(case):
            verify_inclusion(case["leafIdx"], case["treeSize"], leaf, proof, root)


def test_the_consistency_cases_of_others_pass() -> None:
    for case in shared_cases("merkle-consistency.json"):
        one, two, *proof = hashes([case["root1"], case["root2"], *(case["proof"] or [])])
        with expected(case):
            verify_consistency(case["size1"], case["size2"], one, two, proof)


def expected(case: dict[str, Any]) -> AbstractContextManager[Any]:
    return pytest.raises(InvalidProof) if case["wantErr"] else nullcontext()


@pytest.mark.parametrize(("hashes", "is_long"), [(63, False), (64, True), (100_000, True)])
def test_no_work_is_done_for_a_proof_longer_than_any(hashes: int, *, is_long: bool) -> None:
    """A peer that sends a long proof would keep us hashing; none of a tree of up to 2^63 entries is longer than 63."""
    root = leaf_hash(b"")
    with pytest.raises(InvalidProof) as refused:
        verify_inclusion(0, MAX_TREE_SIZE, root, [root] * hashes, root)
    assert ("than any tree needs" in str(refused.value)) is is_long
    with pytest.raises(InvalidProof) as refused:
        verify_consistency(1, MAX_TREE_SIZE, root, root, [root] * (hashes + 1))
    assert ("than any tree needs" in str(refused.value)) is is_long
