"""The sentences, by error code, for a sign-in or a page of members that does not work."""

from typing import Final

from directory.texts import N_

UNREAD_ACCOUNT: Final = N_(
    "That is not an account we can read: write name.bsky.social, @name@server, or the address of your server."
)

SIGN_IN: Final[dict[str, str]] = {
    "sign-in-failed": N_("Signing in did not work: please try again."),
    "not-found": N_("There is no such account: please check the spelling."),
    "not-a-server": N_("We cannot sign people in at that server: it speaks neither Bluesky's nor Mastodon's language."),
    "not-allowed": N_("That account is on a server we may not speak to."),
    "refused": N_("You said no at your server, so nothing was done: you can start again whenever you like."),
    "not-secure": N_("That server has no certificate that proves its name, so we did not speak to it: please check the spelling, or tell whoever runs it."),
    "unreachable": N_("That server does not answer: please check the spelling, or try again later."),
    "busy": N_("We are busy right now: please try again in a minute."),
    "bad-answer": N_("That server answered in a way we cannot understand: please try again later."),
    "issuer-mismatch": N_("The answer came from another server than yours, so we did not believe it: please start again."),
    "state-mismatch": N_("That sign-in was not begun in this browser, so nothing was done: please start here."),
    "expired": N_("That sign-in is over, or was not begun in this browser: please start again."),
    "identity-mismatch": N_("Another account signed in than the one you named: please start again with that one."),
    "handle-mismatch": N_("That handle does not lead back to the account: please set it right there, and try again."),
    "codes-unchecked": N_(
        "Your server does not check who comes back from signing in there, so anybody could say they were you: "
        "please use another account, or ask whoever runs it for newer software."
    ),
    "needs-sign-in": N_("Your server wants you to sign in again."),
}  # fmt: skip

MEMBER: Final[dict[str, str]] = {
    "member": N_("That could not be done, and nothing was changed."),
    "member-gone": N_("This membership was erased, perhaps a moment ago in another window."),
    "account-linked-elsewhere": N_(
        "This account already belongs to another membership here: sign in with it, and unlink it there first."
    ),
    "lapsed-sign-in": N_(
        "This account was seen to be gone, so it opens nothing any more: sign in with another account of yours, "
        "and link this one again there."
    ),
    "account-moved": N_("This account has moved: link the new one, and publish that."),
    "x-account-contested": N_(
        "Somebody else here has proven this X account before you: the moderators were told, and will decide."
    ),
    "claim-paused": N_(
        "The moderators left this X account with somebody else not long ago: you can claim it again a month after that."
    ),
    "new-account-first": N_(
        "Nobody here has proven this X account yet: please begin with your Bluesky or Mastodon account."
    ),
    "last-account": N_(
        "This is the last account you can sign in with: link another one first, or leave altogether."
    ),
    "too-many-accounts": N_("You have linked as many accounts as one person can: please unlink one first."),
    "unknown-account": N_("That account is not one of yours (any more)."),
    "consent-missing": N_("Please tick the box first: nothing is published without your yes."),
    "consent-outdated": N_("The text you agreed to has changed: please read it again."),
    "x-account-not-proven": N_("This X account has no proof that could be published: please prove it first."),
    "account-not-named": N_("The proof of this X account does not name this account: prove the X account once more, with this account in the sentence."),
    "names-too-long": N_("The names of these accounts do not fit into one post: please choose fewer."),
    "proof-lapsed": N_("The proof of this account does not hold any more: please prove it again."),
    "proof-too-old": N_("The proof of this account is too old: please prove it again."),
    "unknown-publication": N_("You do not publish that (any more)."),
    "publication-hidden": N_("A moderator has hidden this: you can withdraw it, and only they can bring it back."),
    "challenge-closed": N_("That sentence is used, replaced or too old: please take the one shown now."),
    "no-page": N_("Your page does not show any account that could link to it: please make it public first."),
    "read-only": N_("Nothing can be published, proven, linked or kept here at the moment; nothing was changed."),
    "registration-closed": N_("This instance takes no new members at the moment. Whoever is a member signs in as always."),
    "too-many-attempts": N_("That was a lot for one day: please go on tomorrow."),
}  # fmt: skip
