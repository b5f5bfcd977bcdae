"""What a database still knows of somebody."""

from typing import Final

from tests.web.members.instance import MemberInstance
from tests.web.members.worlds import fetch

_TABLES: Final = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"


def tables_that_name(instance: MemberInstance, *traces: str) -> set[str]:
    """The tables in which one of the texts stands, in any column; bytes are looked at as text and in hexadecimal."""
    found = set()
    for (table,) in fetch(instance, _TABLES):
        rows = [row["t"].lower() for row in fetch(instance, f"SELECT t::text AS t FROM {table} t")]  # noqa: S608 - the parts are the test's own
        words = [form for trace in traces for form in (trace.lower(), trace.lower().encode().hex())]
        if any(word in row for row in rows for word in words):
            found.add(str(table))
    return found
