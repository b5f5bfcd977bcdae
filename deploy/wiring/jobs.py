"""Builds the jobs over the services of members."""

from functools import partial
from urllib.parse import urlsplit

from deploy.wiring.follows import build_following, build_planning, build_run_steps
from deploy.wiring.members import MemberParts
from deploy.wiring.networks import build_post_checker
from deploy.wiring.peer_upkeep import build_upkeep
from deploy.wiring.tail import build_tail
from deploy.wiring.witness import build_witness_jobs
from directory.jobs.catalogue import JobParts, Jobs
from directory.jobs.gauges import JobGauges
from directory.jobs.host_watch import HostWatch
from directory.jobs.worker import Worker
from directory.proofs.profile_link import LinkChecker
from directory.services.housekeeping import Housekeeping
from directory.services.message_sending import MessageSending
from directory.services.message_texts import MessageTexts
from directory.services.name_checking import NameChecking
from directory.services.newcomers import Newcomers
from directory.services.profile_checking import ProfileChecking
from directory.services.standing import Standing
from directory.settings import Settings
from directory.store.arrivals import ArrivalStore
from directory.store.host_backoff import HostBackoffStore
from directory.store.job_counts import JobCountStore
from directory.store.members import MemberStore
from directory.store.newcomer_messages import NewcomerMessageStore
from directory.store.rechecks import RecheckStore
from directory.store.standing_matches import StandingMatchStore
from directory.store.used_challenges import UsedChallengeStore
from federation.store.proof_links import purge_proof_links
from web.catalogues import catalogue


def build_worker(members: MemberParts) -> Worker:
    """Builds the worker, which does not run yet."""
    ground = members.ground
    watch = partial(
        HostWatch, HostBackoffStore(ground.database), ground.clock, _shared_hosts(ground.settings)
    )
    kinds = (
        *Jobs(_job_parts(members)).kinds(),
        *build_tail(ground, members.networks.http),
        *build_witness_jobs(members).kinds(),
        *build_upkeep(ground, members.networks),
    )
    return Worker(kinds, watch)


def build_gauges(members: MemberParts, worker: Worker) -> JobGauges:
    """Builds the gauges of the jobs: those that wait anywhere, and those that run in this process."""
    return JobGauges(JobCountStore(members.ground.database), worker, members.ground.clock)


def _job_parts(members: MemberParts) -> JobParts:
    ground, networks = members.ground, members.networks
    checker = LinkChecker(networks.http, ground.clock)
    fxtwitter = ground.settings.x_fxtwitter or None
    return JobParts(
        clock=ground.clock,
        proving=members.proving,
        used=UsedChallengeStore(ground.database, ground.secrets.vault),
        checker=build_post_checker(ground, networks.http),
        names=NameChecking(networks.sign_in),
        rechecks=RecheckStore(ground.database),
        claiming=members.claiming,
        permissions=members.permissions,
        networks=networks.sign_in,
        mastodon=networks.mastodon,
        page_links=members.page_links,
        links=ProfileChecking(checker, members.page_links, networks.dids, fxtwitter),
        newcomers=Newcomers(ArrivalStore(ground.database), ground.clock),
        steps=build_run_steps(members),
        standing=_standing(members),
        messages=_message_sending(members),
        housekeeping=Housekeeping(ground.database, ground.clock, {"proof_link": purge_proof_links}),
    )


def _standing(members: MemberParts) -> Standing:
    ground = members.ground
    return Standing(
        StandingMatchStore(ground.database),
        MemberStore(ground.database),
        build_planning(members),
        build_following(ground, members.permissions),
        ground.clock,
    )


def _message_sending(members: MemberParts) -> MessageSending:
    ground = members.ground
    return MessageSending(
        NewcomerMessageStore(ground.database),
        members.networks.messengers,
        MessageTexts(catalogue, ground.settings.base_url, ground.instance_name),
        ground.secrets.vault,
        ground.clock,
    )


def _shared_hosts(settings: Settings) -> frozenset[str]:
    """Returns the hosts that jobs of all members ask."""
    urls = (
        settings.x_syndication,
        settings.x_oembed,
        settings.x_oembed_twitter,
        settings.x_fxtwitter,
        settings.plc_url,
        settings.handle_resolver,
    )
    return frozenset(urlsplit(url).netloc.lower() for url in urls if url)
