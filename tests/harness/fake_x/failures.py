"""The ways in which X's services were observed to fail for servers."""

from dataclasses import dataclass, field
from typing import Final

SOURCES: Final = ("syndication", "oembed-x", "oembed-twitter", "fxtwitter", "oauth")

MEGABYTE: Final = 1024 * 1024

A_PAGE: Final = b"<!DOCTYPE html><html><head><title>X / ?</title></head><body></body></html>"
"""The page that X serves to browsers in place of data."""


@dataclass(frozen=True)
class Failure:
    """One failure: status, body, headers, and a wait before it. A body of None is a page for people."""

    status: int = 200
    body: bytes | None = None
    wait_s: float = 0.0
    hangs_up: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def empty_object(cls) -> "Failure":
        """Fails as syndication does without a token, and for posts that it does not show."""
        return cls(200, b"{}")

    @classmethod
    def tombstone(cls, words: str | None = None) -> "Failure":
        """Fails as syndication does: `tombstone` is empty for age-gated posts, and has a text for deleted ones."""
        if words is None:
            return cls(200, b'{"__typename":"TweetTombstone","tombstone":{}}')
        text = f'{{"__typename":"TweetTombstone","tombstone":{{"text":{{"text":"{words}"}}}}}}'
        return cls(200, text.encode())

    @classmethod
    def rate_limited(cls, retry_after_s: int) -> "Failure":
        """Fails by a rate limit. https://docs.x.com/x-api/fundamentals/rate-limits"""
        return cls(429, b"", headers={"retry-after": str(retry_after_s)})

    @classmethod
    def huge(cls) -> "Failure":
        """Answers with 5 MB."""
        return cls(200, b'{"text":"' + b"x" * (5 * MEGABYTE) + b'"}')

    @classmethod
    def slow(cls, wait_s: float = 30.0) -> "Failure":
        """Takes the request and does not answer."""
        return cls(200, b"{}", wait_s=wait_s)

    @classmethod
    def redirect(cls, location: str) -> "Failure":
        return cls(302, b"", headers={"location": location})
