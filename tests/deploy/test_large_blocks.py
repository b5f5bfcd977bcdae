"""What a long list took, and what a start leaves, is the system's again, whatever small was made meanwhile."""

import platform
import subprocess
import sys
from typing import Final

import pytest

from deploy.large_blocks import return_large_blocks, return_unused

PROGRAM: Final = """
import sys
import psutil
from deploy.large_blocks import return_large_blocks

def resident():
    return psutil.Process().memory_info().rss

if sys.argv[1] == "returned":
    assert return_large_blocks()
bytearray(30 * 2**20)
before = resident()
# Each large one is followed by a small one that stays.
blocks, small = [], []
for _ in range(60):
    blocks.append(bytearray(b"x") * 2**20)
    small.append(bytearray(1_000))
blocks.clear()
print(resident() - before)
"""
UNUSED: Final = """
import sys
import psutil
from deploy.large_blocks import return_unused

def resident():
    return psutil.Process().memory_info().rss

before = resident()
blocks = [bytearray(1_000) for _ in range(30_000)]
last = bytearray(1_000)  # the heap ends with it, and cannot shrink
blocks.clear()
if sys.argv[1] == "returned":
    assert return_unused()
print(resident() - before)
"""
LEFT_BYTES: Final = 10_000_000


def left_after(how: str, program: str = PROGRAM) -> int:
    command = [sys.executable, "-c", program, how]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


# Not by what is tested: on each machine that the tests are made for, the limit has to be there.
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what is large")
def test_large_blocks_go_back_between_small_ones() -> None:
    """Bodies, pages and packed lists of a few MB stayed with a server once it had freed one of them."""
    assert left_after("returned") < LEFT_BYTES < left_after("kept")


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only glibc keeps what is below something in use"
)
def test_what_is_unused_goes_back_below_what_is_in_use() -> None:
    assert left_after("returned", UNUSED) < LEFT_BYTES < left_after("kept", UNUSED)


def test_another_system_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not return_large_blocks()
    assert not return_unused()
