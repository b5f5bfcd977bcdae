"""Errors that a member, or somebody who signs up, is shown. Codes are stable."""

from typing import ClassVar

from directory.accounts import Account
from directory.errors import DirectoryError


class MemberError(DirectoryError):
    """A request of a member failed; nothing was changed, unless the message tells otherwise."""

    code: ClassVar[str] = "member"

    def __init__(self, text: str = "") -> None:
        super().__init__(text or (type(self).__doc__ or self.code).splitlines()[0])


class MemberGone(MemberError):
    """There is no such member: they left, perhaps a moment ago in another window."""

    code = "member-gone"


class AccountLinkedElsewhere(MemberError):
    """The account belongs to another member of this instance; they can sign in with it and unlink it."""

    code = "account-linked-elsewhere"


class LapsedSignIn(MemberError):
    """The proof of this account lapsed, so it opens nothing: sign in with another account of the same membership,
    and link this one again there."""

    code = "lapsed-sign-in"

    def __init__(self, account: Account) -> None:
        self.account = account
        super().__init__()


class XAccountContested(MemberError):
    """Another member holds this X account: the claim was recorded, and the moderators decide."""

    code = "x-account-contested"


class ClaimPaused(MemberError):
    """The moderators left this X account with another member not long ago: it can be claimed again later."""

    code = "claim-paused"


class NewAccountFirst(MemberError):
    """Nobody here has proven this X account: a membership begins with a Bluesky or Mastodon account."""

    code = "new-account-first"


class LastAccount(MemberError):
    """The last Bluesky or Mastodon account cannot be unlinked: nobody could sign in any more."""

    code = "last-account"


class TooManyAccounts(MemberError):
    """A member can link only so many accounts."""

    code = "too-many-accounts"


class UnknownAccount(MemberError):
    """The account is not this member's, or is on another network than it was named for."""

    code = "unknown-account"


class ConsentMissing(MemberError):
    """This needs a consent that was not given, was withdrawn, or has expired."""

    code = "consent-missing"


class ConsentOutdated(MemberError):
    """The text that was agreed to is not the present one: please read it again."""

    code = "consent-outdated"


class NotProven(MemberError):
    """The X account has no proof that could be published."""

    code = "x-account-not-proven"


class NotNamed(MemberError):
    """The proof of the X account does not name this account: it needs a proof that does."""

    code = "account-not-named"


class NamesTooLong(MemberError):
    """The names of these accounts do not fit into one post: choose fewer."""

    code = "names-too-long"


class ProofLapsed(MemberError):
    """The proof no longer holds: the account has to be proven again."""

    code = "proof-lapsed"


class AccountMoved(MemberError):
    """The account has moved to another one, by the word of its own server: link that one, and publish it."""

    code = "account-moved"


class ProofTooOld(MemberError):
    """The proof was last seen to hold too long ago: the account has to be proven again."""

    code = "proof-too-old"


class UnknownPublication(MemberError):
    """There is no such publication, or it was withdrawn."""

    code = "unknown-publication"


class PublicationHidden(MemberError):
    """The moderators hide this publication: it can be withdrawn, and only they can show it again."""

    code = "publication-hidden"


class ChallengeClosed(MemberError):
    """The sentence to post is used, replaced by a newer one, or too old: ask for a new one."""

    code = "challenge-closed"


class NoPage(MemberError):
    """The member's page shows no account that could link back to it."""

    code = "no-page"


class TooManyAttempts(MemberError):
    """Too many posts or sentences in one day: please try again tomorrow."""

    code = "too-many-attempts"


class ReadOnly(MemberError):
    """The operator lets nobody change anything at the moment; withdrawing and leaving go on."""

    code = "read-only"


class RegistrationClosed(MemberError):
    """This instance takes no new members at the moment."""

    code = "registration-closed"
