"""HEAD is answered wherever GET is, but where reading changes something."""

import re
from typing import Final

from litestar.enums import HttpMethod
from litestar.routes import HTTPRoute

from tests.web.members.instance import MemberInstance
from tests.web.members.visitors import Visitor
from web.app import create_litestar
from web.middleware.heads import answers_head

CHANGES: Final = {
    "/account/prove",
    "/account/runs/{run_id}/news",
    "/api/v1/proof/{host}/log/{leaf}",
    "/oauth/bluesky/callback",
    "/oauth/mastodon/callback/{host}",
    "/oauth/x/callback",
}
"""A new page where reading changes something belongs here, and into the middleware."""


def test_head_is_refused_only_where_reading_changes_something(instance: MemberInstance) -> None:
    reading = {
        route.path_format
        for route in create_litestar(instance.services).routes
        if isinstance(route, HTTPRoute)
        and HttpMethod.GET in route.methods
        and HttpMethod.HEAD not in route.methods
    }
    assert len(reading) > 40
    refused = {path for path in reading if not answers_head(re.sub(r"\{[^}]*\}", "1", path))}
    assert {path for path in refused if not path.startswith("/federation/")} == CHANGES


def test_head_answers_as_get_does(visitor: Visitor) -> None:
    """Link checks, previews and monitors ask with HEAD first; they were told 405."""
    for path in (
        "/",
        "/sign-in",
        "/account",
        "/metrics",
        "/api/openapi.json",
        "/api/v1/stats",
        "/nowhere",
        "/static/x",
    ):
        got, head = visitor.client.get(path), visitor.client.head(path)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert head.headers.get("content-type") == got.headers.get("content-type"), path
