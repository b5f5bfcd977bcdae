"""Runs one of several instances until its standard input ends: also where whoever started it was killed."""

import os
import signal
import sys
import threading

from deploy.cli.main import main


def run() -> None:
    """Serves as `passerelle serve` does, and stops as it does at Ctrl-C."""
    threading.Thread(target=_stop_at_the_end_of_input, daemon=True).start()
    main(["serve"])


def _stop_at_the_end_of_input() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    run()
