"""The services behind the pages and the API, built once in `deploy.wiring.web` and passed in."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from directory.clock import Clock
from directory.jobs.gauges import JobGauges
from directory.operator_texts import OperatorTexts
from directory.services.batching import LookupBatcher
from directory.services.live_settings import LiveSettings
from directory.services.lookup import Lookup
from directory.services.reversing import Reversing
from directory.services.statistics import StatisticsService
from directory.services.written_lists import WrittenLists
from directory.settings import Settings
from directory.store.replicas import Replica
from directory.store.statistics import StatisticsStore
from federation.own_log.reader import LogService
from federation.peers.heard import HeardPeers
from federation.witness.cosigning import Witness
from web.list_places import ListPlaces
from web.member_services import MemberServices
from web.middleware.counting import Counting
from web.peer_services import PeerServices
from web.unsent import UnsentAnswers, room_for_answers


@dataclass(frozen=True, slots=True)
class Services:
    """Shared by all requests of a process."""

    settings: Settings
    instance: LiveSettings
    clock: Clock
    lookup: Lookup
    lists: WrittenLists
    reversing: Reversing
    single_lookup: LookupBatcher
    statistics: StatisticsService
    health: StatisticsStore
    heard: HeardPeers
    log: LogService
    witness: Witness
    texts: OperatorTexts
    large_matches: ListPlaces
    """For lists that are matched at the same time."""
    held_answers: UnsentAnswers = field(default_factory=room_for_answers)
    """Answers to lists that are not sent yet."""
    counting: Counting = field(default_factory=Counting)
    """How callers are counted, alone or with other processes."""
    members: MemberServices | None = None
    """None in a process that only answers questions: it has no pages of members."""
    peers: PeerServices | None = None
    """What peers ask; None in a process that answers none."""
    replicas: Sequence[Replica] = ()
    """The replicas that answers are read from."""
    jobs: JobGauges | None = None
    """How the jobs of members are doing; None likewise."""
