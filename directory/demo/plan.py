"""What an invented archive is to hold."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from directory.demo.problems import DemoError, DemoProblem
from directory.demo.world import MAX_PEOPLE, MAX_STRANGERS

MIB: Final = 2**20
DEFAULT_MADE: Final = datetime(2026, 11, 1, 12, tzinfo=UTC)

# The last strangers play the other parts: they stand on no list.
OWNER_NUMBER: Final = MAX_STRANGERS - 1
DECOY_NUMBER: Final = MAX_STRANGERS - 1_000


@dataclass(frozen=True, slots=True)
class ArchivePlan:
    """What an invented archive holds. Sizes are least ones, in bytes before compression."""

    follows: int = 1_000
    followers: int = 500
    blocks: int = 50
    mutes: int = 20
    tweets_bytes: int = MIB
    media_bytes: int = 0
    parts: int = 1
    """Files that each of the two long lists is cut into."""
    people_total: int = 20_000
    """How many people the directory holds: those with the slots below it."""
    known_share: float = 0.3
    """How many of the lists are among them."""
    seed: int = 0
    made: datetime = DEFAULT_MADE

    def check(self) -> None:
        """Raises DemoError where the numbers cannot be meant."""
        sizes = (self.tweets_bytes, self.media_bytes, self.people_total, *self.counts)
        if min(sizes) < 0 or self.parts < 1 or not 0 <= self.known_share <= 1:
            raise DemoError(DemoProblem.WRONG_NUMBERS)
        if self.people_total > MAX_PEOPLE or sum(self.counts) > DECOY_NUMBER:
            raise DemoError(DemoProblem.TOO_MANY_PEOPLE)

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Rows of the four lists."""
        return self.follows, self.followers, self.blocks, self.mutes
