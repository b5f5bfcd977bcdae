"""The static files, read once: a request names one of them, and never a path of the file system."""

import gzip
import hashlib
import mimetypes
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

STATIC_FOLDER: Final = Path(str(files("web") / "static"))
VERSION_CHARS: Final = 12
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
    """Reads all static files, by their paths below `/static/`. An upgrade restarts the process."""
    paths = sorted(path for path in STATIC_FOLDER.rglob("*") if path.is_file())
    return {path.relative_to(STATIC_FOLDER).as_posix(): _read(path) for path in paths}


def asset_url(path: str) -> str:
    """Returns the address of a static file with its content's version: it may be cached for ever."""
    return f"/static/{path}?v={static_files()[path].version}"


def _read(path: Path) -> StaticFile:
    content = path.read_bytes()
    is_text = path.suffix in _TEXT
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    zipped = gzip.compress(content, mtime=0) if is_text and len(content) >= MIN_GZIP_BYTES else None
    return StaticFile(
        content,
        zipped if zipped is not None and len(zipped) < len(content) else None,
        f"{kind}; charset=utf-8" if is_text else kind,
        hashlib.sha256(content).hexdigest()[:VERSION_CHARS],
    )
