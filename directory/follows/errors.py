"""Errors of follow runs that a member is shown. Codes are stable."""

from typing import ClassVar

from directory.errors import DirectoryError
from directory.follows.runs import Run


class FollowError(DirectoryError):
    """A run cannot do that; nothing was changed."""

    code: ClassVar[str] = "follow"

    def __init__(self) -> None:
        super().__init__((type(self).__doc__ or self.code).splitlines()[0])


class UnknownRun(FollowError):
    """There is no such run of this member."""

    code = "unknown-run"


class RunOpen(FollowError):
    """The account has an open run already: another window may have started it."""

    code = "run-open"

    def __init__(self, run: Run) -> None:
        self.run = run
        super().__init__()


class NothingToFollow(FollowError):
    """Nobody is left to follow."""

    code = "nothing-to-follow"


class WishEnded(FollowError):
    """Newcomers are not followed for this claim any more: the wish has ended, or was claimed again."""

    code = "wish-ended"


class TooManyPeople(FollowError):
    """A run takes 100,000 people at most."""

    code = "too-many-people"


class TooManyIgnored(FollowError):
    """The member ignores as many people on a network as are kept."""

    code = "too-many-ignored"


class NotNow(FollowError):
    """The run is in a state that does not allow this."""

    code = "not-now"


class FollowsOff(FollowError):
    """The operators of this instance let nobody be followed there at the moment."""

    code = "follows-off"


class NoAccount(FollowError):
    """The member has no account that can follow."""

    code = "no-account"
