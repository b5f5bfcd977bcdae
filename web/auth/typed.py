"""Guesses the networks of a typed account name, the likeliest first."""

from typing import Final
from urllib.parse import urlsplit

from directory.accounts import AccountNetwork

_BLUESKY_PAGES: Final = ("bsky.app", "www.bsky.app")


def likely_networks(typed: str) -> tuple[AccountNetwork, ...]:
    """Returns the networks to try. A Bluesky handle and the name of a Mastodon server look alike: both are host
    names."""
    bluesky, mastodon = AccountNetwork.BLUESKY, AccountNetwork.MASTODON
    if typed.startswith(("did:", "at://")):
        return (bluesky,)
    if "://" in typed:
        return _networks_of_address(typed)
    if "@" in typed.removeprefix("@"):
        return (mastodon,)
    return (bluesky,) if typed.startswith("@") else (bluesky, mastodon)


def _networks_of_address(typed: str) -> tuple[AccountNetwork, ...]:
    try:
        parts = urlsplit(typed)
    except ValueError:
        return (AccountNetwork.MASTODON,)
    if parts.hostname in _BLUESKY_PAGES:
        return (AccountNetwork.BLUESKY,)
    if parts.path in {"", "/"}:
        return (AccountNetwork.MASTODON, AccountNetwork.BLUESKY)
    return (AccountNetwork.MASTODON,)
