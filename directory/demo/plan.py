"""The plan of an invented archive."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from directory.demo.problems import DemoError, DemoProblem
from directory.demo.world import MAX_PEOPLE, MAX_STRANGERS

MIB: Final = 2**20
DEFAULT_MADE: Final = datetime(2026, 11, 1, 12, tzinfo=UTC)

# The last strangers are the owner and the decoys: they stand on no list.
OWNER_NUMBER: Final = MAX_STRANGERS - 1
DECOY_NUMBER: Final = MAX_STRANGERS - 1_000


@dataclass(frozen=True, slots=True)
class ArchivePlan:
    """The contents of an invented archive. Sizes are minimums, in bytes before compression."""

    follows: int = 1_000
    followers: int = 500
    blocks: int = 50
    mutes: int = 20
    tweets_bytes: int = MIB
    media_bytes: int = 0
    parts: int = 1
    """Files that each of the two long lists is cut into."""
    people_total: int = 20_000
    """The number of people in the directory: those with the slots below it."""
    known_share: float = 0.3
    """The share of the people on the lists who are in the directory."""
    seed: int = 0
    made: datetime = DEFAULT_MADE

    def check(self) -> None:
        """Checks the numbers. Raises DemoError where one is out of range."""
        sizes = (self.tweets_bytes, self.media_bytes, self.people_total, *self.counts)
        if min(sizes) < 0 or self.parts < 1 or not 0 <= self.known_share <= 1:
            raise DemoError(DemoProblem.WRONG_NUMBERS)
        if self.people_total > MAX_PEOPLE or sum(self.counts) > DECOY_NUMBER:
            raise DemoError(DemoProblem.TOO_MANY_PEOPLE)

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Rows of the four lists."""
        return self.follows, self.followers, self.blocks, self.mutes
