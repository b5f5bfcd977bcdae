"""The static files, read once: a request names one of them, and never a path of the file system."""

import gzip
import hashlib
import mimetypes
from functools import cache
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from web.joined_scripts import join_script, list_entries

STATIC_FOLDER: Final = Path(str(files("web") / "static"))
VERSION_CHARS: Final = 12
SCRIPTS_PREFIX: Final = "scripts-"
MIN_GZIP_BYTES: Final = 512
"""Below this the headers are most of an answer."""
_TYPES: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".md": "text/markdown",
    ".svg": "image/svg+xml",
    ".ico": "image/x-icon",
    ".png": "image/png",
}
_TEXT: Final = frozenset({".css", ".js", ".md", ".svg"})


class StaticFile(msgspec.Struct, frozen=True):
    """One file: its content, the same in gzip where that is smaller, and the version in its address."""

    content: bytes
    zipped: bytes | None
    media_type: str
    version: str


@cache
def static_files() -> dict[str, StaticFile]:
    """Reads all static files, by their paths below `/static/`; a script that no other imports is joined with what it imports.
    An upgrade restarts the process."""
    paths = sorted(path for path in STATIC_FOLDER.rglob("*") if path.is_file())
    contents = {path.relative_to(STATIC_FOLDER).as_posix(): path.read_bytes() for path in paths}
    scripts = {path: content.decode() for path, content in contents.items() if _is_script(path)}
    contents |= {path: join_script(path, scripts).encode() for path in list_entries(scripts)}
    return {path: _file_of(path, content) for path, content in contents.items()}


@cache
def scripts_folder() -> str:
    """Returns the name of the folder that our scripts are served in, with the version of all of them.

    A worker is named by its place beside the script that starts it, and so are imports: they are as lasting as the page's own
    address of a script.
    """
    versions = [f"{path} {file.version}" for path, file in static_files().items() if _is_script(path)]
    return SCRIPTS_PREFIX + _version_of("\n".join(versions).encode())


def asset_url(path: str) -> str:
    """Returns the address of a static file with its content's version: it may be cached for ever."""
    if _is_script(path):
        return f"/static/{scripts_folder()}/{path}"
    return f"/static/{path}?v={static_files()[path].version}"


@cache
def lasting_addresses() -> frozenset[tuple[str, bytes]]:
    """Returns path and query of each address whose answer stays the same: the version of the content is in it."""
    urls = (asset_url(path).partition("?") for path in static_files())
    return frozenset((path, query.encode()) for path, _, query in urls)


def takes_gzip(accepted: str) -> bool:
    """Returns whether `Accept-Encoding` names gzip with a weight above zero (RFC 9110, section 12.5.3)."""
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in {"gzip", "x-gzip"}:
            return weight.replace(" ", "").removeprefix("q=").strip("0.") != "" or not weight.strip()
    return False


def in_scripts_folder(path: str) -> tuple[str, str] | None:
    """Returns the folder and the script of an address below `/static/` that names both, of whatever version. Returns
    None for others."""
    folder, _, script = path.partition("/")
    return (folder, script) if folder.startswith(SCRIPTS_PREFIX) and _is_script(script) else None


def _is_script(path: str) -> bool:
    return path.startswith("js/")


def _version_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:VERSION_CHARS]


def _file_of(path: str, content: bytes) -> StaticFile:
    suffix = PurePosixPath(path).suffix
    is_text = suffix in _TEXT
    kind = _TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    zipped = gzip.compress(content, mtime=0) if is_text and len(content) >= MIN_GZIP_BYTES else None
    return StaticFile(
        content,
        zipped if zipped is not None and len(zipped) < len(content) else None,
        f"{kind}; charset=utf-8" if is_text else kind,
        _version_of(content),
    )
