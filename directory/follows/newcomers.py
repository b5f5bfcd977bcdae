"""Newcomers: people on a member's kept list of follows whose mappings are taken in after the list was kept."""

from datetime import datetime

import msgspec

from directory.doubts import Doubt
from directory.mappings import Mapping
from directory.ranking import Answer, MatchedBy


class Newcomer(msgspec.Struct, frozen=True):
    """A mapping that was found for a member's kept list, and when."""

    mapping: Mapping
    found_at: datetime

    @property
    def doubt(self) -> Doubt | None:
        """Why the mapping, taken by itself, may not be followed without a tick; None where it may.

        Whoever follows newcomers looks them up first: only a look-up sees what others say, and who fell silent.
        """
        matched_by = MatchedBy.HANDLE if self.mapping.x_id is None else MatchedBy.ID
        return Answer(self.mapping, matched_by, self.mapping.is_contested).doubt
