"""Writes our published log as files, for any web server: what a log of a former name goes on being read from."""

from pathlib import Path

from federation.own_log.reader import LogService
from federation.tlog.tiles import bundles_added, tiles_added


async def write_static_copy(log: LogService, folder: Path) -> int:
    """Writes checkpoint, tiles, entry bundles and documents below `folder`, under the paths of their addresses. Can be
    repeated. Returns how many files. Raises LogEmpty."""
    size = (await log.published()).size
    paths = [str(item) for item in (*tiles_added(0, size), *bundles_added(0, size))]
    for path in paths:
        _write(folder / path, await log.read_tile(path))
    documents = await log.documents()
    for number, note in enumerate(documents):
        _write(folder / "operations" / str(number), note)
    _write(folder / "checkpoint", await log.checkpoint())
    return len(paths) + len(documents) + 1


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
