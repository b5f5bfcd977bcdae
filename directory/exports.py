"""What somebody takes along: the accounts they chose, in the forms that other programs import."""

import csv
import io
from collections.abc import Iterable
from typing import Final

import msgspec

from directory.mappings import Network
from directory.ranking import Answer

MASTODON_CSV_HEADER: Final = ("Account address", "Show boosts", "Notify on new posts", "Languages")
MASTODON_CSV_MAX_ROWS: Final = 20_000
"""More rows Mastodon's import refuses."""


class ExportedAccount(msgspec.Struct, frozen=True):
    """One chosen account."""

    x_id: str | None
    x_handle: str
    network: Network
    id: str
    handle: str
    strength: str
    matched_by: str
    origin: str


def mastodon_csv(answers: Iterable[Answer]) -> str:
    """The follows file of Mastodon's "Import and export": one row an account, boosts shown."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(MASTODON_CSV_HEADER)
    accts = {
        str(answer.mapping.target_handle): None
        for answer in answers
        if answer.mapping.network is Network.MASTODON and not answer.disputed
    }
    writer.writerows((acct, "true", "false", "") for acct in accts)
    return text.getvalue()


def accounts_json(answers: Iterable[Answer]) -> bytes:
    """All chosen accounts as a JSON array of `ExportedAccount`."""
    return msgspec.json.format(msgspec.json.encode([_exported(answer) for answer in answers]), indent=1)


def _exported(answer: Answer) -> ExportedAccount:
    mapping = answer.mapping
    return ExportedAccount(
        str(mapping.x_id) if mapping.x_id is not None else None,
        str(mapping.x_handle),
        mapping.network,
        str(mapping.target_id),
        str(mapping.target_handle),
        mapping.strength.label,
        answer.matched_by.value,
        mapping.origin,
    )
