"""What stops the database is named in one sentence, and leaves no server and no half-made thing behind."""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.cli.failures import tell
from deploy.embedded import EmbeddedError, open_database
from deploy.embedded.binaries import Installation
from deploy.embedded.errors import EmbeddedError as Base
from deploy.embedded.errors import from_os_error, from_output
from deploy.embedded.folders import Folders
from tests.deploy.embedded.programs import Holder, ordinary_uid

Hold = Callable[..., Holder]
UID_WITHOUT_NAME = 54321


def refusal(data_dir: Path) -> EmbeddedError:
    with pytest.raises(EmbeddedError) as caught:
        open_database(data_dir)
    return caught.value


def subclasses(kind: type[Base]) -> Iterator[type[Base]]:
    yield kind
    for child in kind.__subclasses__():
        yield from subclasses(child)


def test_codes_are_different_and_sentences_end() -> None:
    kinds = list(subclasses(Base))
    assert len({kind.code for kind in kinds}) == len(kinds)
    for kind in kinds:
        assert kind.sentence.endswith(".")
        assert kind.__doc__


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("FATAL:  could not write lock file: No space left on device", "disk_full"),
        ('could not extend file "base/1/2": Disk quota exceeded', "disk_full"),
        ("could not write to file: File too large", "disk_full"),
        ("could not extend file: wrote only 4096 of 8192 bytes\nHINT:  Check free disk space.", "disk_full"),
        ("could not open file: Read-only file system", "read_only_file_system"),
        ("initdb: error: could not look up effective user ID 7: user does not exist", "unknown_user"),
        ("postgres: error while loading shared libraries: libz.so.1", "binaries_missing"),
        ("FATAL:  something never seen before", "database_failed"),
        ("", "database_failed"),
    ],
)
def test_what_the_server_writes_is_recognised(written: str, code: str) -> None:
    error = from_output(written, Path("/data"))
    assert (error.code, error.detail) == (code, written)


def test_the_data_folder_is_a_file(new_data_dir: Path) -> None:
    new_data_dir.write_text("")
    assert refusal(new_data_dir).code == "folder_unusable"


def test_something_else_is_in_the_place_of_the_server(new_data_dir: Path) -> None:
    new_data_dir.mkdir(mode=0o755)
    new_data_dir.chmod(0o755)
    Folders(new_data_dir).home.write_text("")
    assert refusal(new_data_dir).code == "not_a_database"


def test_something_else_is_in_the_place_of_the_cluster(data_dir: Path) -> None:
    (Folders(data_dir).cluster / "PG_VERSION").unlink()
    assert refusal(data_dir).code == "not_a_database"


def test_the_data_of_another_major_version_is_left_alone(data_dir: Path) -> None:
    version = Folders(data_dir).cluster / "PG_VERSION"
    version.write_text("17\n")
    error = refusal(data_dir)
    assert error.code == "folder_of_another_version"
    assert error.values["found"] == "17"
    assert version.read_text() == "17\n"


def test_a_damaged_cluster_is_told_with_the_end_of_its_log(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (Folders(data_dir).cluster / "global/pg_control").unlink()
    error = refusal(data_dir)
    assert error.code == "database_failed"
    assert "pg_control" in error.detail
    tell(error)
    shown = capsys.readouterr().err
    assert "shown with this message" in shown
    assert error.detail.rstrip() in shown, "the command said so, and showed nothing"


def test_the_log_of_an_earlier_start_explains_nothing(data_dir: Path) -> None:
    (Folders(data_dir).log / "postgres-20990101-000000-0badcafe.log").write_text("No space left on device\n")
    (Folders(data_dir).cluster / "global/pg_control").unlink()
    assert refusal(data_dir).code == "database_failed"


def test_the_wheel_is_not_there(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert refusal(data_dir).code == "binaries_missing"


def test_the_wheel_is_for_another_machine(
    data_dir: Path, public_folder: Path, public_wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(public_wheel, public_folder / "wheel")
    foreign = Installation(public_folder / "wheel")
    foreign.postgres.write_bytes(b"\x7fELF of another world")
    monkeypatch.setattr("deploy.embedded.binaries.find_installation", lambda: foreign)
    assert refusal(data_dir).code == "binaries_missing"


def test_a_path_that_is_too_long_for_a_socket_listens_elsewhere_and_cleans_up(public_folder: Path) -> None:
    data_dir = public_folder / ("long" * 25) / "data"
    for _ in range(2):
        with open_database(data_dir) as database:
            assert not database.socket_dir.is_relative_to(data_dir)
            assert stat.S_IMODE(database.socket_dir.stat().st_mode) == 0o700
        assert not database.socket_dir.exists()


def test_a_path_that_lists_of_hosts_would_split_listens_elsewhere(public_folder: Path) -> None:
    with open_database(public_folder / "a,b 'c' %41 ü") as database:
        assert "," not in database.dsn


def test_nobody_can_take_the_place_of_the_socket(
    public_folder: Path, new_data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user of the machine makes our folder below /tmp first, to get our queries."""
    data_dir = public_folder / ("long" * 25)
    with open_database(data_dir) as database:
        taken = database.socket_dir
    taken.symlink_to(public_folder)
    try:
        error = refusal(data_dir)
    finally:
        taken.unlink()
    assert (error.code, error.values["folder"]) == ("socket_taken", taken)


def test_a_lock_that_is_a_link_is_not_followed(data_dir: Path, public_folder: Path) -> None:
    """Who can write in the folder must not make us create files elsewhere."""
    target = public_folder / "elsewhere"
    lock = Folders(data_dir).locks / "postgres-start.lock"
    lock.unlink()
    lock.symlink_to(target)
    assert refusal(data_dir).code == "folder_unusable"
    assert not target.exists()


def test_a_folder_that_we_may_not_write(new_data_dir: Path, public_wheel: Path, hold: Hold) -> None:
    new_data_dir.mkdir()
    new_data_dir.chmod(0o555)
    answer = hold(uid=ordinary_uid(), site=public_wheel).answer()
    new_data_dir.chmod(0o755)
    assert answer["error"] == "folder_not_writable"


def test_errors_of_the_system_that_have_no_name_here_are_told_in_its_words() -> None:
    error = from_os_error(OSError(121, os.strerror(121)), Path("/data"))
    assert error.code == "folder_unusable"
    assert os.strerror(121) in str(error)
