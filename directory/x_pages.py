"""The pages of x.com that are no people, and those that name an account by its number.

Source: the fixed routes in the web client of x.com as of 2026 (its bundle `main.*.js`, the route table), the legacy
routes that twitter.com still answers (`/who_to_follow`, `/oauth`, `/account`, `/statuses/<id>`, `/tos`), and the links
that X writes into archives (`/intent/user?user_id=`, `/i/user/`). X gives none of these names to an account.
"""

import re
from typing import Final
from urllib.parse import parse_qs, urlsplit

X_PAGES: Final = frozenset(
    {"about", "account", "accounts", "ads", "compose", "connect_people", "download", "explore", "followers"}
    | {
        "following",
        "hashtag",
        "help",
        "home",
        "i",
        "intent",
        "invitations",
        "jobs",
        "lists",
        "login",
        "logout",
    }
    | {
        "messages",
        "mentions",
        "notifications",
        "oauth",
        "personalization",
        "privacy",
        "redirect_by_id",
        "rules",
    }
    | {
        "search",
        "search-advanced",
        "search-home",
        "sessions",
        "settings",
        "share",
        "signup",
        "status",
        "statuses",
    }
    | {"teams", "terms", "tos", "trends", "who_to_follow", "widgets"}
)
"""First parts of a path, in lower case, that are pages of X's own."""
_LANGUAGE: Final = re.compile(r"[a-z]{2}(?:-[a-z]{2,4})?", re.IGNORECASE)
_OF_A_LANGUAGE: Final = frozenset({"tos", "privacy", "rules", "about", "jobs", "download"})
_HOST: Final = re.compile(r"(?:[a-z0-9-]+\.)?(?:x|twitter)\.com", re.IGNORECASE)
_DIGITS: Final = re.compile(r"[0-9]+")
MAX_LINK_CHARS: Final = 2_048


def is_x_page(segments: list[str]) -> bool:
    """Tells whether the path of an address on x.com is a page of X's own: `/tos`, `/en/tos`, `/status/20`."""
    lowered = [segment.lower() for segment in segments]
    if len(lowered) > 1 and _LANGUAGE.fullmatch(lowered[0]) and lowered[1] in _OF_A_LANGUAGE:
        return True
    return not lowered or lowered[0] in X_PAGES


def id_in_path(segments: list[str], query: str) -> str | None:
    """Returns the number of the account that a page of X's names so, unchecked; None where it names none.

    `/i/user/1`, `/intent/user?user_id=1`, `/redirect_by_id/1` and `/en/redirect_by_id/1`.
    """
    lowered = [segment.lower() for segment in segments]
    if "redirect_by_id" in lowered[:-1]:
        return _digits(segments[lowered.index("redirect_by_id") + 1])
    if lowered[:2] == ["i", "user"] and len(segments) > 2:
        return _digits(segments[2])
    if lowered[:1] == ["intent"]:
        return _digits(parse_qs(query).get("user_id", [""])[0])
    return None


def id_in_link(link: object) -> str | None:
    """Returns the number that a link to x.com or twitter.com names; None for all else."""
    if not isinstance(link, str) or len(link) > MAX_LINK_CHARS:
        return None
    try:
        parts = urlsplit(link)
    except ValueError:
        return None
    if parts.scheme.lower() not in {"http", "https"} or not _HOST.fullmatch(parts.netloc):
        return None
    return id_in_path([segment for segment in parts.path.split("/") if segment], parts.query)


def _digits(text: str) -> str | None:
    return text if _DIGITS.fullmatch(text) else None
