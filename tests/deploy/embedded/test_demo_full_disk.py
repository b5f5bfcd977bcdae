"""`passerelle demo` on a disk that becomes full: it ends, what it says is so, and there is a way on."""

import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.deploy.embedded.test_full_disk import may_mount, small_disk
from tests.harness.command import Command

DISK_MB: Final = 80
LARGER: Final = "size=200m"


@pytest.mark.skipif(not may_mount(), reason="only root may mount a disk of its own")
def test_a_demo_that_fills_the_disk(public_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waited for ever for a server that had ended; once it said that nothing was changed, and people were left."""
    monkeypatch.setattr("tests.deploy.embedded.test_full_disk.DISK_MB", DISK_MB)
    with small_disk(public_folder) as disk:
        command = Command(disk, {"data": str(disk / "data")})
        full = command.run("demo", "--people", "60000", "--no-archive")
        assert full.code == 1
        assert f"The disk that holds {disk / 'data'} is full" in full.sentence
        assert "what was finished stays, the rest was undone" in full.sentence
        assert "othing was changed" not in full.sentence
        again = command.run("demo", "--people", "300", "--no-archive")
        assert again.code == 1
        assert "is full, so the database cannot start" in again.sentence
        subprocess.run(["mount", "-o", f"remount,{LARGER}", disk], check=True)
        assert "300 demo people" in command.run("demo", "--people", "300", "--no-archive").out
        assert "were taken out" in command.run("demo", "--remove").out
