"""Reads one cookie of a request: nothing else of the line is looked into, however many cookies it has."""

import re

from litestar.types import Scope


def read_cookie(scope: Scope, name: str) -> str:
    """Returns the value of a cookie as it was sent, and the last one where several have the name. Empty where none has."""
    wanted = re.compile(rb"(?:^|;)[ \t]*" + re.escape(name).encode() + rb"[ \t]*=([^;]*)")
    found = [value for key, line in scope["headers"] if key == b"cookie" for value in wanted.findall(line)]
    return found[-1].decode("latin-1").strip() if found else ""
