"""Parses sizes as people write them."""

import re
from typing import Any, Final

import click

_UNITS: Final = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_SIZE: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) ?(KB|MB|GB|)", re.IGNORECASE)


class Size(click.ParamType[int]):
    """A size: `500KB`, `20MB`, `3GB`, or plain bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = _SIZE.fullmatch(str(value).strip())
        if match is None:
            self.fail(f"{value!r} is not a size: write 500KB, 20MB or 3GB.", param, ctx)
        return int(float(match[1]) * _UNITS[match[2].upper()])


SIZE: Final = Size()
