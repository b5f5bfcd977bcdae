"""`passerelle demo`."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.progress import Progress

from deploy.cli.output import console, errors
from deploy.cli.sizes import SIZE
from deploy.database import running_database
from deploy.demo import fill_demo, remove_demo
from deploy.migrate import migrate
from directory.demo import MAX_PEOPLE, ArchivePlan, write_archive
from directory.settings import load_settings
from directory.store.database import Database
from directory.store.demo import DemoStore

DEFAULT_PEOPLE = 20_000
LIST_PARTS = 3


@click.command("demo")
@click.option("--people", type=click.IntRange(1, MAX_PEOPLE), default=DEFAULT_PEOPLE, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, help="Another number makes other people.")
@click.option(
    "--archive",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("demo-archive.zip"),
    show_default=True,
    help="Where to write an X archive that follows some of them.",
)
@click.option(
    "--follows", type=click.IntRange(0), default=2_000, show_default=True, help="People it follows."
)
@click.option(
    "--size", type=SIZE, default="5MB", show_default=True, help="About how large it is, such as 3GB."
)
@click.option(
    "--tweets", type=SIZE, default="1MB", show_default=True, help="About how large its tweets.js is."
)
@click.option("--no-archive", is_flag=True, help="Fill the directory only.")
@click.option("--no-people", is_flag=True, help="Write the archive only.")
@click.option("--remove", is_flag=True, help="Take all demo people out again, and nothing else.")
def command(
    *,
    people: int,
    seed: int,
    archive: Path,
    follows: int,
    size: int,
    tweets: int,
    no_archive: bool,
    no_people: bool,
    remove: bool,
) -> None:
    """Fill the directory with synthetic people, and make an X archive to try it with.

    Demo people are marked; `passerelle demo --remove` takes them out again.
    """
    if remove:
        removed = _with_store(_remove)
        console.print(
            f"{removed:,} demo mappings were taken out." if removed else "There were no demo people."
        )
        return
    if not no_people:
        _with_store(lambda store: _fill(store, people, seed))
        console.print(
            f"{people:,} demo people are in the directory. `passerelle demo --remove` takes them out."
        )
    if not no_archive:
        _write(
            archive,
            ArchivePlan(
                follows=follows,
                followers=follows // 2,
                blocks=follows // 40,
                mutes=follows // 100,
                tweets_bytes=tweets,
                media_bytes=max(0, size - tweets),
                parts=LIST_PARTS if follows >= LIST_PARTS else 1,
                people_total=people,
                seed=seed,
            ),
        )


def _with_store(work: Callable[[DemoStore], Awaitable[int]]) -> int:
    settings = load_settings()

    async def run(dsn: str) -> int:
        await migrate(dsn)
        database = await Database.connect(dsn, max_connections=2)
        try:
            return await work(DemoStore(database))
        finally:
            await database.close()

    with running_database(settings) as dsn:
        return asyncio.run(run(dsn))


async def _fill(store: DemoStore, people: int, seed: int) -> int:
    with Progress(console=errors, transient=True) as progress:
        task = progress.add_task("Inventing people", total=people)
        now = datetime.now(UTC).replace(microsecond=0)
        await fill_demo(store, people, seed, now, lambda done: progress.update(task, completed=done))
    return people


async def _remove(store: DemoStore) -> int:
    with Progress(console=errors, transient=True) as progress:
        task = progress.add_task("Taking demo people out", total=None)
        return await remove_demo(store, lambda done: progress.update(task, completed=done))


def _write(path: Path, plan: ArchivePlan) -> None:
    with Progress(console=errors, transient=True) as progress:
        task = progress.add_task("Writing the archive", total=None)
        written = write_archive(
            path, plan, on_progress=lambda done, total: progress.update(task, completed=done, total=total)
        )
    console.print(
        f"{written.path} ({written.size_bytes / 1e6:,.1f} MB) follows {plan.follows:,} people,"
        f" {written.known_follows:,} of them in the directory. Drop it on the page, or run"
        f" `passerelle match {written.path}`.",
        soft_wrap=True,
    )
