"""Measures several web processes against one, and the servers against each other, by the same lookups in turn.

The load and the database have the same cores. So requests a second tell what is left for the server, and beside them stands what
it takes by itself: its own CPU time a request, of which so many fit into a second of each core.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import psutil

from deploy.bench.directory import CONNECTIONS, demo_database, lookup_requests
from deploy.bench.load import measure_load
from deploy.bench.results import Result
from deploy.ports import free_port, listen_on
from directory.settings import Server
from directory.shared_waiting import make_waiting_file

ROUNDS: Final = 7
PROCESSES: Final = 2
TWICE: Final = 1.7


@dataclass(slots=True)
class Measured:
    """What one kind of server did in each round: requests a second, and CPU seconds for each of them, of all processes and of
    the busiest."""

    port: int
    processes: Sequence[psutil.Process]
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    busiest: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    @property
    def busiest_s(self) -> float:
        """The CPU time of the busiest process, shared out among the requests of all: with a core for each, it is the limit."""
        return statistics.median(self.busiest)

    @property
    def cpu_s(self) -> float:
        return statistics.median(self.cpu)


async def bench_servers(admin_dsn: str, people: int, seconds: float) -> list[Result]:
    """Measures all in turn, so that noise affects each."""
    dsn = await demo_database(admin_dsn, people)
    requests = lookup_requests(people)
    async with AsyncExitStack() as stack:
        one, several, *others = [
            await stack.enter_async_context(_serving(dsn, server, processes))
            for server, processes in (
                (Server.HYPERCORN, 1),
                (Server.HYPERCORN, PROCESSES),
                (Server.UVICORN, 1),
                (Server.GRANIAN, 1),
            )
        ]
        for _ in range(ROUNDS):
            for measured in (one, several, *others):
                await _measure(measured, requests, seconds)
    return [*_processes(one, several), *_servers(one, others)]


async def _measure(measured: Measured, requests: Sequence[bytes], seconds: float) -> None:
    before = [_cpu_s(process) for process in measured.processes]
    # As many callers for each process: how many look-ups share a statement depends on them.
    callers = CONNECTIONS * len(measured.processes)
    load = await measure_load(measured.port, requests, connections=callers, seconds=seconds)
    took = [_cpu_s(process) - was for process, was in zip(measured.processes, before, strict=True)]
    # The time before it is counted is a fifth of the other.
    measured.cpu.append(sum(took) / (load.requests * 1.2))
    measured.rates.append(load.per_second)
    measured.busiest.append(max(took) / (load.requests * 1.2))


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _processes(one: Measured, several: Measured) -> list[Result]:
    return [
        Result(
            f"{PROCESSES} web processes, a core for each by the CPU time of the busiest: lookups a second",
            f"{1 / several.busiest_s:,.0f}/s; {several.cpu_s * 1e6:.0f} µs each",
            f"{1 / one.cpu_s:,.0f}/s of one; {one.cpu_s * 1e6:.0f} µs each",
            _in_turn(one.cpu, several.busiest),
            TWICE,
            at_least=True,
        ),
        Result(
            f"{PROCESSES} web processes, the load and the database on the same cores: lookups a second",
            f"{several.rate:,.0f}/s",
            f"{one.rate:,.0f}/s of one",
            _in_turn(several.rates, one.rates),
        ),
    ]


def _servers(hypercorn: Measured, others: Sequence[Measured]) -> list[Result]:
    results = []
    for name, measured in zip((Server.UVICORN, Server.GRANIAN), others, strict=True):
        results += [
            Result(
                f"{name.value}: lookups a second of its CPU time",
                f"{1 / measured.cpu_s:,.0f}/s",
                f"{1 / hypercorn.cpu_s:,.0f}/s, Hypercorn",
                _in_turn(hypercorn.cpu, measured.cpu),
            ),
            Result(
                f"{name.value}: lookups a second, the load on the same cores",
                f"{measured.rate:,.0f}/s",
                f"{hypercorn.rate:,.0f}/s, Hypercorn",
                _in_turn(measured.rates, hypercorn.rates),
            ),
        ]
    return results


def _in_turn(measured: Sequence[float], reference: Sequence[float]) -> float:
    """Returns the median of the ratios of each round: what others do on the machine changes from one to the next."""
    return statistics.median(one / other for one, other in zip(measured, reference, strict=True))


@asynccontextmanager
async def _serving(dsn: str, server: Server, processes: int) -> AsyncIterator[Measured]:
    """Runs processes over one socket until the block ends."""
    port, board = free_port(), make_waiting_file(processes)
    with listen_on("127.0.0.1", port) as listener:
        files = (listener.fileno(), board)
        started = [_start(dsn, server, processes, number, files) for number in range(processes)]
        try:
            for process in started:
                if process.stdout is None or not process.stdout.readline():
                    raise RuntimeError(f"a web process of {server} did not start")
            yield Measured(port, [psutil.Process(process.pid) for process in started])
        finally:
            for process in started:
                process.communicate()
            os.close(board)


def _start(
    dsn: str, server: Server, processes: int, number: int, files: tuple[int, int]
) -> "subprocess.Popen[bytes]":
    told = [dsn, server, *map(str, (processes, *files, number))]
    return subprocess.Popen(  # noqa: S603 - a module of ours
        [sys.executable, "-m", "deploy.bench.web_process", *told],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=files,
    )
