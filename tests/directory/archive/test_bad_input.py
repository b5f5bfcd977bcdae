"""Everything that is handed over in place of an archive: one named problem each, and nothing else."""

import io
import zipfile
from pathlib import Path

import pytest

from directory.archive import (
    SENTENCES,
    ArchiveError,
    ArchiveProblem,
    LooseFile,
    Notice,
    ReadLimits,
    read_archive,
)
from directory.archive.about import read_account, read_manifest
from directory.archive.json_stream import json_of_config, json_of_list
from tests.directory.archive.build import ACCOUNT, assign, list_js, loose, problem_of, rows, tweets_js, zip_of

P = ArchiveProblem
FOLLOWING = list_js("following", "12", "34")
PREFIX = b"window.YTD.following.part0 = "


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", P.FILE_EMPTY),
        (b"[]", P.NO_ASSIGNMENT),
        (b'[{"following": {"accountId": "1", "userLink": "https://x.com/?user_id=1"}}]', P.NO_ASSIGNMENT),
        (b"window.YTD.following.part0", P.NO_ASSIGNMENT),
        (b" " * 300 + FOLLOWING, P.NO_ASSIGNMENT),
        (FOLLOWING.decode().encode("utf-16"), P.UTF16),
        (b"alert(1); x = []", P.WRONG_PREFIX),
        (FOLLOWING.replace(b"YTD", b"ytd"), P.WRONG_PREFIX),
        (list_js("block", "1"), P.WRONG_PREFIX),
        (PREFIX, P.NOT_JSON),
        (PREFIX + b";", P.NOT_JSON),
        (PREFIX + b"[", P.NOT_JSON),
        (FOLLOWING[:-3], P.NOT_JSON),
        (FOLLOWING + b";;", P.NOT_JSON),
        (FOLLOWING + b"\nalert(1)", P.NOT_JSON),
        (FOLLOWING + b" []", P.NOT_JSON),
        (FOLLOWING.replace(b'"', b"'"), P.NOT_JSON),
        (PREFIX + b"[NaN]", P.NOT_JSON),
        (PREFIX + b"\xff\xfe", P.NOT_JSON),
        (PREFIX + b'["\xff"]', P.NOT_JSON),
        (PREFIX + b"[" + b"9" * 5_000 + b"]", P.NOT_JSON),
        (PREFIX + b"{}", P.WRONG_SHAPE),
        (PREFIX + b"null", P.WRONG_SHAPE),
        (PREFIX + b"[1]", P.WRONG_SHAPE),
        (PREFIX + b'["12"]', P.WRONG_SHAPE),
        (PREFIX + b"[{}]", P.WRONG_SHAPE),
        (PREFIX + b"[[]]", P.WRONG_SHAPE),
        (PREFIX + b'[{"following": "12"}]', P.WRONG_SHAPE),
        (PREFIX + b'[{"following": {}}]', P.WRONG_SHAPE),
        (PREFIX + b'[{"following": {"accountId": null}}]', P.WRONG_SHAPE),
        (PREFIX + b'[{"following": {"accountId": {}}}]', P.WRONG_SHAPE),
        (PREFIX + b'[{"following": {"accountId": "1", "accountId": "2"}}]', P.WRONG_SHAPE),
        (PREFIX + b'[{"following": {"accountId": "1"}, "following": {"accountId": "2"}}]', P.WRONG_SHAPE),
        (PREFIX + b"[" * 100_000, P.WRONG_SHAPE),
        (PREFIX + b'[{"following": {"x": ' + b"[" * 100_000, P.WRONG_SHAPE),
        (assign("following", rows("follower", "12")), P.WRONG_SHAPE),
        (list_js("following", "12", 34), P.NUMBERS_FOR_STRINGS),
        (list_js("following", 1.5e18), P.NUMBERS_FOR_STRINGS),
        (list_js("following", "9" * 30), P.BAD_ID),
        (list_js("following", "12", "0"), P.BAD_ID),
        (list_js("following", "-1"), P.BAD_ID),
        (list_js("following", "012"), P.BAD_ID),
        (list_js("following", "12 "), P.BAD_ID),
        (list_js("following", ""), P.BAD_ID),
        (list_js("following", "١٢"), P.BAD_ID),
        (list_js("following", "@tavan"), P.BAD_ID),
        (PREFIX + b'["' + b"a" * 2_000_000 + b'"]', P.ROW_TOO_LONG),
        (PREFIX + b"[" + b" " * 2_000_000 + b"]", P.ROW_TOO_LONG),
        (PREFIX + b"[" + b" ;\n" * 700_000, P.ROW_TOO_LONG),
    ],
)
def test_a_changed_list_is_refused_whole(content: bytes, problem: ArchiveProblem) -> None:
    assert problem_of(loose(following=content)) is problem
    assert problem_of(zip_of({"data/following.js": content}, zipfile.ZIP_STORED)) is problem


@pytest.mark.parametrize(
    ("account", "problem"),
    [
        (assign("account", {}), P.WRONG_SHAPE),
        (assign("account", [{}]), P.WRONG_SHAPE),
        (assign("account", [{"account": {"accountId": 77}}]), P.NUMBERS_FOR_STRINGS),
        (assign("account", [{"account": {"accountId": "9" * 30}}]), P.BAD_ID),
        (ACCOUNT[:-4], P.NOT_JSON),
        (assign("account", 0) + b"[" * 100_000, P.NOT_JSON),
        (b"[]", P.NO_ASSIGNMENT),
    ],
)
def test_a_changed_account_is_told(account: bytes, problem: ArchiveProblem) -> None:
    """It is refused, and only help: the lists are read without it."""
    with pytest.raises(ArchiveError) as caught:
        read_account(json_of_list([account], ["account"], "account.js"), "account.js")
    assert caught.value.code is problem
    archive = read_archive(loose(following=FOLLOWING, account=account))
    assert archive.owner is None
    assert Notice.ABOUT_UNREAD in archive.notices
    assert len(archive.people) == 2


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        (b"window.__THAR_CONFIG = []", P.WRONG_SHAPE),
        (b"window.__THAR_CONFIG = {", P.NOT_JSON),
        (b"window.YTD.manifest.part0 = {}", P.WRONG_PREFIX),
    ],
)
def test_a_changed_manifest_is_told(manifest: bytes, problem: ArchiveProblem) -> None:
    with pytest.raises(ArchiveError) as caught:
        read_manifest(json_of_config([manifest], "manifest.js"), "manifest.js")
    assert caught.value.code is problem
    archive = read_archive(loose(following=FOLLOWING, manifest=manifest))
    assert Notice.ABOUT_UNREAD in archive.notices
    assert len(archive.people) == 2


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, P.NO_FOLLOW_LIST),
        ({"data/account.js": ACCOUNT, "data/tweets.js": tweets_js()}, P.NO_FOLLOW_LIST),
        ({"data/js/following.js": FOLLOWING}, P.NO_FOLLOW_LIST),
        ({"data/following.js.bak": FOLLOWING, "data/xfollowing.js": FOLLOWING}, P.NO_FOLLOW_LIST),
        ({"data/follower-requests.js": assign("follower_requests", [])}, P.LOOK_ALIKE),
        ({"data/smartblock-following.js": assign("smartblock_following", [])}, P.LOOK_ALIKE),
        ({"data/lists-member.js": assign("lists_member", [])}, P.LOOK_ALIKE),
        ({"tweets.csv": b"tweet_id,text", "data/js/tweets/2012_01.js": b""}, P.CSV_ERA),
        ({"2012/data/js/tweet_index.js": b"var tweet_index = []"}, P.CSV_ERA),
        ({"twitter-2026-11-01.zip": b"PK\x03\x04"}, P.ZIP_NESTED),
        ({"a/data/following.js": FOLLOWING, "b/data/following.js": FOLLOWING}, P.SEVERAL_ARCHIVES),
        ({"data/following.js": FOLLOWING, "../../etc/cron.d/x": b""}, P.UNSAFE_PATH),
        ({"data/following.js": FOLLOWING, "data/../../x": b""}, P.UNSAFE_PATH),
        ({"data/following.js": FOLLOWING, "/etc/passwd": b""}, P.UNSAFE_PATH),
        ({"data/following.js": FOLLOWING, "C:/x": b""}, P.UNSAFE_PATH),
        ({"data/following.js": FOLLOWING, "..\\x": b""}, P.UNSAFE_PATH),
    ],
)
def test_another_zip_is_refused_by_its_names(files: dict[str, bytes], problem: ArchiveProblem) -> None:
    assert problem_of(zip_of(files)) is problem


def test_requests_to_follow_are_named_as_what_they_are() -> None:
    """Somebody who finds no `follower.js` at once takes `follower-requests.js`: strangers, all of them."""
    with pytest.raises(ArchiveError) as caught:
        read_archive(loose(follower_requests=FOLLOWING))
    assert caught.value.code is P.LOOK_ALIKE
    assert caught.value.file == "follower-requests.js"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", P.FILE_EMPTY),
        (b"PK\x03\x04", P.ZIP_TRUNCATED),
        (b"<!doctype html><title>Log in</title>", P.NOT_A_ZIP_PAGE),
        (b"7z\xbc\xaf\x27\x1c", P.NOT_A_ZIP_PACKED),
        (b"a,b,c\n", P.NOT_A_ZIP),
        (zip_of({"data/following.js": FOLLOWING}).getvalue()[:-1], P.ZIP_TRUNCATED),
        (zip_of({"data/following.js": FOLLOWING}).getvalue()[:100], P.ZIP_TRUNCATED),
        (zip_of({"data/following.js": FOLLOWING}).getvalue()[50:], P.ZIP_BROKEN),
    ],
    # A ZIP holds the time at which it was made: as a name it would differ from process to process.
    ids=["empty", "head", "page", "7z", "csv", "without-its-end", "begun", "without-its-begin"],
)
def test_another_file_is_refused_by_its_bytes(
    tmp_path: Path, content: bytes, problem: ArchiveProblem
) -> None:
    path = tmp_path / "twitter.zip"
    path.write_bytes(content)
    assert problem_of(path) is problem
    assert problem_of(io.BytesIO(content)) is problem


def test_two_files_of_one_name_are_not_guessed_between() -> None:
    twice = [
        LooseFile("following.js", io.BytesIO(FOLLOWING)),
        LooseFile("following.js", io.BytesIO(FOLLOWING)),
    ]
    assert problem_of(twice) is P.SAME_FILE_TWICE


def test_two_zips_at_once_are_not_guessed_between() -> None:
    zips = [
        LooseFile(f"{name}.zip", zip_of({"data/following.js": list_js("following", name)})) for name in "12"
    ]
    assert problem_of(zips) is P.SEVERAL_ARCHIVES


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        (ReadLimits(rows_per_list=1), P.TOO_MANY_ROWS),
        (ReadLimits(people=1), P.TOO_MANY_ROWS),
        (ReadLimits(list_bytes=len(FOLLOWING) - 1), P.TOO_LARGE),
        (ReadLimits(zip_entries=2), P.ZIP_TOO_MANY_FILES),
    ],
)
def test_beyond_each_limit_it_stops(limits: ReadLimits, problem: ArchiveProblem) -> None:
    files = {"data/following.js": FOLLOWING, "data/account.js": ACCOUNT, "data/tweets.js": tweets_js()}
    assert problem_of(zip_of(files), limits) is problem


@pytest.mark.parametrize(
    ("limits", "notice"),
    [
        (ReadLimits(about_bytes=len(ACCOUNT) - 1), Notice.ABOUT_UNREAD),
        (ReadLimits(tweets_bytes=10), Notice.NAMES_UNREAD),
    ],
)
def test_beyond_the_limits_of_what_helps_it_stops_there(limits: ReadLimits, notice: Notice) -> None:
    files = {"data/following.js": FOLLOWING, "data/account.js": ACCOUNT, "data/tweets.js": tweets_js()}
    archive = read_archive(zip_of(files), limits=limits)
    assert archive.notices == {notice, Notice.REFUSED_MISSING}
    assert len(archive.people) == 2


def test_the_parts_of_a_list_share_its_limits() -> None:
    parts = loose(following=FOLLOWING, following_part1=list_js("following", "56", "78", part=1))
    assert problem_of(parts, ReadLimits(rows_per_list=3)) is P.TOO_MANY_ROWS
    assert problem_of(parts, ReadLimits(list_bytes=len(FOLLOWING) + 10)) is P.TOO_LARGE


def test_a_thousand_parts_are_enough() -> None:
    parts = {f"data/following-part{part}.js": FOLLOWING for part in range(1_001)}
    assert problem_of(zip_of(parts)) is P.ZIP_TOO_MANY_FILES


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    assert problem_of(tmp_path / "nowhere.zip") is P.NOT_FOUND
    assert problem_of("nul\0byte") is P.NOT_FOUND
    assert problem_of(Path("/dev/null")) is P.UNREADABLE
    assert problem_of(tmp_path) is P.NO_FOLLOW_LIST
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "following.js").mkdir()
    assert problem_of(tmp_path) is P.NO_FOLLOW_LIST


def test_a_pipe_in_a_folder_does_not_hang_the_reader(tmp_path: Path) -> None:
    """A FIFO called following.js would be waited on for ever."""
    import os

    os.mkfifo(tmp_path / "following.js")
    assert problem_of(tmp_path) is P.UNREADABLE


def test_a_disk_that_fails_is_a_problem_of_the_file() -> None:
    class FailingFile(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    assert problem_of(FailingFile(b"PK")) is P.UNREADABLE
    assert problem_of([LooseFile("following.js", FailingFile(b""))]) is P.UNREADABLE


def test_every_problem_has_one_sentence_that_says_what_to_do() -> None:
    assert set(SENTENCES) == set(ArchiveProblem)
    for problem, sentence in SENTENCES.items():
        assert ("%(file)s" in sentence) == (problem is not P.NOTHING_CHOSEN)
        assert sentence.endswith(".")
        assert sentence.count(".") - sentence.count(".js") == 1


def test_a_hostile_name_is_shown_harmlessly() -> None:
    """A file name with line breaks and terminal codes must not reach a log or a screen as it is."""
    name = "\x1b[2J\n" + "a" * 5_000 + ".zip"
    with pytest.raises(ArchiveError) as caught:
        read_archive([LooseFile(name, io.BytesIO(b"x"))])
    assert caught.value.file.isprintable()
    assert len(caught.value.file) <= 80
