"""Removes from errors of the database the values that they quote: names that were looked up, rows of members.

asyncpg quotes an argument that it cannot encode. PostgreSQL quotes a value that it cannot parse, and the row
that breaks a constraint. What is left tells where to look.
"""

import re
from typing import Final

import asyncpg

_QUOTING: Final = (asyncpg.DataError, asyncpg.RaiseError)
"""Kinds whose message itself holds a value: class 22, which the driver's own checks use too, and P0001."""
_ARGUMENT: Final = re.compile(r"query argument \$\d+")


def hide_values(error: BaseException) -> None:
    """Removes the values from an error and from all its causes, in place; errors of other kinds stay as they
    are."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, asyncpg.PostgresError):
            _hide_in(each)
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions


def _hide_in(error: asyncpg.PostgresError) -> None:
    error.detail = error.hint = error.context = None
    if isinstance(error, _QUOTING):
        said = str(error.args[0]) if error.args else ""
        argument = _ARGUMENT.search(said)
        error.args = (f"{argument[0] if argument else 'a value'} is refused ({error.sqlstate})",)
        # The error of the argument's codec holds the value again.
        error.__cause__ = error.__context__ = None
