"""Holds the tests of a module against all its mutants, several at a time."""

import resource
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from tests.mutants.choosing import Choice, read_entered
from tests.mutants.names import Mutant, MutantName
from tests.mutants.running import CHECKOUT, Run, preload

POLL_S: Final = 0.01
LEAST_CPU_S: Final = 6
SLOWER: Final = 3
"""A mutant may take this many times as much of a processor as the original; it is killed by taking more."""
LIMIT_S: Final = 300.0
"""For one that waits without end."""
UNCHANGED_CPU_S: Final = 600


class TestsFail(Exception):
    """The tests fail without any change, as they are run or as a mutant's are."""


class Stage(NamedTuple):
    """Tests of which those that matter to a mutant are run together, and the processor seconds that they may take."""

    choice: Choice
    cpu_limit_s: int


def prepare_stages(module: str, stages: Sequence[tuple[str, ...]]) -> list[Stage]:
    """Runs the tests without a change, as they are and then as those of a mutant. Imports what they import.

    Raises TestsFail.
    """
    prepared = []
    for files in stages:
        output, _ = _run_unchanged(module, None, files)
        preload(output)
        _, took = _run_unchanged(module, (CHECKOUT / module).read_text(), files)
        prepared.append(Stage(Choice(read_entered(output)), max(LEAST_CPU_S, round(SLOWER * took))))
    return prepared


def _run_unchanged(module: str, source: str | None, files: Sequence[str]) -> tuple[str, float]:
    """Returns what a run printed, and the processor seconds that it took. Raises TestsFail."""
    before = _children_cpu_s()
    run = Run(module, source, files, UNCHANGED_CPU_S)
    while run.exit_code is None:
        time.sleep(POLL_S)
    code, output = run.exit_code, run.end()
    if code != 0:
        raise TestsFail(f"the tests of {module} fail without any change:\n{output}")
    return output, _children_cpu_s() - before


def find_survivors(
    module: str, mutants: Sequence[Mutant], stages: Sequence[Stage], workers: int
) -> list[MutantName]:
    """Returns the mutants that no test kills, in their order."""
    alive: set[MutantName] = set()
    waiting = deque((mutant, 0) for mutant in mutants)
    running: list[tuple[Run, Mutant, int]] = []
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                mutant, stage = waiting.popleft()
                if stage == len(stages):
                    alive.add(mutant.name)
                    print(f"\n  passes all tests: {mutant.name}", file=sys.stderr, flush=True)
                elif tests := stages[stage].choice.tests_of(mutant.name.function):
                    running.append(
                        (Run(module, mutant.source, tests, stages[stage].cpu_limit_s), mutant, stage)
                    )
                else:
                    waiting.appendleft((mutant, stage + 1))
            time.sleep(POLL_S)
            for each in [each for each in running if _has_ended(each[0])]:
                running.remove(each)
                run, mutant, stage = each
                if _has_passed(run, mutant, stages[stage]):
                    waiting.appendleft((mutant, stage + 1))
    finally:
        for run, _, _ in running:
            run.end()
    return [mutant.name for mutant in mutants if mutant.name in alive]


def _has_ended(run: Run) -> bool:
    return run.exit_code is not None or time.monotonic() - run.started > LIMIT_S


def _has_passed(run: Run, mutant: Mutant, stage: Stage) -> bool:
    code, output = run.exit_code, run.end()
    stage.choice.learn(mutant.name.function, output)
    if code != 0:
        print(
            "." if code else "t", end="", file=sys.stderr, flush=True
        )  # t: by time, which a busy machine takes
    return code == 0


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
