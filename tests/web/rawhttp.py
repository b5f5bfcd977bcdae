"""Sends requests as bytes, with nothing of a client between, and reads the answers."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

TIMEOUT_S: Final = 30
MAX_ANSWER_BYTES: Final = 4 * 2**20


@dataclass(frozen=True)
class RawAnswer:
    """The status, the headers with their lines apart, and the body as it came."""

    status: int
    headers: Mapping[str, Sequence[str]]
    body: bytes


def ask(url: str, method: str, target: bytes, *lines: bytes, body: bytes = b"") -> RawAnswer:
    """Sends one request on a connection of its own. `target` and `lines` are sent as they are."""
    host = urlsplit(url).netloc.encode()
    head = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: " + host, b"Connection: close", *lines]
    if body or method == "POST":
        head.append(b"Content-Length: " + str(len(body)).encode())
    return answer_to(url, b"\r\n".join(head) + b"\r\n\r\n" + body)


def answer_to(url: str, request: bytes) -> RawAnswer:
    """Sends bytes and reads until the server ends the connection."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 80), TIMEOUT_S) as connection:
        connection.sendall(request)
        received = b""
        while (more := connection.recv(65_536)) and len(received) < MAX_ANSWER_BYTES:
            received += more
    head, _, content = received.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in rest:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), []).append(value.strip())
    return RawAnswer(int(first.split(" ")[1]), headers, content)
