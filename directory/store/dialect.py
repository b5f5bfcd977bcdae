"""The dialect in which Piccolo writes the statements of our tables. It never connects."""

from typing import Final

from piccolo.engine.postgres import PostgresEngine


class _Dialect(PostgresEngine):
    async def check_version(self) -> None:
        """Left out: it would connect."""


DIALECT: Final = _Dialect(config={}, extensions=())
