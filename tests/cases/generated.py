"""Archives that nobody thought of: everything that can be wrong with one, in any mixture."""

import io
import json
import warnings
import zipfile
from typing import Any, Final

from hypothesis import strategies as st

from tests.cases.archives import ROW_KEYS

Given = list[tuple[str, bytes]]
"""Files with their paths."""

LISTS: Final = tuple(ROW_KEYS)
_X_IDS: Final = st.sampled_from(["1", "7", "11", "12", "13", "783214", "9223372036854775807"])
_HANDLES: Final = st.sampled_from(
    ["bob", "Bob", "carol", "a" * 15, "b" * 16, "c" * 20, "d" * 21, "", "é", "a b"]
)
_POSTS: Final = st.sampled_from(["20", "1000000000000000000", "1000000000000000001", "0", "x", ""])
_BAD_ROWS: Final = (
    "{}",
    "null",
    "7",
    '"x"',
    "[]",
    "{",
    '{"KEY": {}}',
    '{"KEY": null}',
    '{"KEY": {"accountId": 12}}',
    '{"KEY": {"accountId": 1.5}}',
    '{"KEY": {"accountId": true}}',
    '{"KEY": {"accountId": null, "userLink": "https://x.com/i/user/12"}}',
    '{"KEY": {"accountId": "0"}}',
    '{"KEY": {"accountId": "9223372036854775808"}}',
    '{"KEY": {"accountId": "12", "accountId": "13"}}',
    '{"KEY": {"accountId": "12"}, "more": {}}',
    '{"KEY": {"accountId": "12"}} 7',
    '{"other": {"accountId": "12"}}',
    '{"KEY": {"accountId": "12\u00e9"}}',
    '{"KEY": {"userLink": "https://x.com/en/tos"}}',
    '{"KEY": {"userLink": "https://evil.example/i/user/12"}}',
    '{"KEY": {"userLink": 7}}',
    "[[[[]]]]",
)
_LINKS: Final = (
    "https://x.com/intent/user?user_id=",
    "https://twitter.com/i/user/",
    "https://x.com/en/redirect_by_id/",
)
_TAILS: Final = st.sampled_from([""] * 12 + [";", " ;\n", "\n", "\n;\n"] * 3 + [";;", " x", "\n]"])
_HEADS: Final = st.sampled_from([""] * 12 + ["\ufeff", " ", "\n"] * 3 + ["//\n"])
_STRAYS: Final = st.sampled_from(
    [
        ("notes.txt", b"x"),
        ("cat.jpg", b"\xff\xd8"),
        ("page.zip", b"<!DOCTYPE html>"),
        ("page.html", b"\xa0<html>"),
        ("old.rar", b"Rar!\x1a\x07"),
        ("empty.zip", b""),
        ("twitter.zip.002", b"x" * 40),
        ("follower-requests.js", b"window.YTD.follower_request.part0 = []"),
        ("lists-member.js", b""),
        ("tweets.csv", b"x"),
        ("ad-engagements.js", b"window.YTD.ad_engagements.part0 = []"),
        ("block.j\u017f", b"window.YTD.block.part0 = []"),
    ]
)


def changed(draw: st.DrawFn, content: bytes) -> bytes:
    """Cuts a file, changes a byte of it or saves it in another encoding; mostly leaves it as it is."""
    what = draw(st.sampled_from([""] * 30 + ["cut", "byte", "utf-16"]))
    if what == "cut":
        return content[: draw(st.integers(0, len(content)))]
    if what == "byte" and content:
        at = draw(st.integers(0, len(content) - 1))
        return content[:at] + bytes([draw(st.integers(0, 255))]) + content[at + 1 :]
    if what == "utf-16":
        return content.decode("utf-8", "replace").encode("utf-16")
    return content


def assigned(draw: st.DrawFn, word: str, json_text: str, part: int = 0) -> bytes:
    """A file as X writes it, or nearly."""
    word = draw(st.sampled_from([word] * 30 + ["following", "likes"]))
    target = f"window.YTD.{word}.part{part} = " if word != "__THAR_CONFIG" else f"window.{word} = "
    if draw(st.integers(0, 40)) == 40:
        target = ""
    return changed(draw, (draw(_HEADS) + target + json_text + draw(_TAILS)).encode())


@st.composite
def list_files(draw: st.DrawFn) -> tuple[str, bytes]:
    name, part = draw(st.sampled_from(LISTS)), draw(st.sampled_from([0, 0, 0, 1]))
    key = ROW_KEYS[name]
    rows = [json.dumps({key: {"accountId": x_id}}) for x_id in draw(st.lists(_X_IDS, max_size=4))]
    links = draw(st.lists(st.sampled_from(_LINKS), max_size=1))
    rows += [json.dumps({key: {"userLink": link + draw(_X_IDS)}}) for link in links]
    bad = draw(st.lists(st.sampled_from(_BAD_ROWS), max_size=2)) if draw(st.booleans()) else []
    rows += [each.replace("KEY", key) for each in bad]
    count = draw(st.sampled_from([0, 0, 98, 99, 100, 199])) if bad else 0
    rows += [json.dumps({key: {"accountId": str(1_000 + each)}}) for each in range(count)]
    rows = draw(st.permutations(rows)) if len(rows) < 8 else rows
    comma = draw(st.sampled_from([", ", ",", " , \n"]))
    content = assigned(draw, name, f"[{comma.join(rows)}]", part)
    return f"{name}{f'-part{part}' if part else ''}.js", content


@st.composite
def account_files(draw: st.DrawFn) -> tuple[str, bytes]:
    x_id: Any = draw(st.sampled_from(["7", "7", "7", "8", "", 7, None, True, "x"]))
    account: Any = {"email": "a@mail.example", "accountId": x_id, "username": draw(_HANDLES)}
    rows = draw(
        st.sampled_from([[{"account": account}], [], [{}], [{"account": account}, {"account": {}}], {}])
    )
    return "account.js", assigned(draw, "account", json.dumps(rows))


@st.composite
def manifest_files(draw: st.DrawFn) -> tuple[str, bytes]:
    count = draw(st.sampled_from(["0", "1", "99", "x", "", 7, 1.5, None, "-3", "1e3", " 9"]))
    manifest = {
        "userInfo": draw(
            st.sampled_from([{"accountId": "7", "userName": "alice"}, {"accountId": 8}, None, {}])
        ),
        "archiveInfo": {"isPartialArchive": draw(st.sampled_from([True, False, "true", "false", 1, None]))},
        "dataTypes": {
            draw(st.sampled_from(LISTS)): {"files": [{"count": count}, draw(st.sampled_from([{}, None]))]}
        },
    }
    return "manifest.js", assigned(draw, "__THAR_CONFIG", json.dumps(manifest))


def _numbered(x_id: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(
        [{"id_str": x_id}, {"id": x_id}, {"id_str": "", "id": x_id}, {"id_str": int(x_id)}]
    )


@st.composite
def tweets_files(draw: st.DrawFn) -> tuple[str, bytes]:
    posts = []
    for _ in range(draw(st.integers(0, 3))):
        mentions: Any = [
            {**draw(_numbered(x_id)), "screen_name": draw(_HANDLES)}
            for x_id in draw(st.lists(_X_IDS, max_size=3))
        ]
        mentions = draw(st.sampled_from([mentions, mentions, mentions, None, {}, [None]]))
        post: Any = {"id_str": draw(_POSTS), "entities": {"user_mentions": mentions}}
        posts.append(draw(st.sampled_from([{"tweet": post}, {"tweet": post}, post])))
    if draw(st.integers(0, 20)) == 20:
        posts.append(draw(st.sampled_from([None, 7, []])))
    name = draw(st.sampled_from(["tweets", "tweet"]))
    return f"{name}.js", assigned(draw, name, json.dumps(posts))


def renamed(draw: st.DrawFn, name: str) -> str:
    """A name as systems and people write it."""
    stem, _, suffix = name.rpartition(".")
    stem += draw(st.sampled_from([""] * 16 + [" (1)", "(12)", " copy", " - Copy", "_1"]))
    suffix += draw(st.sampled_from([""] * 16 + ["on", ".txt", "on.txt", "x"]))
    name = f"{stem}.{suffix}"
    return draw(st.sampled_from([name] * 5 + [name.upper(), name.title()]))


_FILES: Final = st.one_of(
    list_files(), list_files(), list_files(), account_files(), manifest_files(), tweets_files()
)
_FOLDERS: Final = st.sampled_from(
    ["data/"] * 30
    + [
        "",
        "./data/",
        "a/b/data/",
        "data\\",
        "Archive 14:30/data/",
        "DATA/",
        "__MACOSX/data/",
        "data//",
        "é/data/",
    ]
    + ["data/js/", "../data/", "/data/", "assets/", "C:/data/"]
)


def _name(file: tuple[str, bytes]) -> str:
    return file[0]


@st.composite
def zips(draw: st.DrawFn) -> tuple[str, bytes]:
    buffer = io.BytesIO()
    folder = draw(_FOLDERS)
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in draw(
            st.lists(st.one_of(_FILES, _FILES, _FILES, _STRAYS), max_size=5, unique_by=_name)
        ):
            place = folder if draw(st.integers(0, 30)) else draw(_FOLDERS)
            entry = zipfile.ZipInfo("x", (2024, 1, 1, 0, 0, 0))
            entry.filename = place + renamed(draw, name)
            entry.compress_type = draw(st.sampled_from([zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED]))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # a name twice is what some ZIPs have
                with archive.open(entry, "w") as member:
                    member.write(content)
        archive.comment = draw(st.sampled_from([b"", b"", b"from X"]))
    before = draw(st.sampled_from([b""] * 6 + [b"#!/bin/sh\n", b"MZ" + bytes(100), b"PK"]))
    after = draw(st.sampled_from([b""] * 6 + [b"\n", bytes(50)]))
    name = draw(st.sampled_from(["twitter.zip", "twitter.zip", "b.ZIP", "archive", "x.zip.001", "x.docx"]))
    return name, changed(draw, before + buffer.getvalue() + after)


@st.composite
def given_files(draw: st.DrawFn) -> Given:
    """What somebody chooses together."""
    chosen = draw(
        st.lists(st.one_of(zips(), zips(), _FILES, _FILES, _FILES, _STRAYS), min_size=1, max_size=4)
    )
    return [(renamed(draw, name) if name.endswith(".js") else name, content) for name, content in chosen]
