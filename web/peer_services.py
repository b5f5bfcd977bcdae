"""The services behind what peers ask, built once in `deploy.wiring.peers` and passed in."""

from dataclasses import dataclass

from federation.own_log.bodies import BodyService
from federation.peers.asking import Asking
from federation.peers.budget import PeerBudget
from federation.peers.copies import PeerCopies
from federation.peers.requests import PeerRequests


@dataclass(frozen=True, slots=True)
class PeerServices:
    """Shared by all requests of a process."""

    requests: PeerRequests
    asking: Asking
    bodies: BodyService
    copies: PeerCopies
    budget: PeerBudget
