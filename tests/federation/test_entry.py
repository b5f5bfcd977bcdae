import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from federation.errors import InvalidEntry
from federation.protocol.entry import (
    ENTRY_BYTES,
    Entry,
    MappingEntry,
    OperationsEntry,
    RevokeEntry,
    RevokeReason,
    UnknownEntry,
    encode_entry,
    encode_mapping_entry,
    parse_entry,
)
from tests.federation.strategies import entries


@given(entries)
def test_what_is_written_is_read_again(entry: Entry) -> None:
    raw = encode_entry(entry)
    assert len(raw) == ENTRY_BYTES
    assert parse_entry(raw) == entry


@given(st.binary(max_size=80) | st.binary(min_size=33, max_size=33))
@example(b"\x02" + bytes(31) + b"\x01")
@example(b"\x02" + b"\xff" * 8 + bytes(24))
@example(b"\x04" + bytes(32))
def test_any_bytes_say_something_or_nothing_and_never_fail(raw: bytes) -> None:
    """Nobody can refuse the entry at an index: an entry that makes no sense must stop no reader."""
    entry = parse_entry(raw)
    if len(raw) == ENTRY_BYTES:
        assert encode_entry(entry) == raw
    else:
        assert entry == UnknownEntry(raw)


def test_a_revoke_for_a_reason_that_is_not_known_revokes() -> None:
    assert parse_entry(b"\x02" + (7).to_bytes(8, "big") + b"\xee" + bytes(23)) == RevokeEntry(7, 0xEE)


@pytest.mark.parametrize(
    "entry",
    [
        MappingEntry(bytes(31)),
        OperationsEntry(bytes(33)),
        RevokeEntry(-1, 0),
        RevokeEntry(2**63 - 1, 0),
        RevokeEntry(1, 256),
        RevokeEntry(1, -1),
        UnknownEntry(b""),
        UnknownEntry(b"\x01" + bytes(32)),
    ],
)
def test_what_does_not_fit_is_not_written(entry: Entry) -> None:
    with pytest.raises(InvalidEntry):
        encode_entry(entry)


def test_reasons_fit_their_byte() -> None:
    assert all(0 <= reason <= 255 for reason in RevokeReason)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_commitment_of_another_length_is_not_written(length: int) -> None:
    with pytest.raises(InvalidEntry):
        encode_mapping_entry(bytes(length))
