"""Where the evidence of a mapping can be looked at: addresses that are safe to link, whoever sent them. Pure."""

import re
from typing import Final

from directory.mappings import Evidence, Mapping

_POST: Final = re.compile(r"https://x\.com/i/status/[1-9][0-9]{0,18}")


def x_profile_url(mapping: Mapping) -> str:
    """Returns the profile on X: by its number where that was proven, since a name can pass to somebody else."""
    if mapping.x_id is not None:
        return f"https://x.com/i/user/{mapping.x_id}"
    return f"https://x.com/{mapping.x_handle}"


def proof_url(evidence: Evidence) -> str:
    """Returns the address of the post or profile that was seen. Empty where nobody can look at it.

    Other instances send evidence too: an address of any other form is not linked.
    """
    if evidence.binds_x and _POST.fullmatch(evidence.ref or ""):
        return evidence.ref or ""
    if evidence.is_link_on_x or evidence.is_link_elsewhere:
        return evidence.ref or ""
    return ""
