"""A free port is nobody else's between its choice and its use."""

import random
import socket

from deploy.ports import FIRST_GIVEN_PORT, FIRST_PORT, free_port

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
