"""What a member, or somebody who would be one, is told that they cannot do. Codes are stable."""

from typing import ClassVar

from directory.errors import DirectoryError


class MemberError(DirectoryError):
    """Something that a member asked for could not be done; nothing was changed unless it is said."""

    code: ClassVar[str] = "member"

    def __init__(self, text: str = "") -> None:
        super().__init__(text or (type(self).__doc__ or self.code).splitlines()[0])


class MemberGone(MemberError):
    """There is no such member: they left, perhaps a moment ago in another window."""

    code = "member-gone"


class AccountLinkedElsewhere(MemberError):
    """The account belongs to another member of this instance; they can sign in with it and unlink it."""

    code = "account-linked-elsewhere"


class XAccountContested(MemberError):
    """Another member holds this X account: the claim was written down, and the moderators decide."""

    code = "x-account-contested"


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
    """The account is none of this member's, or not of the network it was named for."""

    code = "unknown-account"


class ConsentMissing(MemberError):
    """It takes a consent that was not given, was withdrawn, or has run out."""

    code = "consent-missing"


class ConsentOutdated(MemberError):
    """The text that was agreed to is not the present one: it has to be read again."""

    code = "consent-outdated"


class NotProven(MemberError):
    """The X account has no proof that could be published."""

    code = "x-account-not-proven"


class ProofLapsed(MemberError):
    """The proof no longer holds: the account has to be proven again."""

    code = "proof-lapsed"


class ProofTooOld(MemberError):
    """The proof was last seen too long ago: the account has to be proven again."""

    code = "proof-too-old"


class UnknownPublication(MemberError):
    """This member publishes nothing of that kind (any more)."""

    code = "unknown-publication"


class PublicationHidden(MemberError):
    """The moderators hide it: it can be withdrawn, and comes back only through them."""

    code = "publication-hidden"


class ChallengeClosed(MemberError):
    """The sentence to post is used, replaced by a newer one, or too old: ask for a new one."""

    code = "challenge-closed"


class NoPage(MemberError):
    """The member's page shows no account that could link back to it."""

    code = "no-page"


class TooManyAttempts(MemberError):
    """Too many posts or sentences in one day: it can go on tomorrow."""

    code = "too-many-attempts"


class ReadOnly(MemberError):
    """The operator lets nobody change anything at the moment; withdrawing and leaving go on."""

    code = "read-only"


class RegistrationClosed(MemberError):
    """This instance takes no new members at the moment."""

    code = "registration-closed"
