"""Builds the services behind the pages of follows."""

from deploy.wiring.follows import build_following, build_switches
from deploy.wiring.instance import build_lookup
from deploy.wiring.members import MemberParts
from directory.services.faces import Faces
from directory.services.planning import Planning, PlanStores
from directory.store.arrivals import ArrivalStore
from directory.store.faces import FaceStore
from directory.store.ignored_people import IgnoredPeopleStore
from directory.store.standing_matches import StandingMatchStore
from web.follow_services import FollowServices


def build_follow_services(members: MemberParts) -> FollowServices | None:
    """Builds the services of plans and runs. Returns None where the operators let nobody be followed."""
    switches = build_switches(members.ground.settings)
    if not switches.is_on:
        return None
    ground, database, clock = members.ground, members.ground.database, members.ground.clock
    stores = PlanStores(ArrivalStore(database), IgnoredPeopleStore(database), StandingMatchStore(database))
    lookup = build_lookup(ground.settings, database, clock)
    return FollowServices(
        build_following(ground, members.permissions),
        Planning(lookup, members.follow_lists, stores, clock, switches),
        Faces(FaceStore(database), members.networks.profiles, members.networks.http, clock),
    )
