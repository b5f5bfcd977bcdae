"""Builds the services behind the pages of follows."""

from deploy.wiring.follows import build_following, build_planning, build_switches
from deploy.wiring.members import MemberParts
from directory.networks.bridges import Bridges
from directory.services.bridging import Bridging
from directory.services.faces import Faces
from directory.store.faces import FaceStore
from web.follow_services import FollowServices


def build_follow_services(members: MemberParts) -> FollowServices:
    """Builds the services of plans and runs."""
    ground, networks = members.ground, members.networks
    return FollowServices(
        build_switches(ground.settings).is_on,
        build_following(ground, members.permissions),
        build_planning(members),
        Faces(FaceStore(ground.database), networks.profiles, networks.http, ground.clock),
        Bridging(Bridges(networks.http, networks.identities).find, ground.clock),
    )
