"""Builds what peers are asked with, and answered with, over one database."""

from deploy.wiring.log import key_folder
from directory.clock import Clock
from directory.networks.http import GuardedClient
from directory.settings import Settings
from directory.store.database import Database
from directory.store.origins import OriginStore
from federation.keys.instance import log_origin
from federation.own_log.bodies import BodyService
from federation.peers.asking import Asking, AskingParts
from federation.peers.budget import PeerBudget, PeerCounts
from federation.peers.copies import PeerCopies
from federation.peers.introduction import Introducer
from federation.peers.peering import Peering, PeeringParts
from federation.peers.reading_now import ReadingNow
from federation.peers.requests import PeerRequests
from federation.peers.signed_client import SignedClient
from federation.peers.standing import PeerStandings
from federation.peers.tail import Tail
from federation.store.bodies import BodyStore
from federation.store.peer_copies import PeerCopyStore
from federation.store.peer_logs import PeerLogStore
from federation.store.peer_nonces import PeerNonceStore
from federation.store.peer_purge import PeerPurge
from federation.store.peer_signers import SignerStore
from federation.store.peers import PeerStore
from federation.witness.evidence import EvidenceDesk
from web.peer_services import PeerServices


def build_peer_services(
    settings: Settings,
    database: Database,
    clock: Clock,
    http: GuardedClient,
    counts: PeerCounts | None = None,
) -> PeerServices:
    """Builds the services behind the addresses of peers. `http` fetches the keys of those that ask; their requests are counted
    in `counts`, or in this process."""
    requests = PeerRequests(
        SignerStore(database), PeerNonceStore(database), clock, allow_loopback=settings.allow_loopback
    )
    budget = PeerBudget(clock, counts)
    asking = AskingParts(
        database=database,
        peers=PeerStore(database),
        requests=requests,
        introducer=Introducer(http, clock),
        budget=budget,
        clock=clock,
        own=log_origin(settings),
        allow_loopback=settings.allow_loopback,
    )
    return PeerServices(
        requests=requests,
        asking=Asking(asking),
        bodies=BodyService(BodyStore(database), clock),
        copies=PeerCopies(PeerCopyStore(database)),
        budget=budget,
        evidence=EvidenceDesk(database, log_origin(settings), clock),
    )


def build_signed_client(settings: Settings, clock: Clock, http: GuardedClient) -> SignedClient:
    """Builds the client that asks peers. The peer key is read at each request."""
    return SignedClient(http, log_origin(settings), key_folder(settings).read_peer, clock)


def build_standings(settings: Settings, database: Database) -> PeerStandings:
    """Builds the standings of peers."""
    return PeerStandings(OriginStore(database), log_origin(settings), allow_loopback=settings.allow_loopback)


def build_peering(settings: Settings, database: Database, clock: Clock, http: GuardedClient) -> Peering:
    """Builds what operators take up peers with."""
    return Peering(
        PeeringParts(
            database=database,
            peers=PeerStore(database),
            purge=PeerPurge(database),
            standings=build_standings(settings, database),
            introducer=Introducer(http, clock),
            client=build_signed_client(settings, clock, http),
            clock=clock,
            own=log_origin(settings),
            own_address=settings.base_url,
            allow_loopback=settings.allow_loopback,
        )
    )


def build_reading_now(
    settings: Settings, database: Database, clock: Clock, http: GuardedClient
) -> ReadingNow:
    """Builds what reads the log of one peer to its end, for who watches it."""
    tail = Tail(database, clock, http, build_signed_client(settings, clock, http))
    return ReadingNow(PeerLogStore(database), tail, clock)
