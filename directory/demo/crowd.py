"""The people on the lists of an invented archive: some are in the directory, the others are strangers.

Each person is computed from their place on a list: nothing is kept in memory, whatever the length.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import gcd, isqrt
from typing import Final

from directory.demo.world import MAX_PEOPLE, RENAMED_EVERY, World

_SHARE_PARTS: Final = 10_000
_NAMED_FOLLOWED: Final = 2
_NAMED_FOLLOWERS: Final = 8
"""One in so many of a list is mentioned in the tweets, and so has a handle."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """`count` different slots. `known_parts` in 10,000 of them are known, spread evenly."""

    world: World
    people_total: int
    step: int
    known_parts: int
    count: int
    first_known: int = 0
    first_stranger: int = 0

    def slot(self, number: int) -> int:
        """Returns the slot of the n-th person. Raises DemoError where the world has no more strangers."""
        known_before = self._known_among(number)
        if self._known_among(number + 1) > known_before:
            return (self.first_known + known_before) * self.step % self.people_total
        return self.world.stranger(self.first_stranger + number - known_before)

    @property
    def known(self) -> int:
        """How many of them are in the directory."""
        return self._known_among(self.count)

    def next(self, count: int) -> "Crowd":
        """Makes another crowd that has nobody in common with this one, nor with those before it."""
        return replace(
            self,
            count=count,
            first_known=self.first_known + self.known,
            first_stranger=self.first_stranger + self.count - self.known,
        )

    def _known_among(self, count: int) -> int:
        return count * self.known_parts // _SHARE_PARTS


class Cast:
    """The people on the four lists of an archive. Every second follower is followed back."""

    def __init__(
        self, world: World, people_total: int, counts: tuple[int, int, int, int], known_share: float
    ) -> None:
        self._world = world
        follows, followers, blocks, mutes = counts
        wanted = round(known_share * _SHARE_PARTS)
        known_parts = min(wanted, people_total * _SHARE_PARTS // max(1, sum(counts)))
        self.followed = Crowd(world, people_total, _coprime_step(people_total), known_parts, follows)
        self._admirers = self.followed.next(followers)
        self.blocked = self._admirers.next(blocks)
        self.muted = self.blocked.next(mutes)
        # Where the world is too small, this fails before a file is begun.
        if mutes:
            self.muted.slot(mutes - 1)

    def lists(self) -> dict[str, Iterator[int]]:
        """Returns the slots on each list, by the name of its file."""
        return {
            "following": map(self.followed.slot, range(self.followed.count)),
            "follower": map(self._follower, range(self._admirers.count)),
            "block": map(self.blocked.slot, range(self.blocked.count)),
            "mute": map(self.muted.slot, range(self.muted.count)),
        }

    def mentions(self) -> Iterator[tuple[int, str]]:
        """Yields X id and handle of those mentioned in the tweets, from the newest tweet on, without end.

        Of those with a former handle, half are mentioned by that one alone; the other half by both, the
        present one in the newer tweet. After that the mentions repeat.
        """
        if next(self._mentioned(), None) is None:
            return
        yield from map(self._named, self._mentioned())
        for slot in self._mentioned():
            if (former := self._world.former_handle(slot)) is not None:
                yield self._world.x_id(slot), former
        while True:
            yield from map(self._named, self._mentioned())

    def count_mentions(self) -> int:
        """Counts the mentions until each person was mentioned, with a margin for chance."""
        once = self.followed.count // _NAMED_FOLLOWED + self._admirers.count // _NAMED_FOLLOWERS
        return once + once // RENAMED_EVERY + 4 * isqrt(once) + 8

    def _follower(self, number: int) -> int:
        if number % 2 == 0 and number // 2 < self.followed.count:
            return self.followed.slot(number // 2)
        return self._admirers.slot(number)

    def _mentioned(self) -> Iterator[int]:
        for number in range(self.followed.count):
            if self._is_named(slot := self.followed.slot(number), _NAMED_FOLLOWED):
                yield slot
        for number in range(self._admirers.count):
            if self._is_named(slot := self._follower(number), _NAMED_FOLLOWERS):
                yield slot

    def _is_named(self, slot: int, one_in: int) -> bool:
        return not (self._world.shuffled(slot) >> 7) % one_in

    def _named(self, slot: int) -> tuple[int, str]:
        is_known_by_former = slot < MAX_PEOPLE and slot // RENAMED_EVERY % 2 == 0
        former = self._world.former_handle(slot) if is_known_by_former else None
        return self._world.x_id(slot), former or self._world.handle(slot)


def _coprime_step(total: int) -> int:
    """Returns a step that visits every number below `total` once before it repeats, each far from the one before."""
    step = max(1, int(total * 0.618))
    while gcd(step, total) > 1:
        step += 1
    return step
