"""Prints answers as a table for the terminal."""

from collections.abc import Iterable

from rich.table import Table

from directory.mappings import Strength
from directory.ranking import Answer, Match

_WORDS = {
    Strength.BOUND: "[green]proven[/]",
    Strength.HANDLE: "[green]proven by name[/]",
    Strength.LINKED: "[yellow]profiles link[/]",
    Strength.IMPORTED: "[yellow]unchecked hint[/]",
}


def answers_table(matches: Iterable[Match]) -> Table:
    """Builds the table, one row for each answer."""
    table = Table("On X", "Network", "Now", "How sure", "By", "On")
    for match in matches:
        for answer in match.answers:
            table.add_row(*_cells(match, answer))
    return table


def _cells(match: Match, answer: Answer) -> tuple[str, ...]:
    mapping = answer.mapping
    return (
        f"@{match.query.x_handle or mapping.x_handle}",
        mapping.network.value,
        str(mapping.target_handle),
        "[red]disputed[/]" if answer.disputed else _WORDS[mapping.strength],
        answer.matched_by.value,
        mapping.issued.date().isoformat(),
    )
