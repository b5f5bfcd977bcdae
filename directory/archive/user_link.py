"""Reads the number of an account from the link beside it in a row, for rows that hold the link alone.

The forms are those that X's archives and pages link with: `/intent/user?user_id=1`, `/i/user/1` and
`/redirect_by_id/1`, the last also below a language. All other pages of X (`/en/tos`, `/status/20`, `/lists`, …) name
nobody by number.
"""

import re
from typing import Final

_LINK: Final = re.compile(
    r"https?://(?:[a-z0-9-]+\.)?(?:x|twitter)\.com/"
    r"(?:intent/(?:user|follow)\?(?:[^#]*&)?user_id=|i/user/|(?:[^?#]*/)?redirect_by_id/)"
    r"([0-9]+)(?:[/?#&].*)?",
    re.IGNORECASE | re.ASCII,
)
MAX_LINK_CHARS: Final = 2_048


def id_in_link(link: object) -> str | None:
    """Returns the number that a link to X names, unchecked; None for all else."""
    if not isinstance(link, str) or len(link) > MAX_LINK_CHARS or (found := _LINK.fullmatch(link)) is None:
        return None
    return found[1]
