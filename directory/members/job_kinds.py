"""The names of the kinds of jobs. Each kind has slots of its own, so that none waits for another."""

import enum
from typing import Final


class JobKind(enum.StrEnum):
    """Stable names: gauges and log lines carry them."""

    POSTS = "posts"
    """Checks of submitted proof posts."""
    LINKS = "links"
    """Checks that profiles link to their member's page."""
    RECHECKS = "rechecks"
    """Re-checks of published accounts."""
    CLAIMS = "claims"
    """Looks at the evidence of claims that the moderators approved."""
    REVOCATIONS = "revocations"
    """Tokens that their networks have to revoke."""
    ARRIVALS = "arrivals"
    """Mappings that were taken in, to be matched with kept lists."""
    FOLLOWS = "follows"
    """Steps of follow runs."""
    STANDING = "standing"
    """Batches of newcomers, for members who wish them followed."""
    MESSAGES = "messages"
    """Messages to members that somebody they followed has arrived."""
    WITNESSES = "witnesses"
    """Requests to peers to cosign our own log."""
    EVIDENCE = "evidence"
    """Evidence of forks that peers are still to be told."""
    SAMPLES = "samples"
    """Our own looks at the evidence of what peers say."""
    LEASES = "leases"
    """Deletion of what peers said that have been silent for a month."""
    PEERS = "peers"
    """Logs of peers that are due to be read on."""
    HOUSEKEEPING = "housekeeping"
    """Deletion of what has expired."""


OF_PEERS: Final = frozenset(
    {JobKind.PEERS, JobKind.WITNESSES, JobKind.EVIDENCE, JobKind.SAMPLES, JobKind.LEASES}
)
"""Kinds of the federation, which are not in the catalogue of the directory."""
