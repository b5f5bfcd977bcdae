"""The table of what people paste for an account, and the account or the named error that comes out of each door."""

import json
from pathlib import Path
from typing import Final

import msgspec
import pytest

TABLE: Final = Path(__file__).with_name("accounts.jsonl")

X_DOORS: Final = ("box", "lookup")
TARGET_DOORS: Final = ("box", "reverse", "whose")
DOORS: Final = {"x": X_DOORS, "target": TARGET_DOORS}


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row. `account` is `@name`, a number, or an account of a new network; None where `error` is named."""

    input: str
    kind: str
    doors: str | tuple[str, ...]
    account: str | None = None
    error: str | None = None

    def is_for(self, door: str) -> bool:
        return door in (DOORS[self.kind] if self.doors == "all" else self.doors)

    @property
    def expected(self) -> str | None:
        return self.account or self.error


CASES: Final = tuple(
    msgspec.json.decode(line, type=Case) for line in TABLE.read_text("ascii").splitlines() if line
)


def cases_for(door: str) -> pytest.MarkDecorator:
    """Has a test of one door run for each of its rows, as `case`."""
    rows = [pytest.param(case, id=json.dumps(case.input)) for case in CASES if case.is_for(door)]
    return pytest.mark.parametrize("case", rows)
