"""The kinds of jobs. Each has slots of its own, so that none waits for another."""

import enum


class JobKind(enum.StrEnum):
    """Stable names: gauges and log lines carry them."""

    POSTS = "posts"
    """Posts that members handed in."""
    LINKS = "links"
    """Profiles that are to link to their member's page."""
    RECHECKS = "rechecks"
    """Published accounts whose proof is to be seen again."""
    REVOCATIONS = "revocations"
    """Permissions that their networks are to be told to forget."""
    ARRIVALS = "arrivals"
    """People who were taken into the answers, for those who wait for them."""
    HOUSEKEEPING = "housekeeping"
    """What has run out is put away."""
