"""Makes a second copy of an instance, and decides who reads which of the two."""

from deploy.ports import free_port
from directory.origins import Standing
from tests.deploy.embedded.programs import copy_cluster
from tests.deploy.peers.sites import PATIENCE_S, Site
from tests.harness.waiting import wait_until


def twin_of(site: Site) -> Site:
    """Copies a stopped instance as a whole: keys, mark and database."""
    twin = Site("twin", site.folder, site.fronts, site.front, free_port(), host=site.host)
    copy_cluster(site.data, twin.data)
    return twin


def standing_of(site: Site, peer: Site) -> Standing:
    [row] = site.fetch("SELECT standing FROM origin WHERE name = $1", peer.origin)
    return Standing(row["standing"])


def read_later(site: Site, peer: Site) -> None:
    """Keeps an instance from reading a peer for a while."""
    site.fetch("UPDATE peer_log SET next_at = now() + interval '1 hour' WHERE origin = $1", peer.origin)


def read_up_to(site: Site, peer: Site, size: int) -> None:
    """Has an instance read a peer now, up to so many leaves, and then no more for a while."""
    site.read_now(peer)
    assert wait_until(lambda: site.progress(peer)["bodies_size"] == size, PATIENCE_S), site.log
    site.looks_within_s(peer)  # its round has ended, which would make the next one due
    read_later(site, peer)
