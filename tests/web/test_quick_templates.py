"""Templates of our environment write what they write in Jinja's own: the same, escaped as there."""

from types import FunctionType
from typing import Any, Final

import jinja2
import pytest
from jinja2.runtime import Context

from directory.instance_settings import InstanceSettings
from tests.web.test_escaping import VALUES
from web.quick_templates import Environment
from web.rendering import Renderer

TEMPLATES: Final = [
    "{{ value }}",
    "<a title='{{ value }}'>{{ value }}{{ value }}</a>",
    "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(value) }}{{ m(m(value)) }}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ value }}{% endcall %}",
    "{% set s %}{{ value }}{% endset %}{{ s }}{{ s|length }}{{ s ~ value }}",
    "{% set s %}{% for _ in [1, 2] %}{{ value }}{% endfor %}{% endset %}{{ s }}",
    "{% filter upper %}{{ value }}{% endfilter %}",
    "{% block b %}{{ value }}{% endblock %}{{ self.b() }}{{ self.b()|length }}",
    "{{ value if value else '<else>' }}{{ '<' if none }}",
    "{{ value|e }}{{ value|string|safe }}{{ value|string }}",
    "{{ '<constant>' }}{{ '<constant>'|safe }}",
    "{% autoescape false %}{{ value }}{% endautoescape %}{{ value }}",
    "{% autoescape on %}{{ value }}{% endautoescape %}",
]


@pytest.mark.parametrize("source", TEMPLATES)
@pytest.mark.parametrize("on", [True, False])
def test_a_template_writes_what_jinja_writes(source: str, on: bool) -> None:
    for value in VALUES:
        ours, theirs = (
            environment(autoescape=True).from_string(source).render(value=value, on=on)
            for environment in (Environment, jinja2.Environment)
        )
        assert ours == theirs, repr(value)


def test_where_nothing_is_escaped_nothing_is() -> None:
    assert Environment(autoescape=False).from_string("{{ value }}").render(value="<b>") == "<b>"


def test_the_pages_are_written_so() -> None:
    renderer = Renderer(
        base_url="https://find.example", own_origin="find.example/log", instance=InstanceSettings
    )
    for environment in renderer._environments.values():
        source = environment.compile("{{ value }}", raw=True)
        assert "environment.escaped(" in source
        assert environment.from_string("{{ value }}").render(value="<b>") == "&lt;b&gt;"


@jinja2.pass_context
def of_the_context(context: Context, *names: str) -> str:
    """Shows what a function is given that asks for the context."""
    return ",".join(str(context.get(name, "none")) for name in names)


@jinja2.pass_environment
def of_the_environment(environment: jinja2.Environment) -> bool:
    return environment.autoescape is True


@jinja2.pass_eval_context
def of_the_evaluation(context: Any) -> bool:
    return bool(context.autoescape)


def plain(*args: object, **named: object) -> str:
    return f"<{args}{named}>"


class Called:
    """Something that is called, and asks for the context."""

    @jinja2.pass_context
    def __call__(self, context: Context, name: str) -> str:
        return of_the_context(context, name)


FUNCTIONS: Final = {
    "of_the_context": of_the_context,
    "of_the_environment": of_the_environment,
    "of_the_evaluation": of_the_evaluation,
    "plain": plain,
    "called": Called(),
    "made": str,
    "value": "<v>",
}
CALLS: Final = [
    "{{ of_the_context('value') }}{{ of_the_environment() }}{{ of_the_evaluation() }}{{ called('value') }}",
    "{% for x in [1, 2] %}{% set y = x %}{{ of_the_context('x', 'y') }}{{ called('y') }}{{ plain(x, y=y) }}{% endfor %}",
    "{% block b %}{% set z = 3 %}{{ of_the_context('z') }}{{ called('z') }}{{ plain(z, a=z) }}{% endblock %}",
    "{% macro m(a) %}{{ plain(a) }}{{ of_the_context('a') }}{{ caller() }}{% endmacro %}{% call m(value) %}{{ plain() }}{% endcall %}",
    "{{ made(5) }}{{ value.upper() }}{{ range(3)|list }}{{ [value]|map('upper')|list }}{{ cycler(1, 2).next() }}",
]


@pytest.mark.parametrize("source", CALLS)
def test_a_function_is_given_what_jinja_gives_it(source: str) -> None:
    assert isinstance(plain, FunctionType)
    ours, theirs = (
        environment(autoescape=True).from_string(source).render(FUNCTIONS)
        for environment in (Environment, jinja2.Environment)
    )
    assert ours == theirs


def test_globals_of_one_template_are_no_other_s() -> None:
    environment = Environment()
    environment.globals["name"] = "all"
    one, other = (environment.from_string("{{ name }}", globals=values) for values in ({"name": "one"}, None))
    assert (one.render(), other.render(), one.render()) == ("one", "all", "one")
    assert environment.globals["name"] == "all"
