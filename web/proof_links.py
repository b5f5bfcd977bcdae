"""Where the evidence of a mapping can be looked at: addresses that are safe to link, whoever sent them. Pure."""

import re
from typing import Final

from directory.identifiers import XHandle, XId
from directory.mappings import Evidence, Mapping

_POST: Final = re.compile(r"https://x\.com/i/status/[1-9][0-9]{0,18}")


def x_profile_url(mapping: Mapping) -> str:
    """Returns the profile on X: by its number where that was proven, since a name can pass to somebody else."""
    return x_account_url(mapping.x_id, mapping.x_handle)


def x_account_url(x_id: XId | None, x_handle: XHandle) -> str:
    """Returns the profile of an account on X, by its number where it is known."""
    return f"https://x.com/i/user/{x_id}" if x_id is not None else f"https://x.com/{x_handle}"


def proof_url(evidence: Evidence) -> str:
    """Returns the address of the post or profile that was seen. Empty where nobody can look at it.

    Other instances send evidence too: an address of any other form is not linked.
    """
    if evidence.binds_x and _POST.fullmatch(evidence.ref or ""):
        return evidence.ref or ""
    if evidence.is_link_on_x or evidence.is_link_elsewhere:
        return evidence.ref or ""
    return ""
