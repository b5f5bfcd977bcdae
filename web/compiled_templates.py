"""Compiles each template once, for all languages, and the others while the first page is read.

A page takes a tenth of a second to compile, during which nobody else has a turn.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import jinja2
from jinja2.bccache import Bucket


class CompiledTemplates(jinja2.BytecodeCache):
    """What templates were compiled to, in memory. It is the same in each language: their texts are looked up as a page is
    rendered."""

    def __init__(self) -> None:
        self._compiled: dict[str, Bucket] = {}
        self._is_begun = False

    def load_bytecode(self, bucket: Bucket) -> None:
        """Gives what was compiled of the same source."""
        compiled = self._compiled.get(bucket.key)
        if compiled is not None and compiled.checksum == bucket.checksum:
            bucket.code = compiled.code

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keeps what was compiled."""
        self._compiled[bucket.key] = bucket

    def compile_ahead(self, environment: jinja2.Environment) -> None:
        """Compiles all templates beside what is under way, once. Called where a loop runs."""
        if not self._is_begun:
            self._is_begun = True
            _compile_next(environment, iter(environment.list_templates()))


def _compile_next(
    environment: jinja2.Environment, names: Iterator[str], _: asyncio.Future[jinja2.Template] | None = None
) -> None:
    """Compiles a template in a thread, so that others have their turns meanwhile, and the next when it is done. Not a task: there is
    nothing to wait for, or to cancel, as the loop ends."""
    if (name := next(names, None)) is None:
        return
    with suppress(RuntimeError):  # the loop lends no thread any more
        compiling = asyncio.get_running_loop().run_in_executor(None, environment.get_template, name)
        compiling.add_done_callback(partial(_compile_next, environment, names))
