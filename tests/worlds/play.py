"""Plays worlds on an instance in memory, and judges every follow without a tick."""

from collections import Counter
from typing import NamedTuple

from tests.worlds.instance import Instance
from tests.worlds.oracle import Asked, Verdict, judge_follow
from tests.worlds.story import ASK, Rules, Story
from tests.worlds.world import World


class Played(NamedTuple):
    """What happened in one world. `follows` counts follows without a tick; `wrong` tells of those that lead elsewhere."""

    happened: Counter[str]
    follows: Counter[str]
    wrong: list[str]


def play(seed: int, rules: Rules) -> Played:
    """Plays the world of a seed."""
    world = World()
    instance = Instance(world.read_post, world.read_target)
    story = Story(seed, rules, world, instance)
    follows: Counter[str] = Counter()
    wrong: list[str] = []
    steps = story.run()
    result = None
    while True:
        try:
            name, *args = steps.send(result)
        except StopIteration:
            return Played(story.happened, follows, wrong)
        if name is ASK:
            result = None
            for asked in args[0]:
                _ask(world, instance, asked, follows, wrong)
        else:
            result = getattr(instance, name)(*args, world.now)


def _ask(world: World, instance: Instance, asked: Asked, follows: Counter[str], wrong: list[str]) -> None:
    for answer in instance.lookup(asked.query, world.now, world.now.date()):
        if not answer.may_follow:
            follows["shown with a tick"] += 1
            continue
        verdict = judge_follow(world, asked, answer)
        follows[verdict] += 1
        if verdict is Verdict.WRONG:
            wrong.append(f"{world.now:%F} {asked.query} {answer.matched_by} {answer.mapping}")
