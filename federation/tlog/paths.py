"""Determines the hashes of a proof before any is read. RFC 6962, sections 2.1.1 and 2.1.2

A proof's hash covers a range of leaves. A range is made of perfect subtrees, which tiles hold or
lead to: a caller who knows them can fetch all tiles at once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from federation.tlog.merkle import MAX_TREE_SIZE, fold_right


@dataclass(frozen=True, slots=True)
class Node:
    """The root of a perfect subtree of 2^level leaves, the `index`-th of its level."""

    level: int
    index: int


Span = tuple[int, int]
"""Leaves from the first number up to, not including, the second."""


def _split(start: int, end: int) -> int:
    """Returns where a tree over two leaves or more divides: after the largest power of two below their number."""
    return start + (1 << ((end - start - 1).bit_length() - 1))


def nodes_of(span: Span) -> Iterator[Node]:
    """Yields the perfect subtrees of a span, left to right. The span must start where a subtree of its size could."""
    start, end = span
    while start < end:
        level = (end - start).bit_length() - 1
        yield Node(level, start >> level)
        start += 1 << level


def inclusion_spans(index: int, size: int) -> list[Span]:
    """Lists the spans that the hashes of an inclusion proof cover, the leaf's sibling first.

    Raises ValueError if out of range.
    """
    if not 0 <= index < size <= MAX_TREE_SIZE:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    spans: list[Span] = []
    start, end = 0, size
    while end - start > 1:
        middle = _split(start, end)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(old_size: int, new_size: int) -> list[Span]:
    """Lists the spans that the hashes of a consistency proof cover. Raises ValueError if out of range."""
    if not 0 <= old_size <= new_size <= MAX_TREE_SIZE:
        raise ValueError(f"a tree of {old_size} does not become one of {new_size}")
    if old_size in {0, new_size}:
        return []
    spans: list[Span] = []
    start, end = 0, new_size
    while end != old_size:
        middle = _split(start, end)
        if old_size <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    # A subtree that starts the tree is the old tree itself, whose root the verifier has.
    if start:
        spans.append((start, end))
    return spans[::-1]


def prefix_spans(old_size: int, new_size: int) -> list[Span]:
    """Lists the spans from which both roots can be computed: the subtree that the old tree ends in always comes first.

    Raises ValueError unless the old tree has a leaf, and the new one more.
    """
    if not 0 < old_size < new_size:
        raise ValueError(f"a tree of {new_size} does not begin with one of {old_size}")
    spans = consistency_spans(old_size, new_size)
    return [(0, old_size), *spans] if old_size & (old_size - 1) == 0 else spans


HashOf = Callable[[Node], bytes]


def prove_inclusion(index: int, size: int, hash_of: HashOf) -> tuple[bytes, ...]:
    """Makes the proof for leaf `index` in the tree of `size` leaves. Raises ValueError if out of range."""
    return tuple(_hash_span(span, hash_of) for span in inclusion_spans(index, size))


def prove_consistency(old_size: int, new_size: int, hash_of: HashOf) -> tuple[bytes, ...]:
    """Makes the proof from one size to a later one. Raises ValueError if out of range."""
    return tuple(_hash_span(span, hash_of) for span in consistency_spans(old_size, new_size))


def prove_prefix(old_size: int, new_size: int, hash_of: HashOf) -> tuple[bytes, ...]:
    """Lists the hashes that show which root a tree had at a smaller size. Raises ValueError if out of range."""
    return tuple(_hash_span(span, hash_of) for span in prefix_spans(old_size, new_size))


def _hash_span(span: Span, hash_of: HashOf) -> bytes:
    return fold_right([hash_of(node) for node in nodes_of(span)])
