"""Templates are compiled once for all languages, and ahead of the page that needs them."""

import asyncio
from collections.abc import Iterator
from typing import Final
from unittest.mock import patch

import jinja2
import pytest

from directory.instance_settings import InstanceSettings
from web.rendering import Renderer

NAMES: Final = jinja2.PackageLoader("web").list_templates()


@pytest.fixture
def renderer() -> Renderer:
    return Renderer(base_url="https://find.example", own_origin="find.example/log", instance=InstanceSettings)


@pytest.fixture
def environments(renderer: Renderer) -> dict[str, jinja2.Environment]:
    return renderer._environments


def test_each_language_compiles_a_template_to_the_same(environments: dict[str, jinja2.Environment]) -> None:
    """So that what one has compiled may be another's: nothing of a language is written into it."""
    assert len(environments) > 1
    for name in NAMES:
        compiled = set()
        for environment in environments.values():
            assert environment.loader is not None
            source, _, _ = environment.loader.get_source(environment, name)
            compiled.add(environment.compile(source, name, name, raw=True))
        assert len(compiled) == 1, name


def test_a_template_is_compiled_once_for_all_languages(environments: dict[str, jinja2.Environment]) -> None:
    compile_one = jinja2.Environment.compile
    with patch.object(jinja2.Environment, "compile", autospec=True, side_effect=compile_one) as compiling:
        for environment in environments.values():
            environment.get_template("left.html")
    compiled = [call.args[2] for call in compiling.call_args_list]
    assert compiled.count("left.html") == 1


async def test_all_are_compiled_while_the_first_page_is_read(renderer: Renderer) -> None:
    first, *others = renderer._environments.values()
    done = asyncio.Event()

    def names() -> Iterator[str]:
        yield from NAMES
        done.set()

    with patch.object(first, "list_templates", names):
        for _ in range(2):  # with the next page nothing is begun again
            renderer.compile_ahead()
        await asyncio.wait_for(done.wait(), 60)
    with patch.object(jinja2.Environment, "compile", side_effect=AssertionError):
        for environment in others:
            for name in NAMES:
                environment.get_template(name)
