"""Files of X archives for tests, as X writes them and as it never would."""

import io
import json
import zipfile
from collections.abc import Mapping

import pytest

from directory.archive import ArchiveError, ArchiveProblem, LooseFile, ReadLimits, Source, read_archive

ROW_KEYS = {"following": "following", "follower": "follower", "block": "blocking", "mute": "muting"}


def rows(name: str, *ids: object) -> list[object]:
    """The rows of a list."""
    return [
        {ROW_KEYS[name]: {"accountId": x_id, "userLink": f"https://x.com/intent/user?user_id={x_id}"}}
        for x_id in ids
    ]


def assign(name: str, content: object, part: int = 0) -> bytes:
    """A file that assigns `content` as X does."""
    return f"window.YTD.{name}.part{part} = ".encode() + json.dumps(content, indent=2).encode()


def list_js(name: str, *ids: object, part: int = 0) -> bytes:
    """A list with these people."""
    return assign(name, rows(name, *ids), part)


def tweet(tweet_id: str, *mentions: tuple[str, str]) -> dict[str, object]:
    """A tweet that mentions (id, handle) pairs."""
    return {
        "entities": {
            "hashtags": [],
            "user_mentions": [
                {"name": "A name", "screen_name": handle, "indices": ["0", "9"], "id_str": x_id, "id": x_id}
                for x_id, handle in mentions
            ],
        },
        "id_str": tweet_id,
        "full_text": 'a "quoted" [text] {with} brackets; and = signs',
    }


def tweets_js(*tweets: dict[str, object]) -> bytes:
    """`tweets.js` as it is since 2020."""
    return assign("tweets", [{"tweet": one} for one in tweets])


ACCOUNT = assign(
    "account",
    [{"account": {"email": "someone@mail.example", "username": "Lina_Silor10", "accountId": "77"}}],
)


def manifest(**counts: int) -> bytes:
    """`manifest.js` that promises so many rows of each list."""
    types = {
        name: {
            "files": [{"fileName": f"data/{name}.js", "globalName": f"YTD.{name}.part0", "count": str(count)}]
        }
        for name, count in counts.items()
    }
    config = {"userInfo": {"accountId": "78", "userName": "Somebody"}, "dataTypes": types}
    return b"window.__THAR_CONFIG = " + json.dumps(config).encode()


def zip_of(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    """A ZIP with these files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    file.seek(0)
    return file


def loose(**files: bytes) -> list[LooseFile]:
    """Loose files; `following=…` is following.js, `_` stands for `-`."""
    return [LooseFile(f"{name.replace('_', '-')}.js", io.BytesIO(content)) for name, content in files.items()]


def people_of(source: Source) -> list[str]:
    """Whom an archive names, each as `id,handle,lists`."""
    return [str(query) for query in read_archive(source).people]


def problem_of(source: Source, limits: ReadLimits | None = None) -> ArchiveProblem:
    """Why an archive cannot be read."""
    with pytest.raises(ArchiveError) as caught:
        read_archive(source, limits=limits)
    assert caught.value.file
    assert caught.value.file in str(caught.value)
    return caught.value.code
