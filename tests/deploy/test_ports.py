"""A free port is nobody else's between its choice and its use."""

import errno
import random
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from deploy import ports
from deploy.cli.failures import sentence_of
from deploy.ports import (
    FIRST_GIVEN_PORT,
    FIRST_PORT,
    CannotListen,
    PortInUse,
    check_port_free,
    free_port,
    listen_on,
)

PORTS = 50


def test_a_free_port_is_none_that_the_system_gives_to_others() -> None:
    """Attack of chance: a connection that goes out, or another listener, was given the port before it was listened on."""
    for port in {free_port() for _ in range(PORTS)}:
        assert FIRST_PORT <= port < FIRST_GIVEN_PORT
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", port))


def test_two_processes_with_the_same_seed_choose_different_ports() -> None:
    """The tests seed each process alike, so that their order is the same: `random` would choose the same ports in all."""
    chosen = []
    for _ in range(2):
        random.seed(1)
        chosen.append([free_port() for _ in range(PORTS)])
    assert chosen[0] != chosen[1]


def test_nobody_chooses_a_port_that_another_has_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of a thousand instances of the tests chose the same one before either listened: whoever was late answered for both."""
    theirs = free_port()
    numbers = iter([theirs - FIRST_PORT, 4_321])
    monkeypatch.setattr(secrets, "randbelow", lambda _: next(numbers))
    assert free_port() != theirs
    program = (
        "import secrets; from deploy import ports\n"
        f"numbers = iter([{theirs - ports.FIRST_PORT}] * ports.TRIES)\n"
        "secrets.randbelow = lambda _: next(numbers)\n"
        "print(ports.free_port())"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert int(ran.stdout) != theirs


def test_few_claims_are_kept() -> None:
    """Whoever chooses many ports does not run out of files."""
    for _ in range(2 * ports.CLAIMED_AT_ONCE):
        free_port()
    assert len(ports._claims) == ports.CLAIMED_AT_ONCE


@pytest.mark.parametrize("listen", [check_port_free, listen_on])
@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_an_address_that_this_machine_does_not_have_is_told(
    listen: Callable[[str, int], object], host: str
) -> None:
    """It was told that another program listens there, which nobody could find and stop."""
    with pytest.raises(CannotListen) as refused:
        listen(host, free_port())
    assert not isinstance(refused.value, PortInUse)
    assert str(sentence_of(refused.value)).startswith(f"this machine cannot listen on {host}:")


@pytest.mark.parametrize("listen", [check_port_free, listen_on])
def test_a_machine_without_ipv6_is_told_so(
    listen: Callable[[str, int], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where IPv6 is switched off, there is no socket to bind: the start ended with a traceback, also where it was for
    `/metrics` alone."""

    def refuse(*_: object) -> socket.socket:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    port = free_port()
    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(CannotListen, match=r"^::1:\d+ \(Address family"):
        listen("::1", port)
