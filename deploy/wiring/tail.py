"""Builds the job that reads the logs of peers."""

from deploy.wiring.ground import Ground
from deploy.wiring.peers import build_signed_client
from directory.jobs.kinds import Kind
from directory.networks.http import GuardedClient
from federation.peers.jobs import TailJobs
from federation.peers.looks import Looks
from federation.peers.tail import Tail
from federation.store.peer_logs import PeerLogStore
from federation.store.quiet_logs import QuietLogStore


def build_tail(ground: Ground, http: GuardedClient) -> tuple[Kind, ...]:
    """Builds the kind of job. `http` is the client that strangers are asked with."""
    signed = build_signed_client(ground.settings, ground.clock, http)
    tail = Tail(ground.database, ground.clock, http, signed)
    looks = Looks(QuietLogStore(ground.database), ground.clock, http)
    return TailJobs(PeerLogStore(ground.database), tail, looks, ground.clock).kinds()
