"""Processes of their own: several that are first at once, and one that is killed while it writes."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final, Literal

from directory.networks.bluesky.client_key_file import ClientKeyFile
from directory.secret_files import folder as secret_folder
from directory.secret_files import steps
from directory.vault_keys import KeyFile
from federation.keys.instance import KeyFolder

TIMEOUT_S: Final = 120
Point = Literal["begun", "half", "written", "in place", "durable"]
"""Where it dies: before the draft, with half of it, before the rename, after it, after all."""

_spawn: Final = multiprocessing.get_context("spawn")  # nothing of the test goes along


def run_together(count: int, work: Callable[..., object], *arguments: object) -> list[object]:
    """What `work(barrier, *arguments)` returns in each of so many processes."""
    barrier, results = _spawn.Barrier(count), _spawn.SimpleQueue()
    processes = [_spawn.Process(target=_put, args=(results, work, barrier, *arguments)) for _ in range(count)]
    for process in processes:
        process.start()
    found = [results.get() for _ in processes]
    assert [_end_of(process) for process in processes] == [0] * count
    return found


def run_killed(point: Point, work: Callable[..., object], *arguments: object) -> None:
    """Runs `work` in a process that kills itself at its first write, at that point."""
    process = _spawn.Process(target=_die, args=(point, work, *arguments))
    process.start()
    assert _end_of(process) == -signal.SIGKILL


def _end_of(process: BaseProcess) -> int | None:
    process.join(TIMEOUT_S)
    return process.exitcode


def _put(results: Any, work: Callable[..., object], *arguments: object) -> None:
    results.put(work(*arguments))


def _die(point: Point, work: Callable[..., object], *arguments: object) -> None:
    if point in ("begun", "half"):
        for module in (steps, secret_folder):
            setattr(module, "write_new", _write_half if point == "half" else _kill)  # noqa: B010 - patched
    elif point == "durable":
        _strike("sync", is_done=True)
    else:
        for name in ("put_in_place", "put_beside"):
            _strike(name, is_done=point == "in place")
    work(*arguments)


def _strike(name: str, *, is_done: bool) -> None:
    step = getattr(secret_folder, name)

    def struck(*arguments: Any) -> None:
        if is_done:
            step(*arguments)
        _kill()

    setattr(secret_folder, name, struck)


def _write_half(folder: int, name: str, content: bytes) -> None:
    fd = os.open(name, steps.NEW, 0o600, dir_fd=folder)
    os.write(fd, content[: len(content) // 2])
    _kill()


def _kill(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def be_first(barrier: Any, folders: list[Path]) -> list[tuple[str, str, str, bool]]:
    """Starts an instance in each folder, at the same moment as the other processes; what it then knows of its
    secrets, and whether it was who made the keys."""
    known = []
    for data in folders:
        barrier.wait(TIMEOUT_S)
        is_maker = KeyFolder(data).make("one.example") is not None
        client = ClientKeyFile(data / "vault").read_or_make().signing_id
        ring = KeyFile(data / "vault" / "vault.keys")
        ring.create(datetime.now(UTC))
        log_key = str(KeyFolder(data).read().logs[0].vkey)
        known.append((client, ring.read().current.id.hex(), log_key, is_maker))
    return known


def rotate_often(barrier: Any, data: Path, times: int) -> list[str]:
    """Makes new keys of the vault at the same time as the other processes do; those that it made."""
    ring = KeyFile(data / "vault" / "vault.keys")
    barrier.wait(TIMEOUT_S)
    return [
        ring.change(lambda before: before.with_new_key(datetime.now(UTC))).current.id.hex()
        for _ in range(times)
    ]
