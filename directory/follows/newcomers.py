"""Newcomers: people on a member's kept list of follows whose mappings are taken in after the list was kept."""

from datetime import datetime

import msgspec

from directory.mappings import Mapping


class Newcomer(msgspec.Struct, frozen=True):
    """A mapping that was found for a member's kept list, and when."""

    mapping: Mapping
    found_at: datetime
