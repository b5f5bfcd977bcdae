"""Gives a mapping right times where a clock that ran ahead gave it wrong ones. Pure."""

from datetime import datetime

import msgspec

from directory.mappings import Mapping, has_begun
from federation.protocol.statement import MAX_VALIDITY


def is_ahead(mapping: Mapping, now: datetime) -> bool:
    """Whether a mapping was issued so far in the future that no reader believes it yet."""
    return not has_begun(mapping.issued, now)


def restamp(mapping: Mapping, now: datetime) -> Mapping:
    """Returns the mapping as issued now, where it is ahead.

    What was seen at a time that is still to come was seen before now: nobody knows when, and now says the least that is
    certain. It then holds for no longer than what was seen now.
    """
    if not is_ahead(mapping, now):
        return mapping
    whole = now.replace(microsecond=0)
    return msgspec.structs.replace(
        mapping,
        issued=whole,
        expires=min(mapping.expires, whole + MAX_VALIDITY),
        evidence=tuple(msgspec.structs.replace(each, at=min(each.at, whole)) for each in mapping.evidence),
    )
