"""The part of `passerelle demo` that runs several instances."""

import asyncio
import signal
from contextlib import ExitStack

from rich.table import Table

from deploy.cli.output import console, progress
from deploy.database import data_folder, running_database
from deploy.settings_file import own_settings
from deploy.trial.instances import TrialInstance, running_instances
from deploy.trial.world import Populated, make_peers, publish_people, wait_for_sync
from directory.clock import SystemClock
from directory.logs import configure_logs
from directory.networks.http import GuardedClient, user_agent
from directory.store.database import Database

FOLDER = "several"


def run_several(count: int, people: int) -> None:
    """Runs instances that are peers of each other, with people in each, until Ctrl-C; then nothing of them is left."""
    settings = own_settings()
    configure_logs(settings.log_format, "warning")
    folder = data_folder(settings) / FOLDER
    # A supervisor's SIGTERM ends it as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as stack:
        console.print(f"Starting {count} instances, each with a database and a log of its own …")
        instances = stack.enter_context(running_instances(folder, count))
        dsns = [stack.enter_context(running_database(each.settings)) for each in instances]
        try:
            asyncio.run(_run([*zip(instances, dsns, strict=True)], people))
        except KeyboardInterrupt:
            console.print("Stopping them …")


async def _run(instances: list[tuple[TrialInstance, str]], people: int) -> None:
    populated = [Populated(each, await Database.connect(dsn, max_connections=2)) for each, dsn in instances]
    try:
        await _populate(populated, people)
        await _show(populated, people)
        await asyncio.Event().wait()
    finally:
        for each in populated:
            await each.database.close()


async def _populate(populated: list[Populated], people: int) -> None:
    clock, count = SystemClock(), len(populated)
    with progress() as bar:
        publishing = bar.add_task("Publishing in each log", total=people * count)
        syncing = bar.add_task("Syncing with each other", total=people * count * count, start=False)
        await publish_people(populated, people, clock, lambda done: bar.update(publishing, completed=done))
        async with GuardedClient(user_agent(populated[0].instance.url), allow_loopback=True) as http:
            await make_peers(populated, clock, http)
        bar.start_task(syncing)
        await wait_for_sync(populated, people, lambda done: bar.update(syncing, completed=done))


async def _show(populated: list[Populated], people: int) -> None:
    table = Table()
    for title in ("instance", "its own people", "answers for", "somebody who published there"):
        table.add_column(title, no_wrap=title == "instance", overflow="fold")
    for each in populated:
        name = await each.find_name()
        table.add_row(each.instance.url, f"{people:,}", f"{people * len(populated):,}", f"@{name}")
    console.print(table)
    last = populated[-1]
    console.print(
        f"Look @{await last.find_name()} up at {populated[0].instance.url}: the mapping comes from {last.origin}."
        " Its page About tells whom it hears, and how fresh each is. Ctrl-C stops all of them.",
        soft_wrap=True,
    )
