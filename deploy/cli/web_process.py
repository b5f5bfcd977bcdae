"""The program of a web process: reads what its parent tells, and serves until it is told to end or its parent is gone."""

import os
import signal
import sys
import threading
import time
from importlib import import_module
from typing import Final

from deploy.loading import load_logs, nothing_collected
from deploy.workers.handoff import Handoff

ENDS_ANYWAY_S: Final = 10.0
"""After its parent was gone: a process that does not end by itself holds the port and answers nobody."""
_STDIN: Final = 0


def run() -> None:
    """Serves. A foreseen failure is one sentence, and status 1. Ctrl-C at a terminal comes to all processes of a group: here the parent's word counts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = sys.stdin.buffer.readline()
    if not line:
        return
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        handoff = Handoff.read(line)
        with nothing_collected():
            load_logs()
            serving = import_module("deploy.workers.serving")
        serving.run(handoff)
    except Exception as error:
        # It knows errors of every package, and loads rich: only a process that fails pays.
        if not import_module("deploy.cli.failures").tell(error):
            raise
        sys.exit(1)


def _end_with_parent() -> None:
    """Waits until the parent closes its end of the standard input, which the system does for a killed one."""
    while os.read(_STDIN, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(ENDS_ANYWAY_S)
    os._exit(1)


if __name__ == "__main__":
    run()
