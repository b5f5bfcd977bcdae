"""Finds free local ports, and checks whether one is free."""

import socket


class PortInUse(Exception):
    """Another program listens on the address already."""


def check_port_free(host: str, port: int) -> None:
    """Checks a port before anything is started, so that nothing is left half up. Raises PortInUse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUse(f"{host}:{port}") from error


def free_port() -> int:
    """Returns a local port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
