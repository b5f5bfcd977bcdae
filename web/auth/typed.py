"""Guesses the networks of a typed account name, the likeliest first."""

from directory.accounts import AccountNetwork
from directory.errors import InvalidIdentifier
from directory.identifiers import AtHandle, Did
from directory.pasted.cleaning import clean
from directory.pasted.target_account import Target, parse_target_account

_BLUESKY, _MASTODON = AccountNetwork.BLUESKY, AccountNetwork.MASTODON


def likely_networks(typed: str) -> tuple[AccountNetwork, ...]:
    """Returns the networks to try. A Bluesky handle and the name of a Mastodon server look alike: both are host
    names."""
    try:
        text = clean("an account", typed)
        name = parse_target_account(text)
    except InvalidIdentifier:
        # A server on this machine, for trying out; or nothing at all, which each network says in its own words.
        return (_MASTODON, _BLUESKY) if "://" in typed else (_BLUESKY, _MASTODON)
    return _networks_of(text, name)


def _networks_of(text: str, name: Target) -> tuple[AccountNetwork, ...]:
    if not isinstance(name, Did | AtHandle):
        return (_MASTODON,)
    bare = text.partition("://")[2].rstrip("/").lower()
    if isinstance(name, AtHandle) and bare and "/" not in bare and not text.startswith("at:"):
        return (_MASTODON, _BLUESKY)  # the address of a site, as people write that of a server
    is_bare_host = isinstance(name, AtHandle) and not set(text) & set("@/")
    return (_BLUESKY, _MASTODON) if is_bare_host else (_BLUESKY,)
