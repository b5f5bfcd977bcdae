"""The scripts of others are the ones that were pinned."""

import shutil
from pathlib import Path

import pytest

from web.vendor import CHECKSUMS, PACKAGES, VENDOR_DIR, VendorError, check


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
    (copy / PACKAGES[1].script).unlink()
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
