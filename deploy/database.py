"""Chooses the database of this process: the embedded one, or the server that the settings name."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from deploy.embedded import default_data_dir, open_database
from deploy.embedded.keeper import kept_running
from deploy.embedded.tuning import memory_bytes, server_settings
from directory.settings import Settings

CHECKOUT = Path(__file__).parent.parent


def data_folder(settings: Settings) -> Path:
    """Returns the data folder."""
    return settings.data if settings.data is not None else default_data_dir(CHECKOUT)


@contextmanager
def running_database(settings: Settings, *, is_kept: bool = False) -> Iterator[str]:
    """Returns the address of a running server, which is not stopped before the block ends. Raises
    EmbeddedError.

    `is_kept`: an embedded server that ends by itself meanwhile is started again.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    with (
        open_database(data_folder(settings)) as database,
        kept_running(database) if is_kept else nullcontext(),
    ):
        yield database.dsn


@contextmanager
def bench_server(settings: Settings) -> Iterator[str]:
    """Returns the address of a server on which databases may be made for measuring, apart from the directory's
    own."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    folder = data_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    # For a large instance from the start: it is filled and measured in one run.
    large = server_settings(memory_bytes(), 2**40)
    own = {name: large[name] for name in ("shared_buffers", "wal_buffers", "io_method")}
    with open_database(folder / "bench", own) as database:
        yield database.superuser_dsn()
