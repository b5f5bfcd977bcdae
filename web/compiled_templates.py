"""Compiles each template once, for all languages, and the others while the first page is read.

A page takes a tenth of a second to compile, during which nobody else has a turn.
"""

import asyncio

import jinja2
from jinja2.bccache import Bucket


class CompiledTemplates(jinja2.BytecodeCache):
    """What templates were compiled to, in memory. It is the same in each language: their texts are looked up as a page is
    rendered."""

    def __init__(self) -> None:
        self._compiled: dict[str, Bucket] = {}
        self._ahead: asyncio.Task[None] | None = None

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
        if self._ahead is None:
            self._ahead = asyncio.create_task(_compile_all(environment))


async def _compile_all(environment: jinja2.Environment) -> None:
    for name in environment.list_templates():
        # In a thread, so that others have their turns meanwhile.
        await asyncio.to_thread(environment.get_template, name)
