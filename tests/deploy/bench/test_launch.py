"""Launch day runs to its end, small, against a real instance; what goes wrong there is counted, and nothing else."""

from typing import Final

from deploy.bench.launch.bench import bench_launch, results_of
from deploy.bench.launch.browser import Trip
from deploy.bench.launch.crowd import AT_SCHOOL, Crowd, address_of, list_of
from deploy.bench.launch.watch import Watched

PEOPLE: Final = 2_000
AT_ONCE: Final = (0.1, 0.2)


async def test_browsers_visit_an_instance_and_meet_no_error(bench_dsn: str) -> None:
    errors, pages, memory, saturated, visits = await bench_launch(
        bench_dsn, Crowd(PEOPLE, 4, 4, AT_ONCE, AT_ONCE)
    )
    assert (errors.measured, errors.ratio, errors.is_good) == ("0", 0.0, True)
    for kind in ("asset", "list", "page"):
        assert f"{kind} " in pages.reference
    assert memory.ratio > 0
    assert "cores: web" in saturated.reference
    assert visits.ratio > 0


async def test_browsers_visit_several_web_processes(bench_dsn: str) -> None:
    errors, *others = await bench_launch(bench_dsn, Crowd(PEOPLE, 2, 2, AT_ONCE, AT_ONCE), workers=2)
    assert errors.is_good
    assert all("2 web processes" in each.name for each in (errors, *others))


async def test_what_is_refused_for_now_is_no_error_where_it_says_until_when(bench_dsn: str) -> None:
    """A limit of one list a minute: the browsers meet 429 with `Retry-After`, wait as long, and that is no error."""
    limits = {"rate_pairs_per_minute": "300"}
    errors, pages, *_ = await bench_launch(bench_dsn, Crowd(PEOPLE, 2, 2, AT_ONCE, AT_ONCE), limits)
    assert errors.is_good
    assert "; 0 were 429" not in errors.reference
    assert "list " not in pages.reference


def test_each_trouble_counts_and_is_named() -> None:
    trip = Trip(seconds={"page": [0.1]}, statuses={200: 1, 500: 1}, troubles={"list: 500": 1}, visits=1.0)
    errors, *_ = results_of(trip, _watched(), Crowd(1, 1.0, 1))
    assert not errors.is_good
    assert "1 × list: 500" in errors.measured


def test_no_page_at_all_is_no_good_time() -> None:
    """An instance that never answers has no slow page either: the row would hold."""
    _, pages, *_ = results_of(Trip(), _watched(), Crowd(1, 1.0, 1))
    assert not pages.is_good


def test_what_is_saturated_first_is_what_comes_to_its_limit_earliest() -> None:
    watched = _watched()
    watched.shares |= {"the web process": [0.5, 0.95, 0.95], "PostgreSQL": [0.3, 0.4, 0.99]}
    assert watched.first_full() == ("the web process", 2.0)
    watched.shares |= {"the web process": [0.5, 0.6, 0.7], "PostgreSQL": [0.3, 0.4, 0.5]}
    assert watched.first_full() == ("the web process", None)


def test_browsers_come_from_addresses_of_their_own_but_for_a_school() -> None:
    addresses = [address_of(number) for number in range(300)]
    assert addresses.count(address_of(0)) == 300 // AT_SCHOOL
    assert len(set(addresses)) == 300 - 300 // AT_SCHOOL + 1


def test_lists_are_of_300_to_5000_people() -> None:
    sizes = [list_of(number, PEOPLE).count("\n") + 1 for number in range(50)]
    assert min(sizes) >= 300
    assert max(sizes) <= 5_000
    assert min(sizes) < 600
    assert max(sizes) > 2_500


def _watched() -> Watched:
    return Watched(
        {"the connections to the database": [0.1]},
        {"web": 1.0, "database": 0.5, "load": 0.2},
        [0.001],
        [100, 100, 100],
    )
