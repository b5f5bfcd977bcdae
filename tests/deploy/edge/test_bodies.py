"""Bodies hold so much of a process, and take so long, however many are sent at once."""

import resource
from contextlib import ExitStack
from typing import Final

import httpx
import psutil

from tests.deploy.edge.small_server import WAIT_S
from tests.harness.command import Started
from tests.harness.no_tls import NO_TLS
from tests.harness.raw import RawConnection
from tests.harness.waiting import wait_until

MB: Final = 1_000_000
SENT_MB: Final = 60
FORMS: Final = 12
HELD_MB: Final = 160
"""What the bodies of one caller hold, and what reading them takes."""
BOUNDARY: Final = b"edge"
HEAD: Final = (
    b"POST /results HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=" + BOUNDARY + b"\r\n"
    b"Content-Length: %d\r\n\r\n" % (70 * MB)
)
BEGUN: Final = HEAD + b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="pairs"\r\n\r\n'
PIECE: Final = b"1" * (256 * 1024)


def memory_mb(running: Started) -> float:
    return psutil.Process(running.process.pid).memory_info().rss / MB


def send_some(connection: RawConnection) -> int:
    """Sends what the other side takes now. Returns how many bytes."""
    try:
        return connection.socket.send(PIECE)
    except (BlockingIOError, ConnectionError):
        return 0


def test_unfinished_forms_of_one_caller_hold_so_much(instance: Started, port: int) -> None:
    """Twenty unfinished forms with a text field of 60 MB each were 1.2 GB, within all limits of requests."""
    before = memory_mb(instance)
    with (
        ExitStack() as held,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=NO_TLS) as client,
    ):
        forms = [held.enter_context(RawConnection(port)).send(BEGUN) for _ in range(FORMS)]
        for form in forms:
            form.socket.setblocking(False)
        sent = dict.fromkeys(forms, 0)

        def nothing_is_taken() -> bool:
            taken = {form: send_some(form) for form in forms if sent[form] < SENT_MB * MB}
            for form, size in taken.items():
                sent[form] += size
            return not any(taken.values())

        assert wait_until(lambda: nothing_is_taken() and nothing_is_taken(), WAIT_S)
        assert client.get("/api/v1/lookup?x=@somebody").status_code == 200
        small = client.post("/api/v1/match", json={"pairs": [["783214", "x"]]})
        assert small.status_code == 200
        assert memory_mb(instance) - before < HELD_MB
        assert sum(sent.values()) < FORMS * SENT_MB * MB / 2
    assert client.is_closed


def test_the_limit_of_open_files_is_raised(instance: Started) -> None:
    soft, hard = resource.prlimit(instance.process.pid, resource.RLIMIT_NOFILE)
    assert soft == min(hard, 65_536)
