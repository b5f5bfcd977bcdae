"""The small parts: what the server says of itself, memory, signals in threads, locks."""

import signal
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.embedded.locks import FileLock
from deploy.embedded.processes import PID_FILE, PidFile, is_postmaster, read_pid_file, read_tail
from deploy.embedded.signals import orderly_end
from deploy.embedded.tuning import memory_bytes, server_settings, stored_bytes

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("memory_mib", "shared_buffers", "cache"),
    [
        (256, "128MB", "128MB"),
        (512, "128MB", "256MB"),
        (2048, "512MB", "1024MB"),
        (4096, "1024MB", "2048MB"),
        (65536, "1024MB", "32768MB"),
    ],
)
def test_memory_is_shared_out(memory_mib: int, shared_buffers: str, cache: str) -> None:
    settings = server_settings(memory_mib * MIB, 100_000 * MIB)
    assert settings["shared_buffers"] == shared_buffers
    assert settings["effective_cache_size"] == cache


@pytest.mark.parametrize(
    ("stored_mib", "shared_buffers"), [(0, "128MB"), (40, "128MB"), (200, "400MB"), (5_000, "1024MB")]
)
def test_a_small_cluster_takes_a_small_share(stored_mib: int, shared_buffers: str) -> None:
    settings = server_settings(65_536 * MIB, stored_mib * MIB)
    assert settings["shared_buffers"] == shared_buffers
    is_small = shared_buffers == "128MB"
    assert (settings["wal_buffers"] == "1MB") == (settings["io_method"] == "sync") == is_small


def test_what_a_cluster_stores_is_counted_and_one_that_is_not_there_stores_nothing(tmp_path: Path) -> None:
    assert stored_bytes(tmp_path / "none") == 0
    (tmp_path / "base" / "5").mkdir(parents=True)
    (tmp_path / "base" / "5" / "1234").write_bytes(b"x" * 8_192)
    assert stored_bytes(tmp_path) == 8_192


def test_this_machine_has_memory() -> None:
    assert memory_bytes() > MIB


def test_a_container_has_the_memory_that_it_may_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text("536870912\n")
    monkeypatch.setattr("deploy.embedded.tuning._CGROUP_V1_LIMIT", tmp_path / "memory.max")
    assert memory_bytes() == 512 * MIB


@given(st.binary(max_size=300))
def test_any_pid_file_is_read_or_not(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    cluster = tmp_path_factory.mktemp("cluster")
    (cluster / PID_FILE).write_bytes(content)
    found = read_pid_file(cluster)
    assert found is None or found.pid > 0


def test_the_pid_file_of_a_server_is_understood(tmp_path: Path) -> None:
    lines = ["4711", "/d/postgres/data", "1700000000", "5432", "/d/postgres", "", " 12 34", "ready   ", ""]
    (tmp_path / PID_FILE).write_text("\n".join(lines))
    assert read_pid_file(tmp_path) == PidFile(4711, Path("/d/postgres"), "ready")


def test_no_number_of_a_process_is_taken_for_a_server_by_itself(tmp_path: Path) -> None:
    assert not is_postmaster(1, tmp_path)
    assert not is_postmaster(2**31 - 1, tmp_path)


def test_a_log_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    """The server's user could point its log at a file that only root may read."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "log").symlink_to(tmp_path / "secret")
    assert read_tail(tmp_path / "log", 100) == ""
    assert read_tail(tmp_path / "secret", 3) == "ret"
    assert read_tail(tmp_path, 3) == ""


def test_signals_that_somebody_handles_are_left_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with orderly_end():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_thread_leaves_signals_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def enter() -> None:
        with orderly_end():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before]


def test_a_lock_is_had_once(tmp_path: Path) -> None:
    one, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert one.is_free()
    assert one.try_shared()
    assert other.try_shared()
    assert not one.try_alone()
    assert other.try_alone()
    with pytest.raises(TimeoutError), one.held(timeout_s=0):
        pytest.fail("it is the other's")
    other.close()
    with one.held(timeout_s=0):
        pass
    one.close()
    one.close()
