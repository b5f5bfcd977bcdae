"""No answer takes more memory or time than was allowed, packed or not."""

import gzip
import tracemalloc
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.networks.body import BoundedBody
from directory.networks.errors import BadAnswer, NetworkError, TooLarge

MIB = 1024 * 1024


def read(raw: bytes, encoding: str = "gzip", max_bytes: int = MIB, piece: int = 4_096) -> bytes:
    body = BoundedBody("host.example.net", encoding, max_bytes)
    for start in range(0, len(raw), piece):
        body.add(raw[start : start + piece])
    return body.whole()


@given(st.binary(max_size=5_000), st.integers(min_value=1, max_value=600))
def test_what_was_packed_comes_out(content: bytes, piece: int) -> None:
    assert read(gzip.compress(content), piece=piece) == content
    assert read(content, encoding="", piece=piece) == content


@pytest.mark.parametrize("encoding", ["", "identity", " Identity ", "gzip"])
def test_the_limit_itself_is_allowed(encoding: str) -> None:
    content = b"x" * 1_000
    raw = gzip.compress(content) if encoding == "gzip" else content
    assert read(raw, encoding, max_bytes=1_000) == content
    with pytest.raises(TooLarge):
        read(raw, encoding, max_bytes=999)


def test_a_bomb_is_not_unpacked() -> None:
    """100 MiB of zeros fit into 100 kB of gzip; nested in one piece they would be unpacked at once."""
    pack = zlib.compressobj(9, wbits=31)
    bomb = b"".join(pack.compress(bytes(MIB)) for _ in range(100)) + pack.flush()
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            read(bomb, piece=len(bomb))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * MIB


def test_a_stream_of_nothing_ends() -> None:
    """Empty blocks unpack to nothing, so a limit on what comes out would never be met."""
    pack = zlib.compressobj(0, wbits=31)
    raw = pack.compress(b"") + b"".join(pack.flush(zlib.Z_FULL_FLUSH) for _ in range(2)) * 10_000
    with pytest.raises(TooLarge):
        read(raw, max_bytes=1_000)


def test_too_many_pieces_are_refused() -> None:
    """An answer in one-byte chunks keeps us a thousand times busier than its size."""
    with pytest.raises(BadAnswer):
        read(b"x" * 10_000, encoding="", piece=1)
    assert read(b"x" * 4_000, encoding="", piece=1)


@pytest.mark.parametrize(
    "encoding", ["br", "zstd", "deflate", "gzip, gzip", "identity, gzip", "gzip;q=1", "\xff"]
)
def test_an_encoding_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(BadAnswer):
        BoundedBody("host.example.net", encoding, MIB)


PACKED = gzip.compress(b"content " * 100, mtime=0)


@pytest.mark.parametrize(
    "raw",
    [
        PACKED[:-1],
        PACKED[:20],
        PACKED[:-8] + bytes(8),
        PACKED + b"x",
        PACKED + PACKED,
        b"not packed at all",
        zlib.compress(b"content"),
    ],
)
@pytest.mark.parametrize("piece", [7, 10_000])
def test_damaged_packing_is_a_bad_answer(raw: bytes, piece: int) -> None:
    with pytest.raises(BadAnswer):
        read(raw, piece=piece)


def test_an_empty_answer_needs_no_packing() -> None:
    assert read(b"") == b""


@given(st.binary(max_size=2_000))
def test_any_bytes_are_a_body_or_a_named_error(raw: bytes) -> None:
    with suppress(NetworkError):
        assert len(read(b"\x1f\x8b\x08" + raw, max_bytes=500)) <= 500
