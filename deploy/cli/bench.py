"""`passerelle bench`."""

import asyncio
import sys

import click

from deploy.bench.arrivals import bench_arrivals
from deploy.bench.directory import bench_directory
from deploy.bench.follows import bench_follows
from deploy.bench.log import bench_log
from deploy.bench.results import results_markdown, results_table
from deploy.bench.servers import bench_servers
from deploy.bench.sync import bench_sync
from deploy.cli.output import console, errors
from deploy.database import bench_server
from deploy.settings_file import own_settings
from directory.demo import MAX_PEOPLE


@click.command("bench")
@click.argument(
    "what",
    type=click.Choice(["directory", "log", "arrivals", "sync", "follows", "servers"]),
    default="directory",
)
@click.option("--people", type=click.IntRange(1_000, MAX_PEOPLE), default=1_000_000, show_default=True)
@click.option(
    "--seconds",
    type=click.FloatRange(0.5, 60),
    default=3.0,
    show_default=True,
    help="Length of one run of load.",
)
@click.option(
    "--leaves",
    type=click.IntRange(100_000, 100_000_000),
    default=1_000_000,
    show_default=True,
    help="How large the log is (`log`).",
)
@click.option("--markdown", is_flag=True, help="Print the table for docs/performance.md.")
def command(what: str, people: int, seconds: float, leaves: int, markdown: bool) -> None:
    """Measure how fast it is, as ratios to the bare limit. Ends with 1 where a target is missed.

    WHAT is `directory` (lookups and matches, the default), `log` (the signed log), `arrivals`
    (newcomers that meet kept lists), `sync` (reading the log of a peer), `follows` (runs of members) or
    `servers` (several web processes, and one server against another).

    Works in databases of its own, `passerelle_bench_<people>`, in the folder `bench` of the data folder (or
    on the server of PASSERELLE_DATABASE_URL), and keeps them for the next time: the first run fills them,
    which takes about half a minute for a million people.
    """
    with (
        bench_server(own_settings()) as dsn,
        errors.status("Measuring; other work on this machine disturbs"),
    ):
        if what == "log":
            results = asyncio.run(bench_log(dsn, leaves, seconds))
        elif what == "sync":
            results = asyncio.run(bench_sync(dsn, people))
        elif what == "arrivals":
            results = asyncio.run(bench_arrivals(dsn, people))
        elif what == "follows":
            results = asyncio.run(bench_follows(dsn, people))
        elif what == "servers":
            results = asyncio.run(bench_servers(dsn, people, seconds))
        else:
            results = asyncio.run(bench_directory(dsn, people, seconds))
    if markdown:
        click.echo(results_markdown(results))
    else:
        console.print(results_table(results))
    sys.exit(0 if all(result.is_good for result in results) else 1)
