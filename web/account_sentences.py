"""The sentences that say what a form of the account page has done, by the code in the address that it leads back to."""

from collections.abc import Mapping
from typing import Final

from directory.members.consents import ConsentKind
from directory.texts import N_

SAID: Final[Mapping[str, str]] = {
    "withdrawn": N_("Taken back: it no longer answers here, and other instances delete it at their next visit."),
    "unlinked": N_("Unlinked. What was public of it is taken back."),
    "agreed": N_("Saved: you agree."),
    "no-publish": N_("You no longer agree to publish: what you had published is taken back."),
    "no-list": N_("You no longer agree that we keep your list: it is deleted."),
    "no-messages": N_("No more messages about newcomers will come."),
    "on-page": N_("It is on your page now."),
    "off-page": N_("It is no longer on your page."),
    "session-ended": N_("That browser is signed out."),
}  # fmt: skip

LIST_SAID: Final[Mapping[str, str]] = {
    "deleted": N_("The list is deleted, and nothing of it is kept."),
}
"""On the page of the kept list."""

ENDED: Final[Mapping[ConsentKind, str]] = {
    ConsentKind.PUBLISH: "no-publish",
    ConsentKind.KEEP_FOLLOW_LIST: "no-list",
    ConsentKind.ANNOUNCE_NEWCOMERS: "no-messages",
}
"""The codes for consents that were withdrawn."""
