"""The operations on a folder of secret files."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from directory.secret_files import MissingSecret, SecretFolder, UnsafeSecret
from directory.secret_files.folder import LOCK_FILE


@pytest.fixture
def folder(tmp_path: Path) -> SecretFolder:
    return SecretFolder(path=tmp_path / "data" / "secrets", lost="Look for it.", max_bytes=10)


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_is_made_with_all_its_files_or_not_at_all(folder: SecretFolder) -> None:
    assert folder.make({"a": b"1", "b": b"2"})
    assert not folder.make({"a": b"3"})
    assert (folder.read("a"), folder.read("b")) == (b"1", b"2")
    with pytest.raises(FileExistsError):
        SecretFolder(path=folder.path.with_name("other")).make({"a": b"1", "..": b"2"})
    assert [path.name for path in folder.path.parent.iterdir()] == ["secrets"]


def test_it_takes_the_place_of_an_empty_folder(folder: SecretFolder) -> None:
    folder.path.mkdir(parents=True, mode=0o777)
    assert folder.make({"a": b"1"})
    assert mode_of(folder.path) == 0o700


@pytest.mark.usefixtures("no_umask")
def test_the_umask_lets_nobody_in(folder: SecretFolder) -> None:
    folder.ensure()
    folder.add("a", b"1")
    folder.replace("b", b"2")
    made = SecretFolder(path=folder.path.with_name("other"))
    made.make({"c": b"3"})
    assert (mode_of(folder.path.parent), mode_of(folder.path), mode_of(made.path)) == (0o755, 0o700, 0o700)
    files = [*folder.path.iterdir(), *made.path.iterdir()]
    assert sorted(path.name for path in files) == ["a", "b", "c", LOCK_FILE]
    assert {mode_of(path) for path in files} == {0o600}


def test_what_is_added_replaces_nothing(folder: SecretFolder) -> None:
    folder.ensure()
    folder.add("a", b"1")
    with pytest.raises(FileExistsError, match="/secrets/a'"):
        folder.add("a", b"2")
    assert folder.read("a") == b"1"
    folder.replace("a", b"3")
    assert folder.read("a") == b"3"
    assert sorted(path.name for path in folder.path.iterdir()) == ["a", LOCK_FILE]


def test_what_is_missing_is_told_with_what_to_do(folder: SecretFolder) -> None:
    for use in (lambda: folder.read("a"), lambda: folder.replace("a", b"1"), lambda: folder.add("a", b"1")):
        with pytest.raises(MissingSecret) as caught:
            use()
        assert str(caught.value) == f"the folder {folder.path} is missing. Look for it."
    folder.ensure()
    with pytest.raises(MissingSecret) as caught:
        folder.read("a")
    assert str(caught.value) == f"the secret file {folder.path}/a is missing. Look for it."


def test_sizes_and_texts(folder: SecretFolder) -> None:
    folder.ensure()
    folder.add("fits", b"123456789\n")
    assert (folder.read("fits"), folder.read_text("fits")) == (b"123456789\n", "123456789")
    folder.add("long", b"123456789\n0")
    with pytest.raises(UnsafeSecret, match="larger than 10 bytes"):
        folder.read("long")
    folder.add("bytes", b"\xff")
    assert folder.read("bytes") == b"\xff"
    with pytest.raises(UnsafeSecret, match="not ASCII"):
        folder.read_text("bytes")


def test_one_writer_at_a_time(folder: SecretFolder) -> None:
    folder.ensure()
    with folder.locked() as alone:
        with pytest.raises(BlockingIOError), folder.locked(wait=False):
            pass
        alone.add("a", b"1")
        assert folder.read("a") == b"1"
    with folder.locked(wait=False) as alone:
        alone.replace("a", b"2")
        assert alone.read("a") == b"2"


def test_a_folder_that_is_exchanged_meanwhile_is_not_written_to(folder: SecretFolder, tmp_path: Path) -> None:
    """Attack: whoever may write to a folder above puts another one in the place of ours between the check and the
    write, to get the secret that is written next."""
    folder.ensure()
    with folder.locked() as alone:
        folder.path.rename(tmp_path / "ours")
        folder.path.mkdir(mode=0o777)
        alone.replace("a", b"secret")
    assert list(folder.path.iterdir()) == []
    assert (tmp_path / "ours" / "a").read_bytes() == b"secret"


def test_a_planted_lock_is_not_followed(folder: SecretFolder, tmp_path: Path) -> None:
    """Attack: a link in a folder that was open for a while would have a file elsewhere made, or opened to write."""
    folder.ensure()
    (folder.path / LOCK_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeSecret, match="plain file"):
        folder.add("a", b"1")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o773], ids=oct)
@pytest.mark.parametrize("is_linked", [False, True], ids=["", "link"])
def test_a_folder_above_that_everybody_may_write_to(
    folder: SecretFolder, tmp_path: Path, mode: int, *, is_linked: bool
) -> None:
    """Attack: any user of the machine takes the folder of secrets away, and has an instance make new ones, or puts
    a former copy of it in its place. Where the folder is sticky, as /tmp is, only its owner can."""
    folder.ensure()
    folder.add("a", b"1")
    seen = folder
    if is_linked:
        (tmp_path / "by-link").symlink_to(tmp_path / "data")
        seen = SecretFolder(path=tmp_path / "by-link" / "secrets")
    (tmp_path / "data").chmod(mode)
    if mode & stat.S_ISVTX:
        assert seen.read("a") == b"1"
        return
    for use in (lambda: seen.read("a"), lambda: seen.replace("a", b"2"), seen.ensure):
        with pytest.raises(UnsafeSecret, match=f"Run `chmod o-w {tmp_path}/") as caught:
            use()
        assert "everybody may write to" in caught.value.seen
    fresh = SecretFolder(path=seen.path.with_name("fresh"))
    for make in (
        fresh.ensure,
        lambda: fresh.make({"a": b"1"}),
        lambda: fresh.read_or_make("a", lambda: b"1"),
    ):
        with pytest.raises(UnsafeSecret, match="everybody"):
            make()
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secrets"]


def test_a_link_in_a_folder_that_everybody_may_write_to(folder: SecretFolder, tmp_path: Path) -> None:
    """Attack: the data folder is good, and the link that leads to it can be exchanged."""
    folder.ensure()
    folder.add("a", b"1")
    public = tmp_path / "public"
    public.mkdir()
    public.chmod(0o777)
    (public / "data").symlink_to(tmp_path / "data")
    with pytest.raises(UnsafeSecret, match=f"chmod o-w {public}`"):
        SecretFolder(path=public / "data" / "secrets").read("a")


def test_folders_above_of_a_group_or_a_volume_are_taken(folder: SecretFolder) -> None:
    """A group of one's own, and a mounted volume, whose group its folders inherit, are common."""
    (folder.path.parent).mkdir()
    folder.path.parent.chmod(0o2775)
    folder.ensure()
    folder.add("a", b"1")
    assert folder.read("a") == b"1"


def test_strange_names_can_be_pasted(tmp_path: Path) -> None:
    folder = SecretFolder(path=tmp_path / "my data; rm -r" / "secrets")
    folder.ensure()
    folder.path.chmod(0o755)
    with pytest.raises(UnsafeSecret) as caught:
        folder.read("a")
    assert f"`chmod 700 '{folder.path}'`" in caught.value.mend
