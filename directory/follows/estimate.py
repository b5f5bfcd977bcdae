"""How long a run will take, from how many people it has and what its network permits. Pure.

The limits are those that the networks publish; a server may be tighter, and a run then takes longer.
"""

from datetime import timedelta
from typing import Final

from directory.follows.budget import DAY, HOUR, LIMITS
from directory.mappings import Network

MASTODON_REQUESTS_PER_FOLLOW: Final = 2.2
MASTODON_REQUESTS_PER_MINUTE: Final = 60
"""300 in 5 minutes."""
BLUESKY_SECONDS_PER_FOLLOW: Final = 0.05


def estimate(network: Network, people: int) -> timedelta:
    """Estimates how long following so many people takes, for an account that has spent nothing yet."""
    if people <= 0:
        return timedelta(0)
    return _on_bluesky(people) if network is Network.BLUESKY else _on_mastodon(people)


def _on_bluesky(people: int) -> timedelta:
    limits = LIMITS[Network.BLUESKY]
    days, rest = divmod(people - 1, limits.day // limits.create)
    hours, left = divmod(rest, limits.hour // limits.create)
    return days * DAY + hours * HOUR + timedelta(seconds=(left + 1) * BLUESKY_SECONDS_PER_FOLLOW)


def _on_mastodon(people: int) -> timedelta:
    days, left = divmod(people - 1, LIMITS[Network.MASTODON].day)
    minutes = (left + 1) * MASTODON_REQUESTS_PER_FOLLOW / MASTODON_REQUESTS_PER_MINUTE
    return days * DAY + timedelta(minutes=minutes)
