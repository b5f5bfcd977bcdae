from hypothesis import given
from hypothesis import strategies as st

from federation.fsck.liveness import LeafSet, Liveness, Revoked
from federation.protocol.entry import (
    Entry,
    MappingEntry,
    RevokeEntry,
    UnknownEntry,
    encode_entry,
    parse_entry,
)

some_entries = st.lists(
    st.one_of(
        st.just(MappingEntry(bytes(32))),
        st.builds(RevokeEntry, st.integers(0, 60), st.integers(0, 255)),
        st.just(UnknownEntry(b"\x09" + bytes(32))),
        st.sampled_from([b"", b"\x01", b"\x01" * 34, b"\x02" * 40]).map(UnknownEntry),
    ),
    max_size=60,
)


def write(entry: Entry) -> bytes:
    return entry.raw if isinstance(entry, UnknownEntry) else encode_entry(entry)


@given(st.lists(some_entries, max_size=4))
def test_it_follows_the_rule_taken_word_by_word(batches: list[list[Entry]]) -> None:
    followed = Liveness()
    live: set[int] = set()
    size = 0
    for batch in batches:
        expected = []
        for entry in batch:
            if isinstance(entry, MappingEntry):
                live.add(size)
            elif isinstance(entry, RevokeEntry) and entry.target in live:
                live.remove(entry.target)
                expected.append(Revoked(entry.target, size, entry.reason))
            size += 1
        assert followed.extend([write(entry) for entry in batch]) == expected
    assert followed.size == size
    assert list(followed.live) == sorted(live)


def test_a_revoke_reaches_neither_itself_nor_a_later_leaf() -> None:
    """Else a log could revoke what it has not said yet, and readers would disagree on what holds."""
    followed = Liveness()
    again = RevokeEntry(2, 1)
    entries: list[Entry] = [RevokeEntry(0, 1), again, MappingEntry(bytes(32)), again, again]
    assert followed.extend([encode_entry(entry) for entry in entries]) == [Revoked(2, 3, 1)]
    assert list(followed.live) == []


def test_entries_of_another_length_say_nothing() -> None:
    assert Liveness().extend([b"", b"\x01" + bytes(33)]) == []
    assert isinstance(parse_entry(b"\x01" + bytes(33)), UnknownEntry)


@given(
    st.sets(st.integers(0, 6_000)),
    st.sets(st.integers(0, 6_000)),
    st.integers(0, 900),
    st.binary(max_size=300),
)
def test_a_leaf_set_is_a_set(one: set[int], two: set[int], start: int, marks: bytes) -> None:
    sets = []
    for numbers in (one, two):
        leaves = LeafSet()
        for number in numbers:
            leaves.add(number)
        assert list(leaves) == sorted(numbers)
        sets.append(leaves)
    assert list(sets[0].difference(sets[1])) == sorted(one - two)

    digits = bytes(b"01"[byte & 1] for byte in marks)
    sets[0].add_run(start, digits)
    one = one | {start + i for i, byte in enumerate(marks) if byte & 1}
    for number in two:
        sets[0].discard(number)
    assert list(sets[0]) == sorted(one - two)
    assert all((number in sets[0]) == (number in one - two) for number in range(7_000))
