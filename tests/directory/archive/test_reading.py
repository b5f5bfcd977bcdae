"""Archives as X makes them, and as people hand them over."""

import io
import tempfile
from pathlib import Path

import pytest

from directory.archive import LooseFile, Notice, Owner, ReadLimits, read_archive
from directory.identifiers import XHandle, XId
from tests.directory.archive.build import (
    ACCOUNT,
    assign,
    list_js,
    loose,
    manifest,
    people_of,
    tweet,
    tweets_js,
    zip_of,
)

FOLLOWING = list_js("following", "12", "34", "56")
FILES = {
    "Your archive.html": b"<!doctype html>",
    "data/manifest.js": manifest(following=3, block=1),
    "data/account.js": ACCOUNT,
    "data/following.js": FOLLOWING,
    "data/follower.js": list_js("follower", "34", "78"),
    "data/block.js": list_js("block", "90"),
    "data/mute.js": list_js("mute", "90", "12"),
    "data/tweets.js": tweets_js(tweet("1000", ("34", "Tavan"), ("5", "stranger"))),
    "data/follower-requests.js": assign("follower_requests", []),
    "data/tweets_media/1-abc.jpg": b"\xff\xd8" * 100,
}
PEOPLE = ["12,,fm", "34,Tavan,fr", "56,,f", "78,,r", "90,,bm"]


def test_an_archive_is_read_whole() -> None:
    archive = read_archive(zip_of(FILES))

    assert [str(query) for query in archive.people] == PEOPLE
    assert archive.owner == Owner(XId(77), XHandle("Lina_Silor10"))
    assert archive.notices == frozenset()


def test_a_zip_a_folder_and_loose_files_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "twitter.zip"
    path.write_bytes(zip_of(FILES).getvalue())
    folder = tmp_path / "unpacked"
    for name, content in FILES.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    files = [LooseFile(name.rpartition("/")[2], io.BytesIO(content)) for name, content in FILES.items()]

    for source in (path, str(path), folder, folder / "data", tmp_path, files):
        assert people_of(source) == PEOPLE


def test_a_single_file_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "following.js"
    path.write_bytes(FOLLOWING)

    assert people_of(path) == ["12,,f", "34,,f", "56,,f"]
    assert people_of([LooseFile("following.js", io.BytesIO(FOLLOWING))]) == ["12,,f", "34,,f", "56,,f"]


def test_a_form_hands_a_zip_over_as_one_loose_file() -> None:
    with tempfile.SpooledTemporaryFile(max_size=10) as upload:
        upload.write(zip_of(FILES).getvalue())
        assert people_of([LooseFile("twitter-2026.zip", upload)]) == PEOPLE  # type: ignore[arg-type]  # a file in all but its type


@pytest.mark.parametrize("folder", ["", "data/", "twitter-2026-11-01/", "twitter-2026-11-01/data/"])
def test_lists_may_stand_in_data_loose_or_one_folder_down(folder: str) -> None:
    assert people_of(zip_of({f"{folder}following.js": FOLLOWING})) == ["12,,f", "34,,f", "56,,f"]


def test_backslashes_of_windows_packers_are_folders() -> None:
    archive = zip_of({"data/following.js": FOLLOWING}).getvalue()
    assert people_of(io.BytesIO(archive.replace(b"data/f", b"data\\f"))) == ["12,,f", "34,,f", "56,,f"]


def test_the_data_folder_comes_before_others() -> None:
    files = {"following.js": list_js("following", "1"), "data/following.js": list_js("following", "2")}
    assert people_of(zip_of(files)) == ["2,,f"]


def test_parts_are_read_in_their_order() -> None:
    files = {
        "data/following-part10.js": list_js("following", "3", part=10),
        "data/following-part1.js": list_js("following", "2", part=1),
        "data/following.js": list_js("following", "1"),
    }
    assert people_of(zip_of(files)) == ["1,,f", "2,,f", "3,,f"]


def test_nobody_is_an_answer() -> None:
    archive = read_archive(zip_of({"data/following.js": b"window.YTD.following.part0 = [ ]"}))
    assert archive.people == []
    assert archive.notices == {Notice.NOBODY}


@pytest.mark.parametrize(
    ("files", "notices"),
    [
        (
            {"following": assign("following", []), "block": list_js("block", "1")},
            {Notice.ZERO_FOLLOWS, Notice.NAMES_MISSING},
        ),
        ({"block": list_js("block", "1")}, {Notice.FOLLOWING_MISSING, Notice.NAMES_MISSING}),
        (
            {"following": FOLLOWING, "manifest": manifest(following=4), "tweets": tweets_js()},
            {Notice.REFUSED_MISSING, Notice.PARTS_MISSING},
        ),
        (
            {"following": FOLLOWING, "tweets": b"window.YTD.tweets.part0 = [ {"},
            {Notice.REFUSED_MISSING, Notice.NAMES_UNREAD},
        ),
        (
            {"following": FOLLOWING, "tweets": FOLLOWING, "mute": list_js("mute", "1")},
            {Notice.REFUSED_MISSING, Notice.NAMES_UNREAD},
        ),
    ],
)
def test_what_is_missing_is_told(files: dict[str, bytes], notices: set[Notice]) -> None:
    assert read_archive(loose(**files)).notices == notices


def test_damaged_tweets_cost_names_and_not_people() -> None:
    broken = tweets_js(tweet("9", ("12", "early")), tweet("8", ("34", "late")))[:-200]
    assert people_of(loose(following=FOLLOWING, tweets=broken)) == ["12,early,f", "34,,f", "56,,f"]


@pytest.mark.parametrize(
    "written",
    [
        b"\xef\xbb\xbf" + FOLLOWING,
        FOLLOWING + b";",
        FOLLOWING + b" ;\r\n\r\n",
        b"\r\n" + FOLLOWING.replace(b"\n", b"\r\n"),
        FOLLOWING.replace(b" = ", b"="),
        FOLLOWING.replace(b"x.com", b"twitter.com"),
        FOLLOWING.replace(b"part0", b"part7"),
    ],
)
def test_small_differences_do_not_matter(written: bytes) -> None:
    assert people_of(loose(following=written)) == ["12,,f", "34,,f", "56,,f"]


def test_fields_that_x_may_add_are_passed_over() -> None:
    row = {"following": {"since": {"year": "2020"}, "tags": ["a"], "accountId": "12", "rank": 3, "x": None}}
    assert people_of(loose(following=assign("following", [row]))) == ["12,,f"]


def test_people_who_stand_twice_are_asked_for_once() -> None:
    archive = read_archive(loose(following=list_js("following", "1", "2", "1")))
    assert [str(query) for query in archive.people] == ["1,,f", "2,,f"]
    assert archive.skipped.repeated_rows == 1


def test_the_owner_comes_from_the_manifest_where_there_is_no_account() -> None:
    archive = read_archive(loose(following=FOLLOWING, manifest=manifest(following=3)))
    assert archive.owner == Owner(XId(78), XHandle("Somebody"))


def test_progress_ends_at_its_total() -> None:
    seen: list[tuple[int, int]] = []
    read_archive(zip_of(FILES), on_progress=lambda done, total: seen.append((done, total)))

    done = [bytes_done for bytes_done, _ in seen]
    assert done == sorted(done)
    assert seen[-1][0] == seen[-1][1] > 0


def test_a_reader_can_be_stopped() -> None:
    class Stop(OSError):
        pass

    def stop(_done: int, _total: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        read_archive(zip_of(FILES), on_progress=stop)


def test_a_long_list_is_read_in_pieces() -> None:
    ids = [str(x_id) for x_id in range(1, 20_001)]
    archive = read_archive(zip_of({"data/following.js": list_js("following", *ids)}))
    assert len(archive.people) == 20_000


def test_exactly_as_many_as_allowed_are_read() -> None:
    limits = ReadLimits(rows_per_list=3, people=3, list_bytes=len(FOLLOWING), zip_entries=1)
    assert len(read_archive(zip_of({"data/following.js": FOLLOWING}), limits=limits).people) == 3
