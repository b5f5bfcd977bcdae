"""Invented archives: what is written is read, the same bytes every time, whole or not at all."""

import resource
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from directory.archive import Archive, Notice, read_archive
from directory.demo import ArchivePlan, DemoError, DemoProblem, World, write_archive
from directory.demo import archive as writing
from directory.demo.problems import SENTENCES
from directory.queries import Lists, Query

PLAN = ArchivePlan(follows=300, followers=200, blocks=30, mutes=7, tweets_bytes=300_000, people_total=500)


def on_list(archive: Archive, kind: Lists) -> list[Query]:
    return [query for query in archive.people if kind in query.lists]


def known_in(queries: list[Query], plan: ArchivePlan) -> int:
    world = World(plan.seed)
    known = {world.x_id(slot) for slot in range(plan.people_total)}
    return sum(query.x_id is not None and query.x_id.value in known for query in queries)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "twitter-2026-11-01.zip"


def test_what_is_written_is_read(path: Path) -> None:
    written = write_archive(path, PLAN)
    archive = read_archive(path)

    follows = on_list(archive, Lists.FOLLOWING)
    assert len(follows) == 300
    assert len(on_list(archive, Lists.FOLLOWER)) == 200
    assert len(on_list(archive, Lists.BLOCK)) == 30
    assert len(on_list(archive, Lists.MUTE)) == 7
    assert len(on_list(archive, Lists.FOLLOWING | Lists.FOLLOWER)) == 100
    assert archive.notices == frozenset()
    assert archive.skipped.repeated_rows == archive.skipped.mentions == 0
    assert archive.owner is not None
    assert known_in(follows, PLAN) == written.known_follows == 90
    assert written.size_bytes == path.stat().st_size


def test_about_half_of_the_followed_have_a_name_and_an_eighth_of_the_followers(path: Path) -> None:
    plan = replace(PLAN, follows=2_000, followers=2_000, people_total=20_000)
    write_archive(path, plan)
    archive = read_archive(path)
    follows = on_list(archive, Lists.FOLLOWING)
    others = [query for query in archive.people if query.lists == Lists.FOLLOWER]
    assert sum(query.x_handle is not None for query in follows) / len(follows) == pytest.approx(0.5, abs=0.1)
    assert sum(query.x_handle is not None for query in others) / len(others) == pytest.approx(0.2, abs=0.1)


def test_some_are_known_by_a_former_name_and_the_newest_mention_wins(path: Path) -> None:
    plan = replace(PLAN, follows=2_000, people_total=4_000, known_share=1.0)
    write_archive(path, plan)
    world = World()
    slots = {world.x_id(slot): slot for slot in range(plan.people_total)}
    names = {
        slots[query.x_id.value]: str(query.x_handle)
        for query in read_archive(path).people
        if query.x_id and query.x_handle
    }
    renamed = [slot for slot in names if world.former_handle(slot)]
    by_former = {slot for slot in renamed if names[slot] == world.former_handle(slot)}
    assert by_former == {slot for slot in renamed if slot // 25 % 2 == 0}
    assert 0 < len(by_former) < len(renamed)
    assert all(names[slot] == world.handle(slot) for slot in names if slot not in by_former)


def test_the_same_plan_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.zip"
    plan = replace(PLAN, media_bytes=100_000, parts=3)
    write_archive(path, plan)
    write_archive(other, plan)
    assert path.read_bytes() == other.read_bytes()
    write_archive(other, replace(plan, seed=1))
    assert path.read_bytes() != other.read_bytes()


def test_parts_hold_the_same_people(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "parts.zip"
    write_archive(path, PLAN)
    write_archive(other, replace(PLAN, parts=7))
    assert read_archive(path).people == read_archive(other).people
    names = zipfile.ZipFile(other).namelist()
    assert "data/following-part6.js" in names
    assert "data/follower-part6.js" in names


def test_it_looks_like_an_archive_of_x(path: Path) -> None:
    write_archive(path, replace(PLAN, media_bytes=9_000_000))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        following = archive.read("data/following.js")
        assert following.startswith(b"window.YTD.following.part0 = [\n  {")
        assert b"https://x.com/intent/user" in following
        assert b"https://twitter.com/intent/user" in following
        media = [info for info in archive.infolist() if info.filename.startswith("data/tweets_media/")]
        assert sum(info.file_size for info in media) == 9_000_000
        assert {info.compress_type for info in media} == {zipfile.ZIP_STORED}
        assert archive.getinfo("data/tweets.js").file_size >= 300_000


def test_an_archive_can_be_empty(path: Path) -> None:
    write_archive(path, ArchivePlan(0, 0, 0, 0, tweets_bytes=0, people_total=0))
    assert read_archive(path).people == []
    assert read_archive(path).notices == {Notice.NOBODY}


@pytest.mark.parametrize("follows", [1, 2, 3])
def test_a_short_list_of_people_without_names_ends(path: Path, follows: int) -> None:
    for seed in range(4):
        write_archive(path, ArchivePlan(follows, 0, 0, 0, tweets_bytes=10_000, seed=seed))
        assert len(read_archive(path).people) == follows


def test_more_known_people_than_there_are_cannot_be_followed(path: Path) -> None:
    write_archive(path, replace(PLAN, people_total=10, known_share=1.0))
    archive = read_archive(path)
    assert len(on_list(archive, Lists.FOLLOWING)) == 300
    assert known_in(archive.people, replace(PLAN, people_total=10)) <= 10


def test_files_beyond_the_limit_of_32_bits_are_written_with_64(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "ZIP64_FROM_BYTES", 1_000)
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 20_000)
    monkeypatch.setattr(writing, "TWEETS_PART_BYTES", 100_000)
    write_archive(path, PLAN)
    content = path.read_bytes()
    assert b"PK\6\6" in content
    assert b"PK\6\7" in content
    assert len(read_archive(path).people) == 300 + 100 + 30 + 7
    assert "data/tweets-part1.js" in zipfile.ZipFile(path).namelist()


def test_progress_ends_at_its_total(path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_archive(path, PLAN, on_progress=lambda done, total: seen.append((done, total)))
    done = [bytes_done for bytes_done, _ in seen]
    assert done == sorted(done)
    assert seen[-1][0] == seen[-1][1] > 300_000


def test_what_is_stopped_leaves_nothing(path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(done: int, _total: int) -> None:
        if done > 100_000:
            raise Stop

    with pytest.raises(Stop):
        write_archive(path, PLAN, on_progress=stop)
    assert list(path.parent.iterdir()) == []


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """The system refuses to let any file grow further: a full disk that a test can have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_named_and_the_old_archive_stays(path: Path) -> None:
    path.write_bytes(b"the one before")
    with no_file_beyond(1_000_000), pytest.raises(DemoError) as caught:
        write_archive(path, replace(PLAN, media_bytes=5_000_000))
    assert caught.value.code is DemoProblem.NO_ROOM
    assert str(path) in str(caught.value)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == b"the one before"


def test_a_size_beyond_the_disk_is_refused_before_it_starts(path: Path) -> None:
    with pytest.raises(DemoError) as caught:
        write_archive(path, replace(PLAN, media_bytes=2**60))
    assert caught.value.code is DemoProblem.NO_ROOM
    assert list(path.parent.iterdir()) == []


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "nowhere" / "a.zip", tmp_path / "file" / "a.zip", tmp_path / "folder"):
        with pytest.raises(DemoError) as caught:
            write_archive(path, PLAN)
        assert caught.value.code is DemoProblem.CANNOT_WRITE
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"follows": -1}, DemoProblem.WRONG_NUMBERS),
        ({"parts": 0}, DemoProblem.WRONG_NUMBERS),
        ({"media_bytes": -1}, DemoProblem.WRONG_NUMBERS),
        ({"known_share": 1.1}, DemoProblem.WRONG_NUMBERS),
        ({"known_share": float("nan")}, DemoProblem.WRONG_NUMBERS),
        ({"people_total": 10_000_001}, DemoProblem.TOO_MANY_PEOPLE),
        ({"followers": 7_000_000}, DemoProblem.TOO_MANY_PEOPLE),
    ],
)
def test_plans_that_cannot_be_meant_are_refused(
    path: Path, change: dict[str, Any], problem: DemoProblem
) -> None:
    with pytest.raises(DemoError) as caught:
        write_archive(path, replace(PLAN, **change))
    assert caught.value.code is problem
    assert list(path.parent.iterdir()) == []


def test_every_problem_has_a_sentence() -> None:
    assert set(SENTENCES) == set(DemoProblem)
