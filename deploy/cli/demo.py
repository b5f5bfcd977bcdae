"""`passerelle demo`."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.progress import Progress

from deploy.cli.output import console, progress
from deploy.cli.recovery import ensure_keys
from deploy.cli.session import with_database
from deploy.cli.sizes import SIZE
from deploy.demo import fill_demo, remove_demo
from deploy.demo_log import SignedDemo
from deploy.wiring.log import build_sequencer
from directory.clock import SystemClock
from directory.demo import MAX_PEOPLE, ArchivePlan, check_archive, write_archive
from directory.settings import Settings
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
@click.option("--unsigned", is_flag=True, help="Leave the signed log out: faster, for measuring lookups.")
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
    unsigned: bool,
    remove: bool,
) -> None:
    """Fill the directory with synthetic people, and make an X archive to try it with.

    Demo people go through the signed log, as members do. They are marked; `passerelle demo --remove` takes
    them out again.
    """
    if remove:
        removed = with_database(_remove)
        console.print(
            f"{removed:,} demo mappings were taken out." if removed else "There were no demo people."
        )
        return
    plan = ArchivePlan(
        follows=follows,
        followers=follows // 2,
        blocks=follows // 40,
        mutes=follows // 100,
        tweets_bytes=tweets,
        media_bytes=max(0, size - tweets),
        parts=LIST_PARTS if follows >= LIST_PARTS else 1,
        people_total=people,
        seed=seed,
    )
    if not no_archive:
        check_archive(archive, plan)
    if not no_people:
        with_database(lambda settings, database: _fill(settings, database, people, seed, signed=not unsigned))
        console.print(
            f"{people:,} demo people are in the directory. `passerelle demo --remove` takes them out."
        )
    if not no_archive:
        _write(archive, plan)


async def _fill(settings: Settings, database: Database, people: int, seed: int, *, signed: bool) -> int:
    await ensure_keys(settings, database)
    with progress() as bar:
        task = bar.add_task("Inventing people", total=people)

        def on_progress(done: int) -> None:
            bar.update(task, completed=done)

        if signed:
            demo = SignedDemo(database, build_sequencer(settings), SystemClock())
            await demo.publish(people, seed, on_progress, _waiting_bar(bar, "Signing them"))
        else:
            now = datetime.now(UTC).replace(microsecond=0)
            await fill_demo(DemoStore(database), people, seed, now, on_progress)
    return people


async def _remove(settings: Settings, database: Database) -> int:
    await ensure_keys(settings, database)
    with progress() as bar:
        demo = SignedDemo(database, build_sequencer(settings), SystemClock())
        withdrawn = await demo.withdraw(_waiting_bar(bar, "Revoking them"))
        task = bar.add_task("Taking demo people out", total=None)
        removed = await remove_demo(DemoStore(database), lambda done: bar.update(task, completed=done))
    return withdrawn + removed


def _waiting_bar(bar: Progress, title: str) -> Callable[[int], None]:
    """Returns a bar over what waits; its total is known from the first call on."""
    task = bar.add_task(title, total=None)
    total = 0

    def on_waiting(waiting: int) -> None:
        nonlocal total
        total = max(total, waiting)
        bar.update(task, total=total, completed=total - waiting)

    return on_waiting


def _write(path: Path, plan: ArchivePlan) -> None:
    with progress() as bar:
        task = bar.add_task("Writing the archive", total=None)
        written = write_archive(
            path, plan, on_progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    console.print(
        f"{written.path} ({written.size_bytes / 1e6:,.1f} MB) follows {plan.follows:,} people,"
        f" {written.known_follows:,} of them in the directory. Drop it on the page, or run"
        f" `passerelle match {written.path}`.",
        soft_wrap=True,
    )
