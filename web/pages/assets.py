"""Serves the static files, and what browsers and crawlers ask for at addresses of their own choosing."""

from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from web.conditions import has_already
from web.rendering import Renderer
from web.static_files import (
    StaticFile,
    asset_url,
    in_scripts_folder,
    scripts_folder,
    static_files,
    takes_gzip,
)

FOREVER: Final = "public, max-age=31536000, immutable"
"""Of an address with the version of what it answers with: that never changes."""
ASK_AGAIN: Final = "no-cache"
"""Of an address without one, or with that of another release: modules import each other by such."""
A_DAY: Final = "public, max-age=86400"
ROBOTS: Final = """User-agent: *
Disallow: /account
Disallow: /api/v1/
Disallow: /federation/
Disallow: /log/
Disallow: /results
Disallow: /search
Disallow: /sign-in
Disallow: /whose
"""
"""Pages of people may be read: they published them, and services that show a link read this file first."""
_COLOUR: Final = "#1f5f5b"
_ICON_SIZES: Final = (192, 512)


@get("/static/{path:path}", include_in_schema=False)
async def static_file(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[bytes | None]:
    """Serves a static file by its name. `?v=` with its version makes it one for ever, as the folder of all scripts does
    for a script; a former folder has the present ones, for a page that was open before an upgrade."""
    name, query = path.removeprefix("/"), request.scope["query_string"]
    folder, name = in_scripts_folder(name) or ("", name)
    found = static_files().get(name)
    if found is None:
        raise NotFoundException
    version = f"v={found.version}".encode()
    is_lasting = folder == scripts_folder() and not query if folder else query == version
    return _served(request, found, FOREVER if is_lasting else ASK_AGAIN)


@get("/favicon.ico", include_in_schema=False)
async def favicon(request: Request[Any, Any, Any]) -> Response[bytes | None]:
    """Serves the icon to those who ask for it without reading the page."""
    return _served(request, static_files()["favicon.ico"], A_DAY)


@get(["/apple-touch-icon.png", "/apple-touch-icon-precomposed.png"], include_in_schema=False)
async def touch_icon(request: Request[Any, Any, Any]) -> Response[bytes | None]:
    """Serves the icon of a home screen, asked for at these names."""
    return _served(request, static_files()["apple-touch-icon.png"], A_DAY)


@get("/robots.txt", include_in_schema=False, media_type=MediaType.TEXT)
async def robots() -> Response[str]:
    """Tells crawlers what is worth nothing to them: lists, searches, the pages of those who sign in."""
    return Response(ROBOTS, media_type=MediaType.TEXT, headers={"cache-control": A_DAY})


@get("/manifest.webmanifest", include_in_schema=False)
async def manifest(
    request: Request[Any, Any, Any], renderer: NamedDependency[Renderer]
) -> Response[dict[str, Any]]:
    """Describes the instance as an application that can be kept on a home screen."""
    icons = [
        {"src": asset_url(f"icon-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png"}
        for size in _ICON_SIZES
    ]
    name = renderer.instance_name
    return Response(
        {
            "name": name,
            "short_name": name,
            "start_url": "/",
            "scope": "/",
            "display": "browser",
            "background_color": "#ffffff",
            "theme_color": _COLOUR,
            "icons": [{"src": asset_url("icon.svg"), "sizes": "any", "type": "image/svg+xml"}, *icons],
        },
        media_type="application/manifest+json",
        headers={"cache-control": ASK_AGAIN},
    )


def _served(request: Request[Any, Any, Any], file: StaticFile, cache: str) -> Response[bytes | None]:
    """Answers with a file, in gzip where the reader takes that; 304 where the reader has it."""
    is_zipped = file.zipped is not None and takes_gzip(request.headers.get("accept-encoding", ""))
    etag = f'"{file.version}{"-gz" if is_zipped else ""}"'
    headers = {"etag": etag, "cache-control": cache}
    if file.zipped is not None:
        headers["vary"] = "Accept-Encoding"
    if has_already(request.scope["headers"], etag.encode()):
        return Response(None, status_code=304, headers=headers)
    if is_zipped:
        headers["content-encoding"] = "gzip"
    return Response(file.zipped if is_zipped else file.content, media_type=file.media_type, headers=headers)
