"""Whose connection ends for a newcomer where all places are taken."""

from typing import Final

import pytest

from deploy.edge.places import EdgeLimits, Places, network_of, site_of

PLACES: Final = 64
IDLE_SINCE: Final = 0.0


class Connection:
    """A connection from an address, on which nothing is under way."""

    is_idle = True
    is_between_requests = True
    is_sending = False
    busy_since = 1.0
    pace = 0.0

    def __init__(self, address: str) -> None:
        self.address = address
        self.network, self.site = network_of((address, 1)), site_of((address, 1))
        self.peer: tuple[str, int] | None = None
        self.last_active = 1.0


def full_of(addresses: list[str]) -> Places:
    places = Places(EdgeLimits(PLACES, PLACES // 2))
    for address in addresses:
        places.take(Connection(address))
    assert places.is_full()
    return places


def who_ends_for(newcomer: str, places: Places) -> Connection | None:
    came = Connection(newcomer)
    found = places.find_to_end(came.network, came.site, IDLE_SINCE)
    assert found is None or isinstance(found, Connection)
    return found


@pytest.mark.parametrize("newcomer", ["192.0.2.1", "2001:db8:2::1", "::ffff:192.0.2.1"])
def test_one_site_with_a_network_for_each_place_keeps_nobody_out(newcomer: str) -> None:
    """A provider gives a customer a /48, which is 65,536 networks: with one connection of each, nobody had more than a newcomer, and
    all others read 503."""
    places = full_of([f"2001:db8:1:{number:x}::1" for number in range(PLACES)])
    ended = who_ends_for(newcomer, places)
    assert ended is not None
    assert ended.address.startswith("2001:db8:1:")
    places.leave(ended)
    assert not places.is_full()


def test_a_site_shares_its_places_among_its_networks() -> None:
    """Whoever has one of many connections of a site is not kept out by whoever there has the others."""
    places = full_of(["2001:db8:1:1::1"] * (PLACES - 1) + ["2001:db8:1:2::1"])
    ended = who_ends_for("2001:db8:1:3::1", places)
    assert ended is not None
    assert ended.address == "2001:db8:1:1::1"


def test_nobody_of_the_site_with_most_takes_a_place_of_others() -> None:
    places = full_of(
        [f"2001:db8:1:{number:x}::1" for number in range(PLACES // 2)]
        + ["192.0.2.1"] * (PLACES // 2 - 1)
        + ["192.0.2.2"]
    )
    assert who_ends_for("2001:db8:1:ff::1", places) is None


def test_many_callers_with_one_connection_each_keep_theirs() -> None:
    places = full_of([f"192.0.2.{number}" for number in range(PLACES)])
    assert who_ends_for("198.51.100.1", places) is None


def test_what_left_is_remembered_nowhere() -> None:
    places = Places(EdgeLimits(PLACES, PLACES))
    held = [Connection(f"2001:db8:{number}::1") for number in range(PLACES)]
    for each in held:
        places.take(each)
    for each in [*held, *held]:
        places.leave(each)
    assert len(places) == 0
    assert not places.all()
    assert places.has_room_for(held[0].network)
    assert who_ends_for("192.0.2.1", places) is None


def test_who_waits_for_an_answer_or_reads_one_does_not_end_before_what_is_sent_slowly() -> None:
    """Attack behind an address that many share (a proxy, a provider): a body on each place, at 100 bytes a second. Whoever had asked
    in one piece, and waited for ten seconds or read slowly, seemed slower than that, and ended first."""
    places = full_of(["192.0.2.1"] * PLACES)
    held = [each for each in places.all() if isinstance(each, Connection)]
    for each in held:
        each.is_idle = each.is_between_requests = False
        each.is_sending, each.busy_since, each.pace = True, -10.0, 100.0
    asking = held[0]
    asking.is_between_requests, asking.is_sending, asking.pace, asking.last_active = True, False, 30.0, -10.0
    ended = who_ends_for("198.51.100.1", places)
    assert ended is not None
    assert ended is not asking
