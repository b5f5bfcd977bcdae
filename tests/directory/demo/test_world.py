"""The invented world: everybody has an id and a handle of their own, and always the same ones."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.demo.names import BLUESKY_HOSTS, FIRST_NAMES, MASTODON_HOSTS, NUMBERS, SECOND_NAMES
from directory.demo.problems import DemoError, DemoProblem
from directory.demo.world import MAX_PEOPLE, MAX_STRANGERS, RENAMED_EVERY, SLOTS, World, snowflake
from directory.identifiers import XHandle, XId

SLOT = st.integers(0, SLOTS - 1)
SEED = st.integers(0, 2**32)


def test_names_are_different_in_lower_case() -> None:
    assert (
        len({name.lower() for name in FIRST_NAMES}) == len({name.lower() for name in SECOND_NAMES}) == 1_024
    )
    assert len(set(NUMBERS)) == 16
    assert max(map(len, FIRST_NAMES)) + 1 + max(map(len, SECOND_NAMES)) + 2 <= 15


def test_no_server_can_exist() -> None:
    """RFC 2606 keeps `.example` and `.test` free for ever."""
    for host in (*MASTODON_HOSTS, *BLUESKY_HOSTS):
        assert re.search(r"\.(example|test)$", host)


@given(SEED, SLOT, SLOT)
def test_two_slots_have_nothing_in_common(seed: int, one: int, other: int) -> None:
    world = World(seed)
    is_same = one == other
    assert (world.shuffled(one) == world.shuffled(other)) is is_same
    assert (world.x_id(one) == world.x_id(other)) is is_same
    assert (world.handle(one).lower() == world.handle(other).lower()) is is_same


@given(SEED, SLOT)
def test_ids_and_handles_are_valid(seed: int, slot: int) -> None:
    world = World(seed)
    assert XId.parse(str(world.x_id(slot))).value == world.x_id(slot)
    assert str(XHandle.parse(world.handle(slot))) == world.handle(slot)


def test_two_hundred_thousand_people_are_all_different() -> None:
    world = World()
    slots = range(0, SLOTS, 83)
    assert len({world.x_id(slot) for slot in slots}) == len(slots)
    assert len({world.handle(slot).lower() for slot in slots}) == len(slots)


@given(st.integers(0, SLOTS - 1))
def test_shuffling_is_a_bijection(slot: int) -> None:
    """An odd factor and a shift to the right can be undone; so no two slots can meet."""
    world = World(7)
    undone = world.shuffled(slot)
    undone ^= undone >> 11 ^ undone >> 22
    undone = undone * pow(world._times_again, -1, SLOTS) % SLOTS
    undone ^= undone >> 13
    assert (undone - world._add) * pow(world._times, -1, SLOTS) % SLOTS == slot


def test_half_of_the_ids_are_short_and_none_was_ever_given() -> None:
    """X went from ten digits (below 5 thousand million) straight to eighteen."""
    ids = [World().x_id(slot) for slot in range(2_000)]
    short = [x_id for x_id in ids if x_id < 10**15]
    assert 900 < len(short) < 1_100
    assert all(5_999_999_999 < x_id < 10**10 for x_id in short)
    newest = snowflake(1_793_500_000_000, 0)
    assert all(x_id < newest for x_id in ids)


def test_the_same_seed_makes_the_same_world() -> None:
    """Fixed for good: archives and directories made on different days and machines must fit together."""
    world = World(0)
    assert [world.x_id(slot) for slot in range(3)] == [1259852110238242450, 9028269165, 1706338633057680104]
    assert [world.handle(slot) for slot in range(3)] == ["Joreli_Veson17", "Tamolo_Valele46", "Rali_Besal42"]
    assert World(0).x_id(0) != World(1).x_id(0)


def test_some_changed_their_name_and_no_former_name_is_anybodys() -> None:
    world = World()
    former = {slot: world.former_handle(slot) for slot in range(1_000)}
    renamed = [slot for slot, handle in former.items() if handle]
    assert len(renamed) == 1_000 // RENAMED_EVERY
    assert world.former_handle(MAX_PEOPLE) is None
    last = world.former_handle(MAX_PEOPLE - RENAMED_EVERY)
    assert last is not None
    assert last != world.handle(World.stranger(0))


def test_there_is_a_last_stranger() -> None:
    assert World.stranger(MAX_STRANGERS - 1) == SLOTS - 1
    with pytest.raises(DemoError) as caught:
        World.stranger(MAX_STRANGERS)
    assert caught.value.code is DemoProblem.TOO_MANY_PEOPLE
