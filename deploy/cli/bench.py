"""`passerelle bench`."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final

import click
import msgspec

from deploy.bench.arrivals import bench_arrivals
from deploy.bench.directory import bench_directory
from deploy.bench.follows import bench_follows
from deploy.bench.launch.bench import bench_launch_day
from deploy.bench.launch.crowd import Crowd
from deploy.bench.log import bench_log
from deploy.bench.memory import bench_memory
from deploy.bench.results import Result, exit_code, results_markdown, results_table
from deploy.bench.servers import bench_servers
from deploy.bench.sync import bench_sync
from deploy.cli.output import console, errors
from deploy.database import bench_server
from deploy.settings_file import own_settings
from directory.demo import MAX_PEOPLE


class Sizes(msgspec.Struct, frozen=True):
    """How much is measured. Without `seconds` each bench takes its own."""

    people: int
    leaves: int
    seconds: float | None

    def seconds_or(self, default: float) -> float:
        """Returns the length of a run."""
        return default if self.seconds is None else self.seconds


BENCHES: Final[dict[str, Callable[[str, Sizes], Awaitable[list[Result]]]]] = {
    "directory": lambda dsn, sizes: bench_directory(dsn, sizes.people, sizes.seconds_or(3)),
    "log": lambda dsn, sizes: bench_log(dsn, sizes.leaves, sizes.seconds_or(3)),
    "launch": lambda dsn, sizes: bench_launch_day(dsn, Crowd(sizes.people, sizes.seconds_or(60))),
    "memory": lambda dsn, sizes: bench_memory(dsn, sizes.people),
    "servers": lambda dsn, sizes: bench_servers(dsn, sizes.people, sizes.seconds_or(3)),
    "arrivals": lambda dsn, sizes: bench_arrivals(dsn, sizes.people),
    "sync": lambda dsn, sizes: bench_sync(dsn, sizes.people),
    "follows": lambda dsn, sizes: bench_follows(dsn, sizes.people),
}
TOLD: Final = "Measuring; other work on this machine disturbs"


@click.command("bench")
@click.argument("what", type=click.Choice(list(BENCHES)), default="directory")
@click.option("--people", type=click.IntRange(1_000, MAX_PEOPLE), default=1_000_000, show_default=True)
@click.option(
    "--seconds",
    type=click.FloatRange(0.5, 3_600),
    help="Length of one run of load. Default: 3, for `launch` 60.",
)
@click.option(
    "--leaves",
    type=click.IntRange(100_000, 100_000_000),
    default=1_000_000,
    show_default=True,
    help="How large the log is (`log`).",
)
@click.option("--markdown", is_flag=True, help="Print the table for docs/performance.md.")
def command(what: str, people: int, seconds: float | None, leaves: int, markdown: bool) -> None:
    """Measure how fast it is, as ratios to the bare limit. Ends with 1 where a target is missed.

    WHAT is `directory` (lookups and matches, the default), `log` (the signed log), `launch` (300 browsers that
    come at once, to one web process and to one a core), `memory` (idle, and after large lists), `servers` (several web processes, and one server against
    another), `arrivals` (newcomers that meet kept lists), `sync` (reading the log of a peer) or `follows` (runs of
    members).

    Works in databases of its own, `passerelle_bench_<people>`, in the folder `bench` of the data folder (or
    on the server of PASSERELLE_DATABASE_URL), and keeps them for the next time: the first run fills them,
    which takes about half a minute for a million people.
    """
    with bench_server(own_settings()) as dsn, errors.status(TOLD):
        results = asyncio.run(_run(what, dsn, Sizes(people, leaves, seconds)))
    if markdown:
        click.echo(results_markdown(results))
    else:
        console.print(results_table(results))
    sys.exit(exit_code(results))


async def _run(what: str, dsn: str, sizes: Sizes) -> list[Result]:
    return await BENCHES[what](dsn, sizes)
