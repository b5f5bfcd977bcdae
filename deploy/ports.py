"""Finds free local ports, checks whether one is free, and listens on one for several processes."""

import contextlib
import errno
import os
import secrets
import socket
import sys
from collections import deque
from typing import Final

BACKLOG: Final = 4_096
"""Arrivals that wait for the process; the system may keep fewer (`net.core.somaxconn`)."""

FIRST_PORT: Final = 20_000
FIRST_GIVEN_PORT: Final = 32_768
"""From here on Linux gives ports by itself (`net.ipv4.ip_local_port_range`)."""
TRIES: Final = 20
CLAIMED_AT_ONCE: Final = 64
"""Of one process: by then the first of them is listened on, or not wanted any more."""

_claims: Final[deque[int]] = deque()


class CannotListen(Exception):
    """This machine does not let us listen on the address: it has no such name or number, or we may not."""


class PortInUse(CannotListen):
    """Another program listens on the address already."""


def check_port_free(host: str, port: int) -> None:
    """Checks a port before anything is started, so that nothing is left half up. Raises PortInUse, CannotListen."""
    try:
        with _socket_for(host) as probe:
            probe.bind((host, port))
    except OSError as error:
        raise _refused(host, port, error) from error


def _refused(host: str, port: int, error: OSError) -> CannotListen:
    if error.errno == errno.EADDRINUSE:
        return PortInUse(f"{host}:{port}")
    return CannotListen(f"{host}:{port} ({error.strerror or error})")


def listen_on(host: str, port: int) -> socket.socket:
    """Listens on an address. Who comes before a process takes them waits. Raises PortInUse, CannotListen."""
    with contextlib.ExitStack() as unless_listening:
        try:
            listening = unless_listening.enter_context(_socket_for(host))
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            listening.bind((host, port))
            listening.listen(BACKLOG)  # two processes can bind one address, and only one can listen
        except OSError as error:
            raise _refused(host, port, error) from error
        unless_listening.pop_all()
    listening.setblocking(False)
    return listening


def free_port() -> int:
    """Returns a local port that nobody listens on.

    Where one is to be had, it is none that the system gives to others meanwhile: neither to who asks for any port, nor to a
    connection that goes out. Nor is it one that this process, or another of this machine, has chosen just before.
    """
    for _ in range(TRIES):
        port = FIRST_PORT + secrets.randbelow(FIRST_GIVEN_PORT - FIRST_PORT)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _claim(port)
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _claim(port: int) -> None:
    """Takes a name for the port that the system gives once, until this process ends. Raises OSError where another has it."""
    if sys.platform != "linux":
        return  # no other system has such names
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as claim:
        claim.bind(f"\0passerelle-port-{port}")
        _claims.append(claim.detach())
    if len(_claims) > CLAIMED_AT_ONCE:
        os.close(_claims.popleft())


def _socket_for(host: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made
