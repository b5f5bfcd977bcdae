"""Ranks as a lookup does, at the time that tests start with."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from directory.mappings import Mapping
from directory.queries import Query
from directory.ranking import Match
from directory.ranking import rank as rank_on
from tests.harness.clock import START

TODAY: Final = START.date()
NEITHER: Final = "here.example/log"
"""The origin of an instance whose members have proven nothing."""


def rank(query: Query, mappings: Sequence[Mapping], today: date = TODAY, own: str = NEITHER) -> Match:
    """Ranks the mappings that a lookup on `today` found."""
    return rank_on(query, mappings, today, own)
