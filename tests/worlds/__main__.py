"""Plays a million worlds on all cores: `python -m tests.worlds [WORLDS]`. Prints what happened in them."""

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Final

from tests.worlds.oracle import Verdict
from tests.worlds.slices import Total, play_slice

WORLDS: Final = 1_000_000
SLICE: Final = 2_000
OF_TEN: Final = ("usual",) * 8 + ("quick", "bought")
"""Of ten slices, eight are usual."""


def main() -> int:
    """Returns 0 where no follow leads to somebody else that the instance could have known of."""
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else WORLDS
    totals = {kind: Total() for kind in dict.fromkeys(OF_TEN)}
    began = time.monotonic()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        waiting = {}
        for number, first in enumerate(range(0, worlds, SLICE)):
            kind = OF_TEN[number % len(OF_TEN)]
            waiting[pool.submit(play_slice, kind, range(first, min(first + SLICE, worlds)))] = kind
        for done in as_completed(waiting):
            totals[waiting[done]].add(done.result())
            played = sum(total.worlds for total in totals.values())
            _say(f"\r{played:,} of {worlds:,} worlds, {time.monotonic() - began:.0f} s ", end="")
    for kind, total in totals.items():
        _tell(kind, total)
    return int(any(is_faulty(kind, total) for kind, total in totals.items()))


def is_faulty(kind: str, total: Total) -> bool:
    """Whether a follow led elsewhere that must not."""
    names, bought = total.follows[Verdict.NAME_PASSED_ON], total.follows[Verdict.BOUGHT_UNSEEN]
    return bool(total.wrong or (kind != "quick" and names) or (kind != "bought" and bought))


def _tell(kind: str, total: Total) -> None:
    _say(f"\n\n{kind}: {total.worlds:,} worlds")
    for what in (total.happened, total.follows):
        _say("  " + ", ".join(f"{name} {count:,}" for name, count in what.most_common()))
    for seed, told in sorted(total.wrong.items())[:10]:
        _say(f"  WRONG, seed {seed}: {told}")


def _say(line: str, end: str = "\n") -> None:
    sys.stdout.write(line + end)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
