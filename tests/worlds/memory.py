"""Remembers what pure functions return for the same arguments while many worlds are played."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

from directory.members import claims
from directory.proofs import challenge, sentence

KEPT: Final = 8_192
_PURE: Final[tuple[tuple[Any, str], ...]] = (
    (sentence, "_words"),
    (challenge, "write_sentence"),
    (claims, "parse_post_url"),
)
"""Functions that are asked for the same few texts again and again."""


def _remembering(function: Callable[..., Any]) -> Callable[..., Any]:
    kept = lru_cache(KEPT)(function)
    return lambda *given: kept(*(tuple(each) if isinstance(each, list) else each for each in given))


@contextmanager
def remembered() -> Iterator[None]:
    """Plays faster: the results are the same."""
    before = [(module, name, getattr(module, name)) for module, name in _PURE]
    for module, name, function in before:
        setattr(module, name, _remembering(function))
    try:
        yield
    finally:
        for module, name, function in before:
            setattr(module, name, function)
