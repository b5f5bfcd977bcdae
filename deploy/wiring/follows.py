"""Builds the services of follow runs, and the steps that the worker takes."""

from collections.abc import Mapping

from deploy.wiring.ground import Ground
from deploy.wiring.instance import build_lookup
from deploy.wiring.members import MemberParts
from deploy.wiring.networks import Networks
from directory.accounts import AccountNetwork
from directory.follows.switches import Switches
from directory.mappings import Network
from directory.services.following import Following
from directory.services.permissions import Permissions
from directory.services.planning import Planning, PlanStores
from directory.services.run_steps import FollowNetwork, RunSteps, StepParts
from directory.services.warnings import Warnings
from directory.settings import Settings
from directory.store.arrivals import ArrivalStore
from directory.store.faces import FaceStore
from directory.store.follow_steps import StepStore
from directory.store.follows import FollowStore
from directory.store.ignored_people import IgnoredPeopleStore
from directory.store.members import MemberStore
from directory.store.standing_matches import StandingMatchStore


def build_switches(settings: Settings) -> Switches:
    """Builds the operators' switches over follows."""
    hosts = frozenset(host.lower().rstrip(".") for host in settings.no_follows_to)
    return Switches(settings.follows, hosts, frozenset(map(Network, settings.no_follows_on)))


def build_following(ground: Ground, permissions: Permissions) -> Following:
    """Builds what pages and commands start and move runs with."""
    return Following(
        FollowStore(ground.database),
        MemberStore(ground.database),
        permissions,
        build_switches(ground.settings),
        ground.clock,
    )


def build_planning(members: MemberParts) -> Planning:
    """Builds what plans are made with."""
    ground, database = members.ground, members.ground.database
    stores = PlanStores(ArrivalStore(database), IgnoredPeopleStore(database), StandingMatchStore(database))
    lookup = build_lookup(ground.settings, database, ground.clock)
    return Planning(lookup, members.follow_lists, stores, ground.clock, build_switches(ground.settings))


def build_follow_networks(ground: Ground, networks: Networks) -> Mapping[Network, FollowNetwork]:
    """Builds the networks that people can be followed on, over what opens sessions there."""
    # A session on Mastodon asks for each account anyway, at the member's own server.
    warned = {
        network: Warnings(network, profiles, FaceStore(ground.database), ground.clock).of
        for network, profiles in networks.warners.items()
    }
    return {
        network: FollowNetwork(
            open=opens,
            refresh=networks.sign_in[AccountNetwork(network.value)].refresh,
            home=networks.homes.get(network),
            warned=warned.get(network),
        )
        for network, opens in networks.sessions.items()
    }


def build_run_steps(members: MemberParts) -> RunSteps:
    """Builds the steps of runs."""
    ground = members.ground
    return RunSteps(
        StepParts(
            store=StepStore(ground.database),
            following=build_following(ground, members.permissions),
            permissions=members.permissions,
            lookup=build_lookup(ground.settings, ground.database, ground.clock),
            networks=build_follow_networks(ground, members.networks),
            switches=build_switches(ground.settings),
            no_run_before=lambda: ground.instance.now.first_day_of_follows,
            clock=ground.clock,
        )
    )
