"""Static files at lasting addresses are answered without the framework from the second time on, as by their route."""

import pytest
from litestar.types import ASGIApp, Receive, Scope, Send

from tests.harness.instance import RunningInstance
from tests.web.asking import Headers, ask_path
from web import app as web_app
from web.middleware.kept_assets import KeptAssets
from web.static_files import asset_url, lasting_addresses, scripts_folder, static_files

ACCEPTED: list[Headers] = [
    [],
    [(b"accept-encoding", b"gzip, deflate, br, zstd")],
    [(b"accept-encoding", b"gzip;q=0")],
    [(b"accept-encoding", b"br"), (b"accept-encoding", b"gzip")],
]
SCRIPT = f"/static/{scripts_folder()}/js/announce.js"


class Counted:
    """The routes, which count how often they are asked."""

    def __init__(self, instance: RunningInstance) -> None:
        services = instance.services
        self.routes: ASGIApp = web_app._litestar(services, web_app._shared(services), [])
        self.asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        await self.routes(scope, receive, send)


@pytest.mark.parametrize("accepted", ACCEPTED, ids=str)
def test_each_file_is_answered_as_by_its_route(instance: RunningInstance, accepted: Headers) -> None:
    async def compare() -> None:
        counted = Counted(instance)
        kept = KeptAssets(counted)
        for path, query in lasting_addresses():
            asked = path, query.decode(), "GET", accepted
            by_route = await ask_path(counted.routes, *asked)
            assert by_route.status == 200
            assert [await ask_path(kept, *asked) for _ in range(3)] == [by_route] * 3
        is_kept = len(accepted) < 2
        assert counted.asked == len(static_files()) * (1 if is_kept else 3)

    instance.call(compare)


@pytest.mark.parametrize(
    ("path", "query", "method", "headers"),
    [
        (SCRIPT, "", "GET", [(b"if-none-match", b"*")]),
        (SCRIPT, "", "GET", [(b"range", b"bytes=0-1")]),
        (SCRIPT, "v=1", "GET", []),
        (SCRIPT, "", "POST", []),
        (SCRIPT, "", "HEAD", []),
        (SCRIPT.replace("scripts-", "scripts-0"), "", "GET", []),
        (SCRIPT + "/", "", "GET", []),
        ("/static/js/announce.js", "", "GET", []),
        (asset_url("favicon.ico").partition("?")[0], "v=former", "GET", []),
        ("/static/none.js", "", "GET", []),
    ],
)
def test_all_else_is_left_to_the_route(
    instance: RunningInstance, path: str, query: str, method: str, headers: Headers
) -> None:
    """Attack: a cache is filled with what is said to one, and told to all."""

    async def compare() -> None:
        counted = Counted(instance)
        kept = KeptAssets(counted)
        lasting = [each for each in lasting_addresses() if each[0] == path]
        for _, known in lasting:
            await ask_path(kept, path, known.decode())
        before = counted.asked
        asked = path, query, method, headers
        assert await ask_path(kept, *asked) == await ask_path(counted.routes, *asked)
        assert counted.asked == before + 1

    instance.call(compare)
