"""Which keys of a log are in power, as its documents say: what operators compare."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from federation.keys.chain import index_in_force
from federation.keys.documents import KeptDocument
from federation.keys.operations import Operations
from federation.tlog.keys import VerifierKey


class Standing(enum.Enum):
    """What a log key is at a time."""

    IN_POWER = "in power"
    ANNOUNCED = "announced"
    TO_COME = "to come"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class KeyOverview:
    """The keys of a log at a time."""

    document: Operations
    """The document in force."""
    log_keys: tuple[tuple[VerifierKey, Standing], ...]
    """The one in power first, then the announced one, those to come, the retired ones."""
    to_come: tuple[Operations, ...]
    """Documents that are not in force yet: their time is to come, or they wait to be published."""


def overview_of(documents: Sequence[KeptDocument], now: datetime) -> KeyOverview | None:
    """Returns the keys at a time. None before the first document is in the log."""
    said = [document for document, leaf in documents if leaf is not None]
    if not said:
        return None
    at = index_in_force(said, int(now.timestamp()))
    document, later = said[at], [each for each, _ in documents[at + 1 :]]
    standings: dict[VerifierKey, Standing] = {document.log_key: Standing.IN_POWER}
    if document.next_key is not None:
        standings[document.next_key] = Standing.ANNOUNCED
    for key in (key for each in later for key in each.checkpoint_keys):
        standings.setdefault(key, Standing.TO_COME)
    for key in (key for each in reversed(said[:at]) for key in each.checkpoint_keys):
        standings.setdefault(key, Standing.RETIRED)
    return KeyOverview(document, tuple(standings.items()), tuple(later))
