"""The notices shown beside an archive that could be read."""

import enum
from typing import Final

from directory.texts import N_


class Notice(enum.StrEnum):
    """Stable codes; the reader in the browser uses the same ones."""

    NOBODY = "nobody"
    ZERO_FOLLOWS = "zero-follows"
    FOLLOWING_MISSING = "following-missing"
    REFUSED_MISSING = "refused-missing"
    PARTS_MISSING = "parts-missing"
    PARTIAL_ARCHIVE = "partial-archive"
    ROWS_UNREAD = "rows-unread"
    ABOUT_UNREAD = "about-unread"
    LEFT_OUT = "left-out"
    NAMES_MISSING = "names-missing"
    NAMES_UNREAD = "names-unread"


NOTICE_SENTENCES: Final[dict[Notice, str]] = {
    Notice.NOBODY: N_("The lists in this archive are empty, so there is nobody to look up."),
    Notice.ZERO_FOLLOWS: N_("You follow nobody in this archive: these are the people in its other lists."),
    Notice.FOLLOWING_MISSING: N_(
        "There was no following.js, so these are the people in your other lists. "
        "Choose it too to see whom you follow."
    ),
    Notice.REFUSED_MISSING: N_(
        "There was no block.js or no mute.js. Choose both too: "
        "otherwise people whom you blocked or muted may be chosen for you."
    ),
    Notice.PARTS_MISSING: N_(
        "Your archive counts more people than these files hold: some parts are missing. "
        "Choose the whole ZIP to see everybody."
    ),
    Notice.PARTIAL_ARCHIVE: N_(
        "X says that this is one part of your archive. If X sent you several files, "
        "choose them together to see everybody."
    ),
    Notice.ROWS_UNREAD: N_("Entries of your lists that could not be read, and were left out: %(rows)s."),
    Notice.ABOUT_UNREAD: N_("account.js or manifest.js could not be read. Your lists do not need them."),
    Notice.LEFT_OUT: N_("Not read, because no list of people was taken from there: %(files)s."),
    Notice.NAMES_MISSING: N_(
        "There was no tweets.js, so people were looked up by number alone. With it, more may be found."
    ),
    Notice.NAMES_UNREAD: N_(
        "tweets.js could not be read to its end, so some people were looked up by number alone."
    ),
}
