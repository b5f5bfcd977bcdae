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
    SAMPLES = "samples"
    """Our own looks at the evidence of what peers say."""
    LEASES = "leases"
    """Deletion of what peers said that have been silent for a month."""
    HOUSEKEEPING = "housekeeping"
    """Deletion of what has expired."""


OF_PEERS: Final = frozenset({JobKind.SAMPLES, JobKind.LEASES})
"""Made over the services of peers, in `deploy.wiring`; all others in `directory.jobs.catalogue`."""
