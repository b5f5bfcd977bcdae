"""Archives with bytes changed, cut out and doubled: only ArchiveError comes out, and soon."""

import io
import random
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.archive import ArchiveError, read_archive
from tests.directory.archive.build import ACCOUNT, list_js, manifest, tweet, tweets_js, zip_of
from tests.directory.archive.test_zip import far_zip, streamed_zip, zip64

FILES = {
    "data/manifest.js": manifest(following=2),
    "data/account.js": ACCOUNT,
    "data/following.js": list_js("following", "12", "34"),
    "data/block.js": list_js("block", "56"),
    "data/tweets.js": tweets_js(tweet("9", ("12", "Bridge"))),
}
SEEDS = [
    zip_of(FILES).getvalue(),
    zip_of(FILES, zipfile.ZIP_STORED).getvalue(),
    streamed_zip(),
    zip64(),
    far_zip(),
]
TELLING = [
    b"\0",
    b"\1",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xff" * 4,
    b"\xff" * 8,
    b"PK\1\2",
    b"PK\5\6",
    b"PK\6\6",
    b"[",
]


def mutated(content: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(content) + 1)
        length = chance.choice([0, 1, 2, 4, 8, 40])
        piece = chance.choice(
            [chance.choice(TELLING), content[at : at + length] * 2, chance.randbytes(length)]
        )
        content = content[:at] + piece + content[at + chance.choice([0, len(piece)]) :]
    return content


def read(content: bytes) -> None:
    with suppress(ArchiveError):
        read_archive(io.BytesIO(content))


@pytest.mark.parametrize("seed", range(len(SEEDS)))
@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_a_changed_zip_gives_an_archive_or_an_archive_error(seed: int, chance: random.Random) -> None:
    read(mutated(SEEDS[seed], chance))


@given(name=st.sampled_from(sorted(FILES)), chance=st.randoms(use_true_random=False))
@settings(max_examples=500, deadline=None)
def test_a_changed_file_gives_an_archive_or_an_archive_error(name: str, chance: random.Random) -> None:
    read(zip_of({**FILES, name: mutated(FILES[name], chance)}).getvalue())


@given(st.binary(max_size=200))
def test_bytes_that_begin_as_a_zip_give_an_archive_error(content: bytes) -> None:
    with pytest.raises(ArchiveError):
        read_archive(io.BytesIO(b"PK\5\6" + content))


def test_every_cut_of_a_zip_is_named() -> None:
    content = SEEDS[0]
    for length in range(0, len(content), 7):
        with pytest.raises(ArchiveError):
            read_archive(io.BytesIO(content[:length]))
