"""Parses what a person pastes for an account on the new networks."""

from typing import Final

from directory.errors import InvalidIdentifier
from directory.identifiers import Acct, ActorUri, AtHandle, Did
from directory.pasted.bridges import OF_BLUESKY, PAGES, bridged_from_bluesky, bridged_from_fediverse
from directory.pasted.cleaning import clean
from directory.pasted.hosts import parse_pasted_host
from directory.pasted.prefixes import without_prefix
from directory.pasted.urls import PastedUrl, looks_like_url
from directory.pasted.x_pages import is_x_domain, is_x_host

Target = Did | AtHandle | Acct | ActorUri

_KIND: Final = "an account"
_ADDRESS: Final = "the address of an account"
_NO_PERSON: Final = "it names no person"
_ON_X: Final = "it is on X, not on a new network"
_AT: Final = "at://"
# Other sites that show the people of Bluesky, at the same addresses.
_BLUESKY_FRONT_ENDS: Final = frozenset(
    {"bsky.app", "www.bsky.app", "main.bsky.dev", "staging.bsky.app", "deer.social", "blacksky.community"}
    | {"zeppelin.social", "witchsky.app", "catsky.social"}
)
# Sites that show the people of any server, at `/<host>/@<user>`.
_MASTODON_FRONT_ENDS: Final = frozenset({"elk.zone", "main.elk.zone"})
# Of Mastodon's own pages, before the name.
_VIEWS: Final = ("web", "deck")
# Of its actors, by their name or, as newer ones, by their number.
_ACTORS: Final = (("users",), ("ap", "users"))


def parse_target_account(text: object) -> Target:
    """Parses a DID, a handle, `user@host`, or the address of a profile or a post. Raises InvalidIdentifier.

    A page that does not show whose it is comes back as an ActorUri: its server knows.
    """
    try:
        return _parse(without_prefix(clean(_KIND, text)))
    except InvalidIdentifier as error:
        # The message quotes what was pasted.
        raise InvalidIdentifier(error.kind, text, error.why) from None


def _parse(typed: str) -> Target:
    if typed.lower().startswith(_AT):
        return _at_identifier(typed[len(_AT) :].partition("/")[0])
    if typed.startswith("did:"):
        return Did.parse(typed.partition("/")[0])
    if looks_like_url(typed):
        return _in_url(PastedUrl.parse(_ADDRESS, typed))
    bare = typed.lstrip("@")
    return parse_pasted_acct(bare) if "@" in bare else _handle(bare)


def parse_pasted_acct(text: str) -> Acct | AtHandle:
    """Parses `user@host` of a cleaned text, its host in either form. Raises InvalidIdentifier.

    The address that a bridge gave to a person of Bluesky is that person's handle.
    """
    user, _, host = text.lstrip("@").rpartition("@")
    acct = Acct.parse(f"{user}@{parse_pasted_host(_KIND, host)}")
    if is_x_domain(acct.host):
        raise InvalidIdentifier(_KIND, text, _ON_X)
    return bridged_from_bluesky(acct) or acct


def _handle(text: str) -> AtHandle | Acct:
    handle = AtHandle.parse(parse_pasted_host("a Bluesky handle", text))
    if is_x_host(handle.value):
        raise InvalidIdentifier(_KIND, text, _ON_X)
    return bridged_from_fediverse(handle) or handle


def _at_identifier(text: str) -> Did | AtHandle | Acct:
    bare = text.lstrip("@")
    return Did.parse(bare) if bare.startswith("did:") else _handle(bare)


def _in_url(url: PastedUrl) -> Target:
    if is_x_host(url.host):
        raise InvalidIdentifier(_ADDRESS, url.bare, _ON_X)
    if url.host in _BLUESKY_FRONT_ENDS:
        return _in_bluesky_page(url)
    if url.host in {PAGES, OF_BLUESKY}:
        return _in_bridge_page(url)
    if url.host in _MASTODON_FRONT_ENDS:
        return _in_front_end(url)
    if not url.segments:
        return _handle(url.host)
    return _in_server_page(url)


def _in_bluesky_page(url: PastedUrl) -> Did | AtHandle | Acct:
    if len(url.segments) < 2 or url.segments[0] != "profile":
        raise InvalidIdentifier(_ADDRESS, url.bare, _NO_PERSON)
    return _at_identifier(url.segments[1])


def _in_bridge_page(url: PastedUrl) -> Target:
    """Reads `fed.brid.gy/bsky/<handle>`, `fed.brid.gy/ap/@<user>@<host>` and `bsky.brid.gy/ap/<did>`."""
    if len(url.segments) < 2 or url.segments[0] not in {"bsky", "ap"}:
        raise InvalidIdentifier(_ADDRESS, url.bare, _NO_PERSON)
    name = url.segments[1]
    if url.segments[0] == "bsky" or url.host == OF_BLUESKY:
        return _at_identifier(name)
    return parse_pasted_acct(name)


def _in_front_end(url: PastedUrl) -> Acct | AtHandle:
    host, *rest = url.segments or ("",)
    if host.startswith("@") and "@" in host[1:]:
        return parse_pasted_acct(host)
    if not rest or not rest[0].startswith("@"):
        raise InvalidIdentifier(_ADDRESS, url.bare, _NO_PERSON)
    return _named_at(parse_pasted_host(_ADDRESS, host), rest[0])


def _in_server_page(url: PastedUrl) -> Target:
    segments = url.segments
    if segments[0] in _VIEWS and len(segments) > 1 and segments[1].startswith("@"):
        segments = segments[1:]
    if segments[0].startswith("@"):
        return _named_at(url.host, segments[0])
    if segments[0] == "profile" and len(segments) > 1 and segments[1].startswith("did:"):
        return Did.parse(segments[1])
    if url.scheme != "https":
        raise InvalidIdentifier(_ADDRESS, url.bare, "it must start with https://")
    for before in _ACTORS:
        if segments[: len(before)] == before and len(segments) > len(before):
            return ActorUri.parse(f"https://{url.host}/{'/'.join(segments[: len(before) + 1])}")
    return ActorUri.parse(url.bare)


def _named_at(host: str, name: str) -> Acct | AtHandle:
    """Reads `@user` on a server's page, or `@user@other` of somebody whom it shows."""
    bare = name.lstrip("@")
    return parse_pasted_acct(bare if "@" in bare else f"{bare}@{host}")
