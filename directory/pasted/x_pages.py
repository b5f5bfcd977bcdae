"""The hosts that show X, and the pages of X that are no people.

The pages are the first segments that X's own site answers with a page of its own (its footer, menus, robots.txt and
the addresses of its sign-in and its sharing buttons), as they were seen in public pages and archives.
"""

from typing import Final

_DOMAINS: Final = frozenset({"x.com", "twitter.com"})
_SUBDOMAINS: Final = ("www.", "mobile.", "m.", "0.")
# They show the same people under the same names: fxtwitter and vxtwitter for previews, nitter without an account.
_FRONT_ENDS: Final = frozenset(
    {
        "fxtwitter.com",
        "fixupx.com",
        "vxtwitter.com",
        "fixvx.com",
        "twittpr.com",
        "xcancel.com",
        "lightbrd.com",
    }
)
_FRONT_SUBDOMAINS: Final = ("www.", "d.", "g.", "i.", "l.")
_NITTER: Final = "nitter."

X_PAGES: Final = frozenset(
    {"i", "home", "search", "explore", "intent", "share", "hashtag", "settings", "messages", "notifications"}
    | {"compose", "login", "logout", "signup", "tos", "privacy", "about", "jobs", "download", "rules", "help"}
    | {"account", "who_to_follow", "oauth", "oauth2", "ads", "status", "statuses", "lists", "personalization"}
    | {"follower_requests", "bookmarks", "premium_sign_up", "widgets", "goodies", "sessions", "invitations"}
)
_IN_LANGUAGE: Final = frozenset({"tos", "privacy", "rules", "about", "jobs", "help", "download"})


def is_x_host(host: str) -> bool:
    """Whether a host in its one spelling shows the people of X."""
    return (
        host.startswith(_NITTER)
        or _bare(host, _SUBDOMAINS) in _DOMAINS
        or _bare(host, _FRONT_SUBDOMAINS) in _FRONT_ENDS
    )


def is_x_domain(host: str) -> bool:
    """Whether a host in its one spelling is X's own, so that `name@host` names somebody there."""
    return _bare(host, _SUBDOMAINS) in _DOMAINS


def is_page(segments: tuple[str, ...]) -> bool:
    """Whether a path on X leads to a page of X's own, in any language: `/tos`, `/en/tos`."""
    first = segments[0].lower()
    in_language = len(segments) == 2 and len(first) == 2 and segments[1].lower() in _IN_LANGUAGE
    return first in X_PAGES or in_language


def _bare(host: str, subdomains: tuple[str, ...]) -> str:
    for subdomain in subdomains:
        if host.startswith(subdomain):
            return host.removeprefix(subdomain)
    return host
