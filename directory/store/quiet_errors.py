"""Errors of the database without the values that they quote: names that people looked up, rows of members.

asyncpg shows the value of an argument that it cannot send; PostgreSQL quotes what it cannot read, and shows
the row that breaks a rule as the error's detail. What is left says where to look.
"""

import re
from typing import Final

import asyncpg

_QUOTING: Final = (asyncpg.DataError, asyncpg.RaiseError)
"""Kinds whose message itself holds a value: class 22, which the driver's own checks use too, and P0001."""
_ARGUMENT: Final = re.compile(r"query argument \$\d+")


def hide_values(error: BaseException) -> None:
    """Takes them out of an error and of all that it came from, in place; errors of others stay as they are."""
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
        # What the codec of the argument said holds the value again.
        error.__cause__ = error.__context__ = None
