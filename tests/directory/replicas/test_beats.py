"""What is known of a replica is never newer than the truth: property tests over many processes, lags and failures."""

from uuid import UUID

import asyncpg
from hypothesis import given
from hypothesis import strategies as st

from directory.store.beats import MAX_BEATS, Beat, Beats, ensure_first, look_at_primary, look_at_replica

Step = tuple[str, int, float]
STEPS = st.lists(
    st.tuples(st.sampled_from(["look", "other", "fail over"]), st.integers(0, 5), st.floats(0.0, 1.0)),
    max_size=60,
)


class World:
    """A primary, all states of whose row are kept: a replica may show any of them."""

    def __init__(self) -> None:
        self.now = 0.0
        self.made: list[tuple[Beat, float]] = [(Beat(1, UUID(int=0)), 0.0)]
        self.marks = 0
        self.seen: dict[str, Beat] = {}

    @property
    def present(self) -> Beat:
        return self.made[-1][0]

    def beat(self) -> None:
        self.marks += 1
        self.made.append((Beat(self.present.number + 1, UUID(int=self.marks)), self.now))

    def look(self, who: str, took: float, into: Beats | None = None) -> None:
        """Looks as a process does: a beat that it has seen before gets a new one. The server is at it after a part of the time."""
        began = self.now
        self.now += took / 2
        is_ours = self.seen.get(who) == self.present
        if is_ours:
            self.beat()
        self.seen[who] = self.present
        if into is not None:
            into.note(self.present, began, is_ours=is_ours)
        self.now += took / 2


@given(STEPS)
def test_nobody_is_known_to_hold_more_than_they_do(steps: list[Step]) -> None:
    """Whoever shows a beat holds what was stored before it was made, and perhaps no more."""
    world, beats = World(), Beats()
    for kind, who, took in steps:
        world.now += took
        if kind == "look":
            world.look("ours", took, beats)
        elif kind == "other":
            world.look(f"other {who}", took)
        else:
            # The former replica did not hold the last beats. Connections to the former primary are gone.
            del world.made[max(1, len(world.made) - who) :]
            world.seen.clear()
            beats.forget()
        made_at = dict(world.made)
        for beat, at in made_at.items():
            known = beats.as_of(beat)
            assert known is None or known <= at


@given(st.integers(1, 5), st.floats(0.001, 0.3))
def test_looks_alone_make_beats(others: int, every: float) -> None:
    """However many look: the primary's beat is known again after two looks, and they make no more than one in each round."""
    world, beats = World(), Beats()
    for _ in range(20):
        world.look("ours", every / 10, beats)
        for other in range(others):
            world.look(f"other {other}", every / 10)
        world.now += every
    known = beats.as_of(beats.last) if beats.last is not None else None
    assert known is not None
    assert world.now - known <= 2 * (every + every / 10 * (others + 1)) + every
    assert len(world.made) <= 21


def test_a_primary_that_went_back_is_begun_anew() -> None:
    """Attack: the same connection leads to a server that was set back, through a pooler. Beats that it shows were made before
    our last look."""
    beats = Beats()
    old, lost = Beat(5, UUID(int=5)), Beat(6, UUID(int=6))
    beats.note(old, 1.0, is_ours=True)
    beats.note(lost, 2.0, is_ours=True)
    for shown in (Beat(5, UUID(int=50)), Beat(6, UUID(int=60))):
        beats.note(lost, 3.0, is_ours=True)
        beats.note(shown, 4.0, is_ours=False)
        assert (beats.as_of(shown), beats.as_of(lost), beats.last) == (None, None, None)


def test_few_are_remembered() -> None:
    beats = Beats()
    for number in range(2 * MAX_BEATS):
        beats.note(Beat(number, UUID(int=number)), float(number), is_ours=True)
    known = [
        number for number in range(2 * MAX_BEATS) if beats.as_of(Beat(number, UUID(int=number))) is not None
    ]
    assert known == list(range(MAX_BEATS, 2 * MAX_BEATS))


async def test_one_of_two_who_look_at_once_makes_the_beat(dsn: str) -> None:
    """The other sees what was there, and the next time what the first has made."""
    one, two = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    try:
        assert await look_at_primary(one, None, UUID(int=1)) is None
        await ensure_first(one, UUID(int=2))
        await ensure_first(two, UUID(int=3))
        first = await look_at_primary(one, None, UUID(int=4))
        assert first == Beat(1, UUID(int=2)), "who looks for the first time makes none"
        assert await look_at_primary(one, first, UUID(int=5)) == Beat(2, UUID(int=5))
        assert await look_at_primary(two, first, UUID(int=6)) == Beat(2, UUID(int=5))
        assert await look_at_replica(two) == (False, Beat(2, UUID(int=5)))
    finally:
        await one.close()
        await two.close()
