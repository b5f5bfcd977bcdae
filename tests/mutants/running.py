"""Runs tests on a mutant, each run in a forked process that has nothing of ours imported yet."""

import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import multiprocessing
import os
import re
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

import grimp
import pytest

from tests.mutants.choosing import ENTERED, Recorder

CHECKOUT: Final = Path(__file__).parents[2]
OURS: Final = ("directory", "federation", "web", "admin", "deploy", "migrations", "tests")
MEMORY_BYTES: Final = 3 * 1024**3
"""A mutant that collects without end is killed before the machine is full."""
IMPORTED: Final = "imported: "
OPTIONS: Final = (
    "-x",
    "--assert=plain",
    "--no-header",
    "--tb=line",
    "-pno:randomly",
    "-pno:cacheprovider",
    "-pno:faker",
    "-ptests.mutants.plugin",
)
SERVER: Final = "PASSERELLE_MUTANTS_SERVER"
"""The variable that holds the two addresses of the database of all runs."""
_TEST: Final = re.compile(r"^tests\..*(?:conftest|test_\w+)$|^__mp_main__$|^__main__$")
FORK: Final = multiprocessing.get_context("fork")


class Run:
    """A run of tests or test files on a source of `module`, or on the file as it is where `source` is None."""

    def __init__(self, module: str, source: str | None, tests: Sequence[str], cpu_limit_s: int) -> None:
        self._output = Path(tempfile.mkstemp(prefix="passerelle-mutant-", suffix=".txt")[1])
        self._process: BaseProcess = FORK.Process(
            target=_test, args=(module, source, tuple(tests), cpu_limit_s, self._output)
        )
        self.started = time.monotonic()
        self._process.start()

    @property
    def exit_code(self) -> int | None:
        """0 where all tests passed; None while it runs."""
        return self._process.exitcode

    def end(self) -> str:
        """Kills what still runs of it, with what it started. Returns what it printed."""
        assert self._process.pid is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.join()
        text = self._output.read_text(errors="replace")
        self._output.unlink()
        return text


def preload(output: str) -> None:
    """Imports once what an unchanged run of the tests imported, so that each fork has it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in output.rpartition(IMPORTED)[2].split():
            with suppress(Exception):
                importlib.import_module(name)


def module_name(module: str) -> str:
    """Returns the name under which a file is imported."""
    return module.removesuffix(".py").replace("/", ".")


def _test(module: str, source: str | None, tests: Sequence[str], cpu_limit_s: int, output: Path) -> None:
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_limit_s, cpu_limit_s))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.chdir(CHECKOUT)
    gc.freeze()  # pytest collects garbage ten times at its end: not what was there before
    with output.open("w") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
        if source is None:
            code = _test_unchanged(module, tests)
        else:
            sys.meta_path.insert(0, _Finder(module, source))
            code = int(pytest.main([*OPTIONS, *tests]))
        sys.stdout.flush()
        os._exit(code)


def _test_unchanged(module: str, tests: Sequence[str]) -> int:
    """Prints which tests enter what of the module, and what is imported."""
    recorder = Recorder(str(CHECKOUT / module))
    code = int(pytest.main([*OPTIONS, *tests], plugins=[recorder]))
    sys.settrace(None)
    if code == 0:
        print(f"{ENTERED}{recorder}")
        print(IMPORTED, *_unaffected(module))
    return code


def _unaffected(module: str) -> list[str]:
    """Returns what is imported here, but for tests and what imports `module`."""
    mutated = module_name(module)
    graph = grimp.build_graph(*OURS, cache_dir=None)
    apart = {mutated, *graph.find_downstream_modules(mutated)}
    return [name for name in sys.modules if name not in apart and not _TEST.search(name)]


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the mutated source under the name of the module."""

    def __init__(self, module: str, source: str) -> None:
        self._path, self._source = str(CHECKOUT / module), source
        self._name = module_name(module)
        assert self._name not in sys.modules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        loader = _Loader(fullname, self._path)
        loader.mutated = self._source
        return importlib.util.spec_from_file_location(fullname, self._path, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    mutated = ""

    def get_code(self, fullname: str) -> CodeType | None:
        return compile(self.mutated, self.path, "exec")
