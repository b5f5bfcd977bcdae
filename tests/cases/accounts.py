"""The table of what people paste for an account, and the account or the named error that comes out of each door."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

TABLE: Final = Path(__file__).with_name("accounts.jsonl")

DOORS: Final = {
    "x": ("box", "lookup", "match", "webfinger", "names", "command", "hides", "links", "confirm", "person"),
    "target": ("box", "reverse", "whose", "sign-in"),
    "server": ("mastodon",),
    "post": ("proof",),
}
"""The doors that take each kind. A row with `"doors": "all"` is for all of them."""


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row. `account` is `@name`, a number, or an account of a new network; None where `error` is named."""

    input: str
    kind: str
    doors: str | tuple[str, ...]
    account: str | None = None
    error: str | None = None

    def is_for(self, door: str) -> bool:
        return door in (DOORS[self.kind] if self.doors == "all" else self.doors)


CASES: Final = tuple(
    msgspec.json.decode(line, type=Case) for line in TABLE.read_text("ascii").splitlines() if line
)


def cases_of(door: str) -> list[Case]:
    """Returns the rows for one door, for a test that tries them all at once."""
    return [case for case in CASES if case.is_for(door)]


def _any(_: str) -> bool:
    return True


def wrong(
    door: str, read: Callable[[str], str | None], fits: Callable[[str], bool] = _any
) -> list[tuple[str, str | None, str | None]]:
    """Tries a door with each of its rows that `fits`; `read` returns the account, None where the door refused it.

    Returns the rows that went wrong: what was pasted, what was expected, what came out.
    """
    tried = [(case.input, case.account, read(case.input)) for case in cases_of(door) if fits(case.input)]
    assert tried, f"the table has no row for {door}"
    return [row for row in tried if row[1] != row[2]]
