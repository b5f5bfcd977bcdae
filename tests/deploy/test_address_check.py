"""The doctor tells its own running instance from another program at the address."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy.checks import MAX_HEALTH_BYTES, check_address
from directory.settings import Settings


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """Answers one request, in small pieces, and closes. Yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1_024)
                try:
                    for at in range(0, len(answer), 1_000):
                        connection.sendall(answer[at : at + 1_000])
                except OSError:
                    return  # it has read enough

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def seen_at(port: int) -> tuple[bool, str]:
    finding = next(check_address(Settings(host="127.0.0.1", port=port)))
    return finding.is_good, finding.seen


@pytest.mark.parametrize("headers", [100, 600, 5_000, 40_000])
def test_an_instance_with_long_headers_is_known(headers: int) -> None:
    """It read 512 bytes, and called its own instance another program: the headers are longer."""
    policy = b"content-security-policy: " + b"x" * headers
    with answering(b"HTTP/1.1 200 OK\r\n" + policy + b"\r\n\r\nok\n") as port:
        assert seen_at(port) == (True, f"127.0.0.1:{port}, an instance is running there")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"ok",
        b"SSH-2.0-OpenSSH ok",
        b"HTTP/1.1 200 OK\r\n\r\nthis is ok",
        b"HTTP/1.1 200 OK\r\n" + b"x" * 2 * MAX_HEALTH_BYTES + b"\r\n\r\nok",
    ],
    ids=["nothing", "a-word", "another-protocol", "another-page", "endless"],
)
def test_another_program_is_known(answer: bytes) -> None:
    with answering(answer) as port:
        assert seen_at(port) == (False, f"127.0.0.1:{port} is taken")
