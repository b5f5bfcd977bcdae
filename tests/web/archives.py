"""Small X archives for the tests of the page, good and bad, as files on disk."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

EMAIL: Final = "somebody@example.org"
PRIVATE: Final = "a message for nobody else"


def part(word: str, records: list[Any], number: int = 0) -> str:
    """Writes a file of an archive, as X writes it."""
    return f"window.YTD.{word}.part{number} = {json.dumps(records, indent=2)}\n"


def rows(key: str, *ids: object) -> list[Any]:
    return [
        {key: {"accountId": each, "userLink": f"https://x.com/intent/user?user_id={each}"}} for each in ids
    ]


def following(*ids: object) -> str:
    return part("following", rows("following", *ids))


def posts(mentions: Mapping[str, str], *, count: int = 1) -> str:
    """Writes `count` posts that all mention these accounts (id to handle)."""
    named = [{"screen_name": handle, "id_str": x_id, "name": PRIVATE} for x_id, handle in mentions.items()]
    tweets = [
        {"tweet": {"id_str": str(10**18 + each), "full_text": PRIVATE, "entities": {"user_mentions": named}}}
        for each in range(count)
    ]
    return part("tweets", tweets)


FILES: Final[Mapping[str, str]] = {
    "data/following.js": following("11", "12"),
    "data/following-part1.js": part("following", rows("following", "13"), 1),
    "data/follower.js": part("follower", rows("follower", "12", "14")),
    "data/block.js": part("block", rows("blocking", "15")),
    "data/mute.js": part("mute", rows("muting", "11")),
    "data/account.js": part(
        "account", [{"account": {"email": EMAIL, "accountId": "7", "username": "alice"}}]
    ),
    "data/tweets.js": posts({"11": "bob", "14": "carol"}),
    "data/direct-messages.js": PRIVATE,
    "data/follower-requests.js": part("follower_request", rows("followerRequest", "99")),
    "data/tweets_media/1.jpg": PRIVATE * 100,
}
SEEN: Final = "2018-05-25"
"""The day that the number of the post tells."""
LINES: Final = f"11,bob,fm,{SEEN}\n12,,fr\n13,,f\n14,carol,r,{SEEN}\n15,,b\n"
OWNER: Final = "7,alice"


def zip_bytes(files: Mapping[str, str | bytes]) -> bytes:
    """A deflated ZIP."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return buffer.getvalue()


def write_zip(folder: Path, files: Mapping[str, str | bytes] = FILES) -> Path:
    path = folder / "twitter-2024-01-01-abc.zip"
    path.write_bytes(zip_bytes(files))
    return path


def write_files(folder: Path, files: Mapping[str, str] = FILES) -> Path:
    """Writes an unpacked archive; returns the folder that holds `data`."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    return folder


def _with_bits(signature: bytes, offset: int, change: Callable[[int], int]) -> bytes:
    """Returns the good archive with one byte changed in its first header of that kind."""
    data = bytearray(zip_bytes(FILES))
    at = data.index(signature) + offset
    data[at] = change(data[at])
    return bytes(data)


_SPACES: Final = " " * 20 * 2**20

BAD: Final[Mapping[str, tuple[str, str | bytes]]] = {
    "file-empty": ("twitter.zip", b""),
    "not-a-zip": ("twitter.zip", b"%PDF-1.7"),
    "not-a-zip-packed": ("twitter.zip", b"a" * 257 + b"ustar\x00"),
    "not-a-zip-page": ("twitter.zip", "<!DOCTYPE html><title>X</title>"),
    "zip-truncated": ("twitter.zip", zip_bytes(FILES)[:-200]),
    "zip-broken": ("twitter.zip", _with_bits(b"PK\x01\x02", 16, lambda crc: crc ^ 0xFF)),
    "zip-split": ("twitter.zip", _with_bits(b"PK\x05\x06", 4, lambda _: 3)),
    "zip-encrypted": ("twitter.zip", _with_bits(b"PK\x01\x02", 8, lambda flags: flags | 1)),
    "zip-method": ("twitter.zip", _with_bits(b"PK\x01\x02", 10, lambda _: 14)),
    "zip-nested": ("twitter.zip", zip_bytes({"twitter-2024.zip": zip_bytes(FILES)})),
    "zip-bomb": (
        "twitter.zip",
        zip_bytes({"data/following.js": f"window.YTD.following.part0 = [{_SPACES}]"}),
    ),
    "csv-era": ("twitter.zip", zip_bytes({"tweets.csv": "x", "data/js/tweets/2012_01.js": "x"})),
    "no-follow-list": ("twitter.zip", zip_bytes({"holiday.jpg": "x"})),
    "same-file-twice": (
        "twitter.zip",
        zip_bytes({"data/Following.js": following("1"), "data/following.js": following("2")}),
    ),
    "unsafe-path": ("twitter.zip", zip_bytes({"../following.js": following("1")})),
    "utf-16": ("following.js", following("1").encode("utf-16")),
    "several-archives": (
        "twitter.zip",
        zip_bytes({"a/data/following.js": following("1"), "b/data/following.js": following("2")}),
    ),
    "look-alike": ("follower-requests.js", FILES["data/follower-requests.js"]),
    "wrong-prefix": ("following.js", FILES["data/follower.js"]),
    "no-assignment": ("following.js", json.dumps(rows("following", "1"))),
    "not-json": ("following.js", following("11")[:-5]),
    "wrong-shape": ("following.js", part("following", rows("follower", "1"))),
    "row-too-long": (
        "following.js",
        part("following", [{"following": {"accountId": "1", "x": "x" * 70_000}}]),
    ),
    "numbers-for-strings": ("following.js", following(1234567890123456789)),
    "bad-id": ("following.js", following("1" * 30)),
}
"""Each code of the reader that a single file can call up, with that file."""
OF_A_MEMBER: Final = frozenset({"zip-bomb", "zip-broken", "zip-encrypted", "zip-method", "same-file-twice"})
"""Where the sentence names following.js, which is at fault, and not the file that was chosen."""
