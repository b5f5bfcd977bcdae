"""The table of servers that nobody can be sent to, and the sentence that each door says of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response

TABLE: Final = Path(__file__).with_name("servers.jsonl")
DOORS: Final = ("sign-in", "links", "post", "follow", "newcomers")
SERVERS: Final = ("bad-certificate", "no-answer", "no-server", "shop")


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row. `typed` is what somebody types, at doors where they type; `{host}` is the server."""

    server: str
    door: str
    sentence: str
    typed: str = ""

    def __str__(self) -> str:
        return f"{self.server} {self.typed}".strip()


CASES: Final = tuple(
    msgspec.json.decode(line, type=Case) for line in TABLE.read_text("ascii").splitlines() if line
)


def cases_of(door: str) -> list[Case]:
    """Returns the rows for one door."""
    return [case for case in CASES if case.door == door]


@contextmanager
def broken(internet: FakeInternet, host: str, server: str) -> Iterator[None]:
    """Puts another server in the place of one, until the block ends."""
    before = internet.sites.pop(host, None)
    if server != "no-answer":
        internet.sites[host] = _shop if server == "shop" else _pages
    if server == "bad-certificate":
        internet.lose_certificate(host)
    try:
        yield
    finally:
        internet.find_certificate(host)
        internet.sites.pop(host, None)
        if before is not None:
            internet.sites[host] = before


def _shop(request: Request) -> Response:
    """Has one page."""
    return Response.html("<h1>A shop</h1>", 200 if request.path == "/" else 404)


def _pages(_request: Request) -> Response:
    """Has the same page at every address, as programs in a browser have."""
    return Response.html("<h1>An app</h1>")
