"""Formats the results as a table of ratios with their targets."""

from collections.abc import Sequence
from typing import Final

import msgspec
from rich.table import Table


class Result(msgspec.Struct, frozen=True):
    """One ratio. It is good up to `target`, or from it on with `at_least`; without a target it is always good."""

    name: str
    measured: str
    reference: str
    ratio: float
    target: float | None = None
    at_least: bool = False

    @property
    def is_good(self) -> bool:
        if self.target is None:
            return True
        # What is no number is no result: a comparison with it is false in both directions.
        return self.ratio >= self.target if self.at_least else self.ratio <= self.target


def exit_code(results: Sequence[Result]) -> int:
    """Returns 0 where every row with a target holds, and 1 otherwise; also where nothing was measured."""
    return 0 if results and all(result.is_good for result in results) else 1


_HEADERS: Final = ("", "What", "Measured", "Against", "Ratio", "Target")


def results_table(results: list[Result]) -> Table:
    """Makes the table for the terminal."""
    table = Table(*_HEADERS, box=None)
    for result in results:
        table.add_row("[green]✓[/]" if result.is_good else "[red]✗[/]", *_cells(result))
    return table


def results_markdown(results: list[Result]) -> str:
    """Makes the table for docs/performance.md."""
    lines = [f"| {' | '.join(_HEADERS[1:])} |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(_cells(result))} |" for result in results]
    return "\n".join(lines)


def _cells(result: Result) -> tuple[str, ...]:
    sign = "≥" if result.at_least else "≤"
    target = "" if result.target is None else f"{sign} {result.target:g}"
    return result.name, result.measured, result.reference, f"{result.ratio:.2f}", target
