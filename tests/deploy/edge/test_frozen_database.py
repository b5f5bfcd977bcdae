"""The database stops answering while the process runs: nobody waits for long, and connections go on afterwards."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from tests.deploy.embedded.programs import server_processes
from tests.harness.command import Started
from tests.harness.no_tls import NO_TLS
from tests.harness.raw import RawConnection
from tests.harness.waiting import wait_until

MOST_S = 5.0
LOOKUP = b"GET /api/v1/lookup?x=@somebody HTTP/1.1\r\nHost: x\r\n\r\n"
PLACES = ("/api/v1/lookup?x=@somebody", "/x/somebody", "/api/v1/reverse?account=a@b.example", "/readyz")


@contextmanager
def frozen(processes: list[psutil.Process]) -> Iterator[None]:
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


def test_lookups_and_health_say_so_within_five_seconds(instance: Started, port: int, folder: Path) -> None:
    """A lookup waited a minute for the statement, and those behind it as long again."""
    with (
        RawConnection(port) as raw,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=NO_TLS) as client,
    ):
        assert raw.send(LOOKUP).answer().status == 200
        with frozen(server_processes(folder / "data")):
            connections = [RawConnection(port) for _ in PLACES]
            begun = time.monotonic()
            for place, connection in zip(PLACES, connections, strict=True):
                connection.send(f"GET {place} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            raw.send(LOOKUP)
            answered = [connection.answer().status for connection in (*connections, raw)]
            assert time.monotonic() - begun < MOST_S
            assert answered == [503] * 5
            assert client.get("/healthz").status_code == 200
        assert wait_until(lambda: client.get("/readyz").status_code == 200, 30)
        for connection in (*connections, raw):
            assert connection.send(LOOKUP).answer().status == 200
            connection.socket.close()
        assert "Traceback" not in instance.logged()
