"""ZIPs of every make, and ZIPs that lie."""

import io
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from itertools import chain, repeat

import pytest

from directory.archive import ArchiveProblem, read_archive
from directory.archive.limits import MIB
from tests.directory.archive.build import list_js, people_of, problem_of, zip_of

P = ArchiveProblem
FOLLOWING = list_js("following", "12", "34")
NAME = "data/following.js"
PEOPLE = ["12,,f", "34,,f"]


class Stream(io.RawIOBase):
    """What can be written to and not sought in, so that sizes follow their data in the ZIP."""

    def __init__(self) -> None:
        self.content = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # all that zipfile writes
        self.content += bytes(data)
        return len(data)


def streamed_zip() -> bytes:
    stream = Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(NAME, FOLLOWING)
    return stream.content


def zip64() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(NAME, "w", force_zip64=True) as member:
            member.write(FOLLOWING)
        archive.comment = b"a comment with PK\5\6 in it"
    return file.getvalue()


def far_zip() -> bytes:
    """A ZIP whose every size and place stands in its 64-bit fields, as in one beyond 4 GiB."""
    data = zlib.compressobj(wbits=-15)
    packed = data.compress(FOLLOWING) + data.flush()
    name, crc = NAME.encode(), zlib.crc32(FOLLOWING)
    ones = 0xFFFFFFFF
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 45, 0, 8, 0, 0, crc, ones, ones, len(name), 20)
    local += name + struct.pack("<2H2Q", 1, 16, len(FOLLOWING), len(packed))
    # Another extra field comes first: the 64-bit one is found by its number, not by its place.
    extra = struct.pack("<2HL", 0x5455, 4, 7) + struct.pack("<2H3Q", 1, 24, len(FOLLOWING), len(packed), 0)
    entry = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", 45, 45, 0, 8, 0, 0, crc, ones, ones, len(name), len(extra), 0, 0, 0, 0, ones
    )
    directory = entry + name + extra
    start = len(local) + len(packed)
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(directory), start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, start + len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, ones, ones, 0)
    return local + packed + directory + end64 + locator + end


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(zip_of({NAME: FOLLOWING}).getvalue(), id="deflated"),
        pytest.param(zip_of({NAME: FOLLOWING}, zipfile.ZIP_STORED).getvalue(), id="stored"),
        pytest.param(streamed_zip(), id="sizes after the data"),
        pytest.param(zip64(), id="64-bit sizes and a comment"),
        pytest.param(far_zip(), id="64-bit directory"),
        pytest.param(
            b"#!/bin/sh\nunzip $0\n" * 10 + zip_of({NAME: FOLLOWING}).getvalue(), id="self-extracting"
        ),
        pytest.param(b"#" * 999 + far_zip(), id="64-bit behind something else"),
        pytest.param(zip_of({NAME: FOLLOWING}).getvalue() + b"\0" * 500, id="something behind"),
        pytest.param(zip_of({"é/data/following.js": FOLLOWING}).getvalue(), id="folder with an accent"),
    ],
)
def test_zips_of_every_make_are_read(content: bytes) -> None:
    assert people_of(io.BytesIO(content)) == PEOPLE


def patched(content: bytes, at: int, replacement: bytes) -> io.BytesIO:
    return io.BytesIO(content[:at] + replacement + content[at + len(replacement) :])


class TestLies:
    """The ZIP's table of contents, 46 bytes and the name an entry, is changed in one place."""

    content = zip_of({NAME: FOLLOWING}).getvalue()
    entry = content.rindex(b"PK\1\2")
    end = content.rindex(b"PK\5\6")

    def lie(self, offset: int, replacement: bytes) -> ArchiveProblem:
        return problem_of(patched(self.content, self.entry + offset, replacement))

    def test_a_password(self) -> None:
        assert self.lie(8, b"\1") is P.ZIP_ENCRYPTED

    def test_an_encrypted_table(self) -> None:
        assert self.lie(9, b"\x20") is P.ZIP_ENCRYPTED

    @pytest.mark.parametrize("method", [9, 12, 14, 93, 99])
    def test_another_method(self, method: int) -> None:
        assert self.lie(10, bytes([method])) is P.ZIP_METHOD

    def test_a_wrong_checksum(self) -> None:
        assert self.lie(16, b"\0\0\0\0") is P.ZIP_BROKEN

    def test_fewer_packed_bytes(self) -> None:
        assert self.lie(20, struct.pack("<L", 10)) is P.ZIP_BROKEN

    def test_more_packed_bytes_than_there_are(self) -> None:
        stored = zip_of({NAME: FOLLOWING}, zipfile.ZIP_STORED).getvalue()
        large = struct.pack("<2L", 10**6, 10**6)
        assert problem_of(patched(stored, stored.rindex(b"PK\1\2") + 20, large)) is P.ZIP_BROKEN

    def test_a_file_that_is_larger_than_it_says(self) -> None:
        assert self.lie(24, struct.pack("<L", 10)) is P.ZIP_BROKEN

    def test_a_file_that_is_smaller_than_it_says(self) -> None:
        assert self.lie(24, struct.pack("<L", len(FOLLOWING) + 1)) is P.ZIP_BROKEN

    def test_a_bomb_by_its_own_word(self) -> None:
        assert self.lie(24, struct.pack("<L", 2**31)) is P.ZIP_BOMB

    def test_data_somewhere_else(self) -> None:
        assert self.lie(42, struct.pack("<L", 5)) is P.ZIP_BROKEN
        assert self.lie(42, struct.pack("<L", 2**32 - 2)) is P.ZIP_BROKEN

    def test_a_name_longer_than_the_table(self) -> None:
        assert self.lie(28, struct.pack("<H", 60_000)) is P.ZIP_BROKEN

    def test_one_name_in_the_table_and_another_at_the_data(self) -> None:
        """A scanner that reads the local names would see a harmless file where we read a list."""
        other = patched(self.content, self.content.index(NAME.encode()), b"data/innocent.js")
        assert problem_of(other) is P.ZIP_BROKEN

    def test_one_piece_of_several(self) -> None:
        assert problem_of(patched(self.content, self.end + 4, b"\3\0\2\0")) is P.ZIP_SPLIT

    def test_a_table_larger_than_the_file(self) -> None:
        assert problem_of(patched(self.content, self.end + 12, struct.pack("<L", 2**31))) is P.ZIP_BROKEN

    def test_a_table_behind_the_end(self) -> None:
        assert problem_of(patched(self.content, self.end + 16, struct.pack("<L", 2**31))) is P.ZIP_BROKEN

    def test_64_bit_sizes_that_are_nowhere(self) -> None:
        assert problem_of(patched(self.content, self.end + 12, b"\xff" * 8)) is P.ZIP_BROKEN
        assert self.lie(42, b"\xff" * 4) is P.ZIP_BROKEN

    def test_a_64_bit_place_beyond_all_files(self) -> None:
        far = far_zip()
        place = far.rindex(struct.pack("<2H", 1, 24)) + 20
        assert problem_of(patched(far, place, b"\xff" * 8)) is P.ZIP_BROKEN


def bomb(size: int, method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method, compresslevel=9) as archive, archive.open(NAME, "w") as member:
        for piece in chain([b"window.YTD.following.part0 = ["], repeat(b" " * MIB, size // MIB)):
            member.write(piece)
    return file


def test_a_bomb_is_not_opened() -> None:
    assert problem_of(bomb(64 * MIB)) is P.ZIP_BOMB


def test_a_bomb_that_hides_its_size_is_stopped_early() -> None:
    """The table claims a few bytes; what comes out is counted, not believed."""
    content = bomb(64 * MIB).getvalue()
    hidden = patched(content, content.rindex(b"PK\1\2") + 24, struct.pack("<L", MIB))
    tracemalloc.start()
    try:
        assert problem_of(hidden) in {P.ZIP_BROKEN, P.ZIP_BOMB, P.ROW_TOO_LONG}
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()


def test_many_entries_cost_no_memory() -> None:
    """A real archive holds tens of thousands of pictures; only what is read is remembered."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(5_000):
            archive.writestr(f"data/tweets_media/{number}-picture.jpg", b"")
        archive.writestr(NAME, FOLLOWING)
    tracemalloc.start()
    try:
        assert len(read_archive(file).people) == 2
        assert tracemalloc.get_traced_memory()[1] < MIB // 2
    finally:
        tracemalloc.stop()


def overlapping() -> Iterator[bytes]:
    """1,000 names for the same data: each may be read, and all of them count against one limit."""
    content = bomb(3 * MIB).getvalue()
    entry_at, end_at = content.rindex(b"PK\1\2"), content.rindex(b"PK\5\6")
    entry = content[entry_at:end_at]
    yield content[:entry_at]
    yield entry * 1_000
    size = len(entry) * 1_000
    yield struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1_000, 1_000, size, entry_at, 0)


def test_names_that_share_their_data_are_refused() -> None:
    assert problem_of(io.BytesIO(b"".join(overlapping()))) is P.SAME_FILE_TWICE
