"""`python -m tests.mutants [MODULE ...]` runs all mutants of the modules, or of all in `table.py`.

Exits with 1 where a mutant lives that `equivalent.toml` does not name, or one is named that does not live.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.mutants.equivalents import Equivalent, Verdict, judge_survivors, read_equivalents
from tests.mutants.hunting import find_survivors, prepare_stages
from tests.mutants.making import make_mutants
from tests.mutants.running import CHECKOUT, FORK, SERVER
from tests.mutants.table import TABLE


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as directory/ranking.py")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what runs is ended
    chosen = parser.parse_args()
    if unknown := set(chosen.modules) - set(TABLE):
        parser.error(f"not in tests/mutants/table.py: {', '.join(sorted(unknown))}")
    named, is_well = read_equivalents(), True
    with _server():
        for module in chosen.modules or TABLE:
            is_well &= _run_apart(module, named, chosen.workers)
    return 0 if is_well else 1


def _run_apart(module: str, named: Sequence[Equivalent], workers: int) -> bool:
    """Runs a module in a process of its own: each imports once what the others must not have imported. Returns whether
    nothing is left to do."""
    process = FORK.Process(target=_run_and_exit, args=(module, named, workers))
    process.start()
    try:
        process.join()
    finally:
        process.terminate()
    return process.exitcode == 0


def _run_and_exit(module: str, named: Sequence[Equivalent], workers: int) -> None:
    sys.exit(0 if _report(module, *_run(module, named, workers)) else 1)


def _run(module: str, named: Sequence[Equivalent], workers: int) -> tuple[Verdict, float]:
    """Returns the verdict on the mutants of a module, and the seconds that they took."""
    begun = time.monotonic()
    mutants = make_mutants((CHECKOUT / module).read_text())
    stages = prepare_stages(module, TABLE[module].stages())
    alive = find_survivors(module, mutants, stages, workers)
    names = [each.name for each in named if each.module == module]
    return judge_survivors([each.name for each in mutants], alive, names), time.monotonic() - begun


def _report(module: str, verdict: Verdict, seconds: float) -> bool:
    """Prints a verdict. Returns whether nothing is left to do."""
    print(
        f"{module}: {verdict.made} mutants, {verdict.killed} killed, {len(verdict.equivalent)} equivalent,"
        f" {len(verdict.survivors)} live ({seconds:.0f} s)"
    )
    for name in verdict.survivors:
        print(f"  lives: {name}")
    for name in verdict.stale:
        print(f"  named as equivalent, but not made or killed: {name}")
    sys.stdout.flush()
    return not verdict.survivors and not verdict.stale


@contextmanager
def _server() -> Iterator[None]:
    """Runs the database that all mutants share. It ends with this process, too."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.mutants.server"],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as server:
        assert server.stdout is not None
        os.environ[SERVER] = server.stdout.readline().strip()
        yield


if __name__ == "__main__":
    sys.exit(main())
