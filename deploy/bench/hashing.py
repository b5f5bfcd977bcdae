"""Hashes entry bundles and nothing else, in as many processes as checking a log does: what the machine could do at most.

`python -m deploy.bench.hashing SECONDS` writes how many leaves it has hashed.
"""

import asyncio
import os
import subprocess
import sys
import time

from federation.fsck.bundle_hashing import FULL_BUNDLE_BYTES, hash_bundle
from federation.fsck.hashing_process import PROCESSES
from federation.tlog.tiles import TILE_WIDTH


async def hashing_alone(seconds: float) -> float:
    """Returns leaves a second, of all processes together."""
    command = (sys.executable, "-m", "deploy.bench.hashing", str(seconds))
    processes = [
        await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE) for _ in range(PROCESSES)
    ]
    answers = [(await process.communicate())[0] for process in processes]
    return sum(int(answer) for answer in answers) / seconds


def hash_for(seconds: float) -> int:
    """Hashes random bundles for so long. Returns the number of leaves."""
    bundle, leaves = os.urandom(FULL_BUNDLE_BYTES), 0
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        hash_bundle(bundle)
        leaves += TILE_WIDTH
    return leaves


if __name__ == "__main__":
    sys.stdout.write(str(hash_for(float(sys.argv[1]))))
