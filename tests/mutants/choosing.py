"""Chooses the tests of a mutant: those that enter the changed function. What killed another mutant of it comes first."""

import re
import sys
import threading
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from types import FrameType
from typing import Final

import msgspec
import pytest

ENTERED: Final = "entered: "
_OUTSIDE: Final = ""
"""Stands for what runs at import, or between tests: it concerns all tests."""
_FAILED: Final = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)


class Recorder:
    """A plugin that records which tests enter which functions of a file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._test = _OUTSIDE
        self._tests: list[str] = []
        self._entered: dict[str, set[str]] = {}
        sys.settrace(self._trace)
        threading.settrace(self._trace)

    def __str__(self) -> str:
        everywhere = set(self._tests)
        entered = {
            name.replace("<locals>.", ""): sorted(everywhere if _OUTSIDE in tests else tests)
            for name, tests in self._entered.items()
        }
        return msgspec.json.encode({**entered, "module": self._tests}).decode()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._test = item.nodeid
        self._tests.append(item.nodeid)
        is_run = yield
        self._test = _OUTSIDE
        return is_run

    def _trace(self, frame: FrameType, event: str, arg: object) -> None:
        if frame.f_code.co_filename == self._path:
            self._entered.setdefault(frame.f_code.co_qualname, set()).add(self._test)


class Choice:
    """Which tests enter a function, and which of them have killed."""

    def __init__(self, entered: Mapping[str, Sequence[str]]) -> None:
        """`entered` holds the tests of each function."""
        self._entered = entered
        self._kills: Counter[tuple[str, str]] = Counter()

    def tests_of(self, function: str) -> list[str]:
        """Returns the tests that enter a function, the most likely to fail first; none where no test does."""
        chosen = self._entered.get(function, [])
        return sorted(chosen, key=lambda test: (-self._kills[function, test], -self._kills["", test]))

    def learn(self, function: str, output: str) -> None:
        """Counts the test that killed a mutant of the function."""
        for test in _FAILED.findall(output):
            self._kills[function, test] += 1
            self._kills["", test] += 1


def read_entered(output: str) -> dict[str, list[str]]:
    """Reads from what a recorded run printed the tests that enter each function."""
    (line,) = re.findall(f"^{ENTERED}(.*)$", output, re.MULTILINE)
    return msgspec.json.decode(line, type=dict[str, list[str]])
