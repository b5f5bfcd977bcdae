"""The table of servers has a row for each door, and for each kind of trouble there."""

from tests.cases.servers import CASES, DOORS, SERVERS


def test_each_door_says_all_three_sentences() -> None:
    tried = {(case.door, case.server) for case in CASES}
    assert {(door, server) for door in DOORS for server in SERVERS[:3]} <= tried
    for door in DOORS:
        told = {case.server: case.sentence for case in CASES if case.door == door}
        assert len({told[server] for server in SERVERS[:3]}) == 3


def test_no_row_is_for_a_door_that_is_not_there() -> None:
    assert {case.door for case in CASES} == set(DOORS)
    assert {case.server for case in CASES} <= set(SERVERS)
