"""The bench ends with 0 only where every row with a target holds."""

import math

import pytest
from click.testing import CliRunner

from deploy.bench.results import Result, exit_code, results_markdown
from deploy.cli.bench import BENCHES, Sizes, command

GOOD = Result("a rate", "8/s", "10/s", 0.8, 0.7, at_least=True)
SLOW = Result("a time", "3 s", "2 s", 1.5, 1.0)
TOLD = Result("told alone", "9", "3", 3.0)


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([GOOD], 0),
        ([GOOD, TOLD], 0),
        ([SLOW], 1),
        ([GOOD, SLOW, TOLD], 1),
        ([SLOW, GOOD], 1),
        ([Result("a rate", "6/s", "10/s", 0.6, 0.7, at_least=True)], 1),
        ([Result("exactly", "1 s", "1 s", 1.0, 1.0)], 0),
        ([Result("exactly", "7/s", "10/s", 0.7, 0.7, at_least=True)], 0),
        ([Result("no number", "nothing", "0 s", math.nan, 1.0)], 1),
        ([Result("no number", "nothing", "0 s", math.nan, 1.0, at_least=True)], 1),
        ([Result("never", "nothing", "1 s", math.inf, 1.0)], 1),
    ],
)
def test_one_row_that_misses_its_target_ends_it_with_1(results: list[Result], code: int) -> None:
    assert exit_code(results) == code


def test_a_bench_that_measured_nothing_holds_nothing() -> None:
    """A bench whose rows were lost on the way would end with 0: all of no rows are good."""
    assert exit_code([]) == 1


def test_a_missed_target_is_shown_with_its_figure() -> None:
    assert "| a time | 3 s | 2 s | 1.50 | ≤ 1 |" in results_markdown([SLOW])


@pytest.mark.parametrize(("results", "code"), [([GOOD, TOLD], 0), ([GOOD, SLOW], 1), ([], 1)])
def test_the_command_ends_as_the_rows_say(
    monkeypatch: pytest.MonkeyPatch, dsn: str, results: list[Result], code: int
) -> None:
    """A script that measures at night looks at nothing but the status: it is 0 only when every row holds."""

    async def measure(dsn: str, sizes: Sizes) -> list[Result]:
        assert sizes == Sizes(1_000_000, 1_000_000, None)
        return results

    monkeypatch.setitem(BENCHES, "directory", measure)
    monkeypatch.setenv("PASSERELLE_DATABASE_URL", dsn)
    ended = CliRunner().invoke(command, ["--people", "1000000", "--markdown"])
    assert ended.exit_code == code
    assert ended.output.count("\n|") == len(results) + 1
