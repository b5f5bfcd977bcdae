"""Hashes full entry bundles in processes of their own.

Hashing is nearly all the work of checking a log, and holds Python's lock: the thread that serves the web would
wait for it.

`python -m federation.fsck.hashing_process` reads requests: the number of bundles in four bytes, then the bundles. It
answers each with the leaf hashes and the root of every bundle. It ends when its input ends.
"""

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Final, Self

from federation.fsck.bundle_hashing import FULL_BUNDLE_BYTES, HashedBundle, hash_bundle
from federation.tlog.merkle import HASH_BYTES
from federation.tlog.tiles import TILE_BYTES

COUNT_BYTES: Final = 4
ANSWER_BYTES: Final = TILE_BYTES + HASH_BYTES
PROCESSES: Final = 2
"""More would wait for the database."""
END_TIMEOUT_S: Final = 5.0


class HashingProcesses:
    """A pool of hashing processes, which ends with the block. Raises OSError where they cannot be started."""

    def __init__(self, count: int = PROCESSES) -> None:
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        self.processes: list[subprocess.Popen[bytes]] = []
        for _ in range(count):
            process = _start()
            self.processes.append(process)
            self._idle.put(process)
        self._threads = ThreadPoolExecutor(count, "hashing")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(cancel_futures=True)
        for process in self.processes:
            _end(process)

    def submit(self, bundles: Sequence[bytes]) -> "Future[list[HashedBundle]]":
        """Hashes full bundles, in their order. The future raises OSError when the process has ended."""
        return self._threads.submit(self._hash, bundles)

    def _hash(self, bundles: Sequence[bytes]) -> list[HashedBundle]:
        process = self._idle.get()
        try:
            return _ask(process, bundles)
        finally:
            self._idle.put(process)


def _start() -> subprocess.Popen[bytes]:
    # In a process group of its own: an interrupt from the terminal reaches the command alone, which ends this one.
    command = [sys.executable, "-P", "-m", "federation.fsck.hashing_process"]
    return subprocess.Popen(  # noqa: S603 - this very program
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate(timeout=END_TIMEOUT_S)


def _ask(process: subprocess.Popen[bytes], bundles: Sequence[bytes]) -> list[HashedBundle]:
    if (
        process.stdin is None
        or process.stdout is None
        or any(len(each) != FULL_BUNDLE_BYTES for each in bundles)
    ):
        raise ValueError("only full bundles are hashed elsewhere")
    process.stdin.write(b"".join([len(bundles).to_bytes(COUNT_BYTES, "big"), *bundles]))
    process.stdin.flush()
    answer = process.stdout.read(len(bundles) * ANSWER_BYTES)
    if len(answer) != len(bundles) * ANSWER_BYTES:
        raise ChildProcessError("a process that hashes has ended; was memory short?")
    parts = [answer[at : at + ANSWER_BYTES] for at in range(0, len(answer), ANSWER_BYTES)]
    return [HashedBundle(part[:TILE_BYTES], part[TILE_BYTES:]) for part in parts]


def _serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    while len(count := requests.read(COUNT_BYTES)) == COUNT_BYTES:
        data = requests.read(int.from_bytes(count, "big") * FULL_BUNDLE_BYTES)
        for at in range(0, len(data), FULL_BUNDLE_BYTES):
            leaves, root = hash_bundle(data[at : at + FULL_BUNDLE_BYTES])
            answers.write(leaves + (root or b""))
        answers.flush()


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
