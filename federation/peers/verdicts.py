"""What a round of reading a peer's log came to, and the faults that end one. Each fault is one sentence for operators."""

import enum
from typing import Final

from federation.errors import FederationError
from federation.keys.evidence import Evidence

MAX_RETRY_AFTER_S: Final = 3_600


class Verdict(enum.StrEnum):
    """How a round ended."""

    READ = "read"
    """All that the log has signed was read."""
    STOPPED = "stopped"
    """A cap of ours was reached; what is below it was read."""
    MORE = "more"
    """The time of the round was over: it goes on at once."""
    LOST = "lost"
    """Another attempt counts by now, or the peer is read no more."""
    UNAVAILABLE = "unavailable"
    STALE = "stale"
    WRONG = "wrong"
    DAMAGED = "damaged"
    FORKED = "forked"


class PeerFault(FederationError):
    """The log of a peer cannot be read on for now."""

    verdict = Verdict.WRONG


class Unavailable(PeerFault):
    """The peer did not answer, or does not serve what it has signed."""

    verdict = Verdict.UNAVAILABLE

    def __init__(self, why: str, *, retry_after_s: int = 0) -> None:
        super().__init__(why)
        self.retry_after_s = min(retry_after_s, MAX_RETRY_AFTER_S)


class OwnFault(PeerFault):
    """This instance has a fault of its own, which the log of its server tells."""

    verdict = Verdict.UNAVAILABLE

    def __init__(self) -> None:
        super().__init__("reading it failed for a fault of this instance: see the log of the server")


class NotServed(Unavailable):
    """The peer answered that it has no such thing."""


class WaitsForApproval(Unavailable):
    """The peer has not approved yet that we follow it."""


class OutOfTime(PeerFault):
    """The peer answers so slowly that the time of a round was over in the middle of a step."""

    verdict = Verdict.UNAVAILABLE


class StaleCopy(PeerFault):
    """An older checkpoint than the one that was read was served: a copy that lags behind, or a replay."""

    verdict = Verdict.STALE


class WrongAnswer(PeerFault):
    """What was served is not what it should be, or is not signed."""

    verdict = Verdict.WRONG


class DamagedCopy(PeerFault):
    """The log goes on from what was read, and entries were served that are not in it."""

    verdict = Verdict.DAMAGED


class Forked(PeerFault):
    """The log has signed two trees of which neither begins with the other."""

    verdict = Verdict.FORKED

    def __init__(self, evidence: Evidence) -> None:
        super().__init__("the log has signed two trees of which neither begins with the other")
        self.evidence = evidence


class LeaseLost(PeerFault):
    """Another attempt counts by now, or the peer is read no more."""

    verdict = Verdict.LOST
