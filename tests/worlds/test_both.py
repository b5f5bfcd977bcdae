"""The instance in memory and the real services over PostgreSQL do the same, step by step."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from directory.members import rechecks
from directory.proofs.nonce import Nonce
from directory.ranking import Answer
from directory.store.database import Database
from directory.vault import Vault
from tests.directory.members.logged import LoggedPublishing
from tests.harness.clock import FakeClock
from tests.worlds.instance import Instance, nonce_of
from tests.worlds.real import RealInstance
from tests.worlds.slices import KINDS
from tests.worlds.story import ASK, Story
from tests.worlds.world import World

SEEDS: Final = [("usual", seed) for seed in range(8)] + [("quick", 383), ("quick", 236), ("bought", 7)]


@pytest.mark.parametrize(("kind", "seed"), SEEDS)
async def test_both_instances_answer_alike(
    kind: str, seed: int, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, clock = World(), FakeClock()
    memory = Instance(world.read_post, world.read_target)
    vault = Vault.open(tmp_path, now=clock.now(), may_create=True)
    publishing = LoggedPublishing(database, clock, tmp_path / "instance")
    real = RealInstance(world, database, vault, clock, publishing)
    # Re-checks of the same accounts on the same days, and the same sentences.
    monkeypatch.setattr(rechecks, "RECHECK_SPREAD", timedelta(0))
    monkeypatch.setattr(Nonce, "new", lambda: nonce_of(len(memory.challenges) - 1))
    steps, result = Story(seed, KINDS[kind], world, memory).run(), None
    while True:
        try:
            name, *given = steps.send(result)
        except StopIteration:
            break
        if name is ASK:
            result = None
            for asked in given[0]:
                here = memory.lookup(asked.query, world.now, world.now.date())
                assert _told(await real.ask(asked.query)) == _told(here), (world.now, asked.query)
        else:
            result = getattr(memory, name)(*given, world.now)
            assert _plain(name, await real.do(name, *given)) == _plain(name, result), (world.now, name, given)


def _told(answers: Iterable[Answer]) -> list[tuple[str, str, bool]]:
    return sorted((str(a.mapping.target_id), a.matched_by, a.may_follow) for a in answers)


def _plain(name: str, result: Any) -> Any:
    return result is not None if name == "ask" else result
