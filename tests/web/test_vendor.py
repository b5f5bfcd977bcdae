"""The third-party scripts are the ones that were pinned."""

import base64
import hashlib
import io
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from web import vendor as vendoring
from web.vendor import CHECKSUMS, PACKAGES, VENDOR_DIR, Package, VendorError, check, vendor


def test_the_files_on_disk_are_the_ones_that_were_fetched() -> None:
    check()


def test_every_kept_script_has_its_licence_beside_it() -> None:
    for package in PACKAGES:
        assert (VENDOR_DIR / package.folder / "LICENSE").read_text().strip()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return shutil.copytree(VENDOR_DIR, tmp_path / "vendor")


def test_a_changed_file_is_named(copy: Path) -> None:
    """Somebody who can commit could slip a line into a script that nobody reads."""
    script = copy / PACKAGES[0].script
    script.write_text(script.read_text() + "\nfetch('/elsewhere')")
    with pytest.raises(VendorError, match=f"{PACKAGES[0].script} is not the file"):
        check(copy)


def test_a_missing_and_a_foreign_file_are_named(copy: Path) -> None:
    (copy / PACKAGES[0].script).unlink()
    (copy / "extra.js").write_text("")
    with pytest.raises(VendorError, match=r"htmx\.min\.js is missing; extra\.js belongs to no package"):
        check(copy)


def test_a_script_left_out_of_the_checksums_is_named(copy: Path) -> None:
    lines = (copy / CHECKSUMS).read_text().splitlines(keepends=True)
    (copy / CHECKSUMS).write_text("".join(line for line in lines if PACKAGES[0].script not in line))
    with pytest.raises(VendorError, match="is pinned but not kept"):
        check(copy)


def test_no_checksums_is_named(tmp_path: Path) -> None:
    with pytest.raises(VendorError, match="run `make vendor`"):
        check(tmp_path)


def tarball(path: Path, *names: str) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(f"package/{name}")
            member.size = 5
            archive.addfile(member, io.BytesIO(b"bytes"))
    return path


def use_tarball(monkeypatch: pytest.MonkeyPatch, path: Path, *, is_pinned: bool) -> None:
    """Makes npm answer with this tarball for the first package, which is the only one."""
    digest = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    package = replace(PACKAGES[0], integrity=f"sha512-{digest}") if is_pinned else PACKAGES[0]
    monkeypatch.setattr(vendoring, "PACKAGES", (package,))

    def fetch(_package: Package, _scratch: Path) -> Path:
        return path

    monkeypatch.setattr(vendoring, "_fetch", fetch)


def test_a_pinned_package_is_kept_and_the_old_ones_go(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = copy / "old-1.0.0"
    old.mkdir()
    (old / "old.js").write_text("")
    use_tarball(monkeypatch, tarball(tmp_path / "x.tgz", PACKAGES[0].file, "LICENSE"), is_pinned=True)
    vendor(copy)
    check(copy)
    assert (copy / PACKAGES[0].script).read_bytes() == b"bytes"
    assert not old.exists()


def test_a_package_that_is_not_the_pinned_one_changes_nothing(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry, or somebody on the way to it, could hand out another tarball under the same version."""
    use_tarball(monkeypatch, tarball(tmp_path / "x.tgz", PACKAGES[0].file, "LICENSE"), is_pinned=False)
    with pytest.raises(VendorError, match="is not the package that was pinned"):
        vendor(copy)
    monkeypatch.undo()
    check(copy)


def test_a_package_without_a_licence_is_not_kept(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_tarball(monkeypatch, tarball(tmp_path / "x.tgz", PACKAGES[0].file), is_pinned=True)
    with pytest.raises(VendorError, match="holds no LICENSE"):
        vendor(copy)
    monkeypatch.undo()
    check(copy)
