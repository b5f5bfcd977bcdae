"""A PostgreSQL of our own in the data folder: no server to install, the same SQL as production.

    with open_database(data_dir) as database:
        await asyncpg.connect(database.dsn)

- `open_database(data_dir, settings=…) -> EmbeddedDatabase` blocks until the server answers (a second or
  two the first time, a tenth of one after that): call it before the event loop, or in a thread.
- `EmbeddedDatabase.dsn` is for asyncpg; `.close()` (or leaving the `with`) stops the server
  unless another process shares it.
- `default_data_dir(checkout) -> Path` returns the data folder to use where none is configured.
- `EmbeddedError`: `str()` is one sentence for a person, `.code` is stable, `.detail` is the tail of the
  server's output.
"""

from deploy.embedded.database import EmbeddedDatabase, open_database
from deploy.embedded.errors import EmbeddedError
from deploy.embedded.folders import default_data_dir

__all__ = ["EmbeddedDatabase", "EmbeddedError", "default_data_dir", "open_database"]
