"""`passerelle demo`."""

from datetime import UTC, datetime
from pathlib import Path

import click

from deploy.cli.output import console, progress
from deploy.cli.session import with_database
from deploy.cli.several import run_several
from deploy.cli.sizes import SIZE
from deploy.demo import fill_demo, remove_demo
from deploy.trial.instances import NAMES
from deploy.trial.world import MAX_PEOPLE as MAX_PEOPLE_EACH
from deploy.wiring.demo_guard import check_demo_place
from directory.demo import MAX_PEOPLE, ArchivePlan, check_archive, write_archive
from directory.settings import Settings
from directory.store.database import Database
from directory.store.demo import DemoStore

DEFAULT_PEOPLE = 20_000
PEOPLE_EACH = 1_000
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
@click.option(
    "--instances",
    type=click.IntRange(2, len(NAMES)),
    help="Run so many instances on this machine that are peers of each other, with 1,000 people in each (or --people).",
)
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
    instances: int | None,
    remove: bool,
) -> None:
    """Fill the directory with synthetic people, and make an X archive to try it with.

    For trying out alone: an instance with a public address refuses them. They stand under an origin of their
    own, demo.localhost/log, and never enter the signed log; `passerelle demo --remove` takes them out again.
    """
    if instances is not None:
        context = click.get_current_context()
        is_default = context.get_parameter_source("people") is click.core.ParameterSource.DEFAULT
        run_several(instances, PEOPLE_EACH if is_default else min(people, MAX_PEOPLE_EACH))
        return
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
        with_database(lambda settings, database: _fill(settings, database, people, seed))
        console.print(
            f"{people:,} demo people are in the directory. `passerelle demo --remove` takes them out."
        )
    if not no_archive:
        _write(archive, plan)


async def _fill(settings: Settings, database: Database, people: int, seed: int) -> None:
    await check_demo_place(settings, database)
    now = datetime.now(UTC).replace(microsecond=0)
    with progress() as bar:
        task = bar.add_task("Inventing people", total=people)

        def on_progress(done: int) -> None:
            bar.update(task, completed=done)

        await fill_demo(DemoStore(database), people, seed, now, on_progress)


async def _remove(_: Settings, database: Database) -> int:
    with progress() as bar:
        task = bar.add_task("Taking demo people out", total=None)
        return await remove_demo(DemoStore(database), lambda done: bar.update(task, completed=done))


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
