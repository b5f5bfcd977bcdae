"""Why a proof was refused, and the one sentence that a person reads about it.

A check has three outcomes. *Verified*. *Refuted*: the post was seen and does not meet the challenge, or it cannot
count. *Unreachable*: no source could show the post, which refutes nothing.
"""

import enum
from typing import Final

from directory.texts import N_


class RefutedReason(enum.StrEnum):
    """Why a post or a profile proves nothing. Stable codes."""

    CHALLENGE_EXPIRED = "challenge-expired"
    CHALLENGE_USED = "challenge-used"
    CHALLENGE_SUPERSEDED = "challenge-superseded"
    NO_SENTENCE = "no-sentence"
    SENTENCE_ALTERED = "sentence-altered"
    OTHER_CHALLENGE = "other-challenge"
    """The sentence has the nonce of another challenge: of another time, member, account or instance."""
    POSTED_BEFORE = "posted-before"
    POSTED_IN_FUTURE = "posted-in-future"
    WRONG_AUTHOR = "wrong-author"
    NO_LINK_BACK = "no-link-back"
    """A profile or page was read, and does not link to the member's page."""
    LINK_UNVERIFIED = "link-unverified"
    """A Mastodon profile links to the page, and its server has not verified that."""
    SERVER_VERIFIES_NO_LINKS = "server-verifies-no-links"
    """The server of the account runs software that never looks at the links of profiles."""
    NAME_PASSED_ON = "name-passed-on"
    """An account that the sentence names has another name by now."""
    CANNOT_SHOW_LINK = "cannot-show-link"
    """A page of X: it is empty for those not signed in there, and never has a link with rel="me"."""


class UnreachableReason(enum.StrEnum):
    """Why a source was unreachable. Stable codes, in order: of several reasons the first is given."""

    PROTECTED = "protected"
    """A source answered that the author shows posts only to followers."""
    DELETED = "deleted"
    """A source that distinguishes this answered that the post does not exist, or no longer does."""
    WITHHELD = "withheld"
    """A source answered without the post: deleted, age-gated, suspended, or not shown to servers."""
    SOURCES_DISAGREE = "sources-disagree"
    EDITED_SINCE = "edited-since"
    """A later version exists, and its text could not be read."""
    OTHER_POST = "other-post"
    """The answer was about another post than the one asked for."""
    UNREADABLE = "unreadable"
    """The answer was an HTML page, too long, or of no known shape."""
    TURNED_AWAY = "turned-away"
    """401, 402, 403 and the like: the source does not serve us."""
    TOO_MANY_REQUESTS = "too-many-requests"
    SOURCE_BROKEN = "source-broken"
    """5xx."""
    NO_ANSWER = "no-answer"
    """No complete answer came in time."""
    NOT_SECURE = "not-secure"
    """The source has no certificate that proves its name: nothing was asked."""
    NO_SOURCE = "no-source"
    """The operator has turned off all sources."""
    SEALED = "sealed"
    """No source was asked: the key that the challenge is sealed under is missing."""
    NAME_UNSEEN = "name-unseen"
    """The server of an account that the sentence names did not tell its present name."""
    NAME_NOT_SECURE = "name-not-secure"
    """The same for a server without a certificate that proves its name."""
    NAME_NO_SERVER = "name-no-server"
    """The same where what answers is no such server."""


SENTENCES: Final[dict[RefutedReason | UnreachableReason, str]] = {
    RefutedReason.CHALLENGE_EXPIRED: N_(
        "This sentence was good for a week and is too old now: please post a new one."
    ),
    RefutedReason.CHALLENGE_USED: N_(
        "This sentence has already proven an account: please ask for a new one."
    ),
    RefutedReason.CHALLENGE_SUPERSEDED: N_(
        "You asked for a newer sentence after this one: please post the newer one."
    ),
    RefutedReason.NO_SENTENCE: N_(
        "That post does not hold our sentence: please check that the link leads to the right post."
    ),
    RefutedReason.SENTENCE_ALTERED: N_(
        "That post holds more or less than our sentence: please post it as it is, with nothing around it."
    ),
    RefutedReason.OTHER_CHALLENGE: N_(
        "That post holds a sentence that was made for something else: please post the one shown here."
    ),
    RefutedReason.POSTED_BEFORE: N_(
        "That post is older than the sentence shown here: please post this one and give us its link."
    ),
    RefutedReason.POSTED_IN_FUTURE: N_(
        "That link leads to a post that cannot exist yet: please copy the link once more."
    ),
    RefutedReason.WRONG_AUTHOR: N_(
        "That post was made by another X account: please sign in at X with the account you want to prove."
    ),
    RefutedReason.NO_LINK_BACK: N_(
        "That profile does not link to your page here yet: please add the link shown here to it, and save it."
    ),
    RefutedReason.LINK_UNVERIFIED: N_(
        "Your profile links to your page here, but your server has not verified the link yet: "
        "please save your profile there once more."
    ),
    RefutedReason.SERVER_VERIFIES_NO_LINKS: N_(
        "Your server does not check the links of profiles, so a link there proves nothing: "
        "please prove your X account with a post."
    ),
    RefutedReason.NAME_PASSED_ON: N_(
        "One of your accounts has another name than that post says: please sign in with it once more, and post a new sentence."
    ),
    RefutedReason.CANNOT_SHOW_LINK: N_(
        "X shows no profile to other servers, so a link there cannot be checked: "
        "please prove your X account with a post."
    ),
    UnreachableReason.PROTECTED: N_(
        "X shows your posts only to your followers, so we cannot read it: "
        "please make your posts public for a few minutes."
    ),
    UnreachableReason.DELETED: N_(
        "X says that this post does not exist: please check the link, and that the post is still there."
    ),
    UnreachableReason.WITHHELD: N_(
        "X does not show us that post right now: please check that it is there for everyone; we keep trying for a day."
    ),
    UnreachableReason.SOURCES_DISAGREE: N_(
        "X tells us different things about that post, so we wait until it is clear: there is nothing to do for you."
    ),
    UnreachableReason.EDITED_SINCE: N_(
        "That post was edited and we cannot read its last version yet: we keep trying for a day."
    ),
    UnreachableReason.OTHER_POST: N_(
        "X answered about another post, so we keep trying for a day: there is nothing to do for you."
    ),
    UnreachableReason.UNREADABLE: N_(
        "X answered in a way that we cannot read, so we keep trying for a day: there is nothing to do for you."
    ),
    UnreachableReason.TURNED_AWAY: N_(
        "X does not answer our server right now, so we keep trying for a day: there is nothing to do for you."
    ),
    UnreachableReason.TOO_MANY_REQUESTS: N_(
        "X asks us to come back later, so we keep trying for a day: there is nothing to do for you."
    ),
    UnreachableReason.SOURCE_BROKEN: N_(
        "X has trouble right now, so we keep trying for a day: there is nothing to do for you."
    ),
    UnreachableReason.NO_ANSWER: N_(
        "X did not answer, so we keep trying for a day: there is nothing to do for you."
    ),
    UnreachableReason.NOT_SECURE: N_(
        "What answers for X has no certificate that proves its name, so we keep trying for a day: "
        "there is nothing to do for you."
    ),
    UnreachableReason.NO_SOURCE: N_(
        "This instance does not check posts on X: please prove your account in another way."
    ),
    UnreachableReason.SEALED: N_(
        "This instance cannot open the sentence it gave you, so we keep trying for a day: a new sentence helps sooner."
    ),
    UnreachableReason.NAME_UNSEEN: N_(
        "The server of one of your accounts does not answer right now, so we keep trying for a day."
    ),
    UnreachableReason.NAME_NOT_SECURE: N_(
        "The server of one of your accounts has no certificate that proves its name, so we did not speak to it: "
        "please tell whoever runs it; we keep trying for a day."
    ),
    UnreachableReason.NAME_NO_SERVER: N_(
        "What answers in the place of one of your accounts' servers speaks neither Bluesky's nor Mastodon's language: "
        "please tell whoever runs it; we keep trying for a day."
    ),
}
