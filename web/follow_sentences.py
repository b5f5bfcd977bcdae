"""The sentences about runs: why somebody is left out or was not followed, and what became of each and of the run."""

from collections.abc import Mapping
from typing import Final

from directory.follows.reasons import Reason
from directory.follows.runs import NEEDS_SIGN_IN
from directory.follows.states import ItemState, RunState
from directory.members.errors import ProofLapsed
from directory.texts import N_

REASONS: Final[Mapping[Reason, str]] = {
    Reason.NONE: "",
    Reason.ALREADY_FOLLOWED: N_("You follow them already."),
    Reason.OWN_ACCOUNT: N_("This is an account of yours."),
    Reason.CHOSEN_AWAY: N_("You chose not to follow them."),
    Reason.NEEDS_TICK: N_("We are not sure enough to choose them for you: please look, and tick them yourself."),
    Reason.DISPUTED: N_("Instances name different accounts, so nobody is followed unseen."),
    Reason.LIMITED: N_("Only an instance says so that we do not rely on yet: please look for yourself."),
    Reason.NAME_SEEN_LONG_AGO: N_("You saw this name long ago, and it may belong to somebody else now."),
    Reason.NAME_OF_UNKNOWN_AGE: N_("Only the name matches, and your list does not say when you saw it."),
    Reason.REFUSED_ON_X: N_("You blocked or muted them on X."),
    Reason.MOVED: N_("This account says that it has moved."),
    Reason.GONE: N_("This account is gone."),
    Reason.LABELLED: N_("The moderators of the network say that this account pretends to be somebody, or took it down."),
    Reason.NOT_THAT_ID: N_("The name leads to another account than the one that was proven."),
    Reason.WITHDRAWN: N_("It is not said any more that this is them."),
    Reason.OTHER_NETWORK: N_("They are on the other network only."),
    Reason.SWITCHED_OFF: N_("Whoever runs this instance lets nobody be followed there."),
    Reason.FOLLOWED_THERE: N_("You follow them already."),
    Reason.NOT_FOUND: N_("Your server does not find this account: theirs may be silent, or blocked by yours."),
    Reason.BLOCKED: N_("A block stands between you, or between your servers."),
    Reason.REJECTED: N_("They have declined."),
    Reason.REFUSED: N_("Your server refused, for a reason of its own."),
    Reason.NOT_TAKEN: N_("Your server said yes, but nothing came of it."),
    Reason.LIMIT_REACHED: N_("Your account follows as many people as your server allows."),
    Reason.MEMBER_MOVED: N_("Your own account has moved, so nobody can be followed with it."),
}  # fmt: skip

RESULTS: Final[Mapping[ItemState, str]] = {
    ItemState.PENDING: N_("Waiting"),
    ItemState.SENT: N_("Sent, not seen yet"),
    ItemState.FOLLOWED: N_("Followed"),
    ItemState.REQUESTED: N_("Asked: they decide"),
    ItemState.ALREADY: N_("Followed before"),
    ItemState.FAILED: N_("Not followed"),
    ItemState.SKIPPED: N_("Left out"),
    ItemState.UNDOING: N_("Being taken back"),
    ItemState.UNDONE: N_("Taken back"),
}

STATES: Final[Mapping[RunState, str]] = {
    RunState.PLANNED: N_("It has not begun yet."),
    RunState.RUNNING: N_("It goes on by itself: you can close this page, and come back whenever you like."),
    RunState.PAUSED: N_("It is paused: nobody is followed until you let it go on."),
    RunState.NEEDS_SIGN_IN: N_("It waits for you: please let us follow for you at your server once more."),
    RunState.DONE: N_("It is done."),
    RunState.CANCELLED: N_("It was ended before everybody was followed."),
    RunState.UNDOING: N_("Everything this run followed is being taken back."),
    RunState.UNDONE: N_("Everything this run followed was taken back."),
}  # fmt: skip

SAID: Final[Mapping[str, str]] = {
    "started": N_("Started. From now on it goes on by itself."),
    "permitted": N_("Thank you: your server lets us follow for you."),
    "not-permitted": N_("Your server has not let us follow for you, so nothing is followed yet: you can allow it below."),
    "not-needed": N_("Nothing needs that permission any more, so we have given it back."),
    "unreachable": N_("Your server does not answer at the moment: you can allow it below, later."),
    "not-secure": N_("Your server has no certificate that proves its name, so we did not speak to it: please tell whoever runs it. You can allow it below, later."),
    "not-a-server": N_("What answers in your server's place speaks neither Bluesky's nor Mastodon's language: please tell whoever runs it. You can allow it below, later."),
    "pause": N_("Paused. Nobody is followed until you let it go on."),
    "resume": N_("It goes on."),
    "cancel": N_("Ended. Whom it has followed stays followed; you can still take that back."),
    "retry": N_("Those who were not followed are tried once more."),
    "undo": N_("What this run followed is being taken back, and nothing else."),
    "run-open": N_("A run with this account is under way already: this is it."),
    "not-now": N_("That cannot be done now; nothing was changed."),
}  # fmt: skip

NEWCOMERS_SAID: Final[Mapping[str, str]] = {
    "off": N_("Saved: newcomers are neither followed nor announced."),
    "tell": N_("Saved: we only tell you about newcomers."),
    "choose-account": N_("Saved: now choose below which account the messages go to, so that we can tell you."),
    "follow": N_("Saved: we follow newcomers for you, once a day."),
    "permitted": N_("Saved: we follow newcomers for you, once a day."),
    "not-permitted": N_("Your server has not let us follow for you, so newcomers cannot be followed yet: save once more to be asked again."),
    "not-needed": N_("Nothing needs that permission any more, so we have given it back."),
    "unreachable": N_("Your server does not answer at the moment: please save once more, later."),
    "not-secure": N_("Your server has no certificate that proves its name, so we did not speak to it: please tell whoever runs it, and save once more, later."),
    "not-a-server": N_("What answers in your server's place speaks neither Bluesky's nor Mastodon's language: please tell whoever runs it, and save once more, later."),
}  # fmt: skip
"""What is said on the page of the kept list."""

FAILED: Final[Mapping[str, str]] = {
    "follow": N_("That cannot be done now; nothing was changed."),
    "unknown-run": N_("There is no such run (any more)."),
    "run-open": N_("A run with this account is under way: the next one can start when it is done."),
    "nothing-to-follow": N_("Nobody is chosen, so there is nothing to start: tick somebody first."),
    "too-many-people": N_("That is more than one run can take: please choose fewer people."),
    "too-many-ignored": N_("You have kept as many people out of your plans as we can remember: offer somebody again first, or take the tick away here."),
    "not-now": N_("That cannot be done now; nothing was changed."),
    "no-account": N_("None of your accounts here can follow anybody: please link one on Bluesky or Mastodon first."),
    "follows-off": N_("Whoever runs this instance lets nobody be followed there at the moment."),
}  # fmt: skip
"""By error code."""

NOTES: Final[Mapping[str, str]] = {
    "unreachable": N_("Your server does not answer at the moment: it is asked again later."),
    "too-slow": N_("Your server does not answer at the moment: it is asked again later."),
    "busy": N_("Your server does not answer at the moment: it is asked again later."),
    "bad-status": N_("Your server does not answer at the moment: it is asked again later."),
    "bad-answer": N_(
        "What answers in your server's place speaks neither Bluesky's nor Mastodon's language: it is asked again later."
    ),
    "not-secure": N_(
        "Your server has no certificate that proves its name, so we did not speak to it: it is asked again later."
    ),
    "waits": N_("That is as many as your server permits for now: it goes on at the time below."),
    "nobody-warns": N_(
        "Bluesky's moderators cannot be asked at the moment who only pretends to be somebody, and without that we follow nobody: they are asked again soon."
    ),
    "switched-off": N_("Whoever runs this instance lets nobody be followed at the moment."),
    ProofLapsed.code: N_("The proof of this account does not hold any more: please prove it again."),
    NEEDS_SIGN_IN: N_("It waits for you: please allow it at your server once more."),
}
"""Of the codes in a run's note; others are not told."""
