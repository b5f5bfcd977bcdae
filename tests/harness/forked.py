"""The program `passerelle` with its modules loaded: each request is a fork, which becomes a command of its own.

`python -m tests.harness.forked` reads requests from its standard input, a socket of whole messages: a Request in JSON, with
four file descriptors. Three become the standard streams of the command. To the fourth it writes the id of the process, and
once that has ended its status. It ends when the other end of the socket is closed.
"""

import atexit
import os
import selectors
import signal
import socket
import sys
import threading
from importlib import import_module
from typing import Final

import msgspec

from deploy.cli.main import COMMANDS, main
from deploy.loading import nothing_collected

MAX_REQUEST_BYTES: Final = 128 * 1024
LATER: Final = ("deploy.cli.failures", "deploy.web_server", "deploy.workers.metrics")
"""What commands load while they run."""
_STREAMS: Final = 3


class Request(msgspec.Struct, frozen=True):
    """What is to be run: where, with which variables and no others, and whether alone in a session."""

    arguments: list[str]
    folder: str
    environment: dict[str, str]
    is_alone: bool


def load() -> None:
    """Loads what every command does."""
    with nothing_collected():
        for name in (*(f"deploy.cli.{command}" for command in COMMANDS), *LATER):
            import_module(name)


def serve(requests: socket.socket) -> Request | None:
    """Forks for each request. Returns the request in the process that is to run it, None in this one at the end."""
    ended: dict[int, tuple[int, int]] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd in ended:
                    selector.unregister(key.fd)
                    _tell_end(key.fd, *ended.pop(key.fd))
                    continue
                message, descriptors, _, _ = socket.recv_fds(requests, MAX_REQUEST_BYTES, _STREAMS + 1)
                if not message:
                    return None
                process = os.fork()
                if not process:
                    selector.close()
                    _take_streams(descriptors[:_STREAMS])
                    return msgspec.json.decode(message, type=Request)
                for each in descriptors[:_STREAMS]:
                    os.close(each)
                os.write(descriptors[_STREAMS], b"%d\n" % process)
                watched = os.pidfd_open(process)
                ended[watched] = process, descriptors[_STREAMS]
                selector.register(watched, selectors.EVENT_READ)


def _tell_end(watched: int, process: int, answer: int) -> None:
    _, status = os.waitpid(process, 0)
    os.close(watched)
    try:
        os.write(answer, b"%d\n" % os.waitstatus_to_exitcode(status))
    except BrokenPipeError:
        pass  # nobody waits for it any more
    finally:
        os.close(answer)


def _take_streams(streams: list[int]) -> None:
    """Makes these the standard streams, and closes all else that was open."""
    for number, each in enumerate(streams):
        os.dup2(each, number)
    os.closerange(_STREAMS, max(map(int, os.listdir("/proc/self/fd"))) + 1)


def become(request: Request) -> None:
    """Runs a command in this process, and exits as the interpreter does, but for taking the loaded modules apart."""
    if request.is_alone:
        os.setsid()
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    sys.argv = ["passerelle", *request.arguments]
    os._exit(_status_of_command())


def _status_of_command() -> int:
    try:
        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001 - as the interpreter does with whatever is raised
        sys.excepthook(*sys.exc_info())
        status = 1
    else:
        status = 0
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, and ends those of pools
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return status


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    load()
    with socket.socket(fileno=os.dup(0)) as listening:
        asked = serve(listening)
        if asked is not None:
            listening.detach()
    if asked is not None:
        become(asked)
