"""What templates write is what MarkupSafe escapes: no value gets past it, of whatever type."""

import enum
from typing import Any, Final, Self

import jinja2
import pytest
from markupsafe import Markup, escape

from directory.identifiers import Acct
from directory.instance_settings import InstanceSettings
from directory.mappings import Network
from web.escaping import escaped
from web.rendering import Renderer

SPECIAL: Final = "&<>'\""
ATTACKS: Final = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "' onmouseover=alert(1) x='",
    "&lt;b&gt;",
    "&",
    "\0<\u2028>",
    "＜script＞",
    *SPECIAL,
    *(
        f"{before}{char}{after}"
        for char in SPECIAL
        for before in ("", "é", "\U0001f600")
        for after in ("", "x")
    ),
]


class Shouting(str):
    """A text that claims to be another."""

    __slots__ = ()

    def __str__(self) -> str:
        return "<shout>"

    def __contains__(self, part: object) -> bool:
        return False


class Marked(Markup):
    """Markup that says something else of itself."""

    __slots__ = ()

    def __html__(self) -> Self:
        return type(self)("<i>else</i>")


class Drawn:
    """Something that writes its own HTML."""

    def __html__(self) -> str:
        return "<b>drawn</b>"

    def __str__(self) -> str:
        return "<not drawn>"


class Named(enum.StrEnum):
    """A text that is a member of an enum."""

    EVIL = "<evil>"


class Spoken:
    """Something with a text."""

    def __str__(self) -> str:
        return "<a & b>"


VALUES: Final[list[Any]] = [
    *ATTACKS,
    *map(Markup, ATTACKS),
    *map(Shouting, ATTACKS),
    Marked("<u>"),
    Drawn(),
    Spoken(),
    Named.EVIL,
    Network.BLUESKY,
    Acct("a", "b.example"),
    "",
    "plain",
    Markup(),
    0,
    -1,
    1.5,
    True,
    None,
    ["<"],
    {"<": ">"},
    b"<bytes>",
    jinja2.Undefined(name="x"),
]


def test_it_is_the_text_that_markupsafe_makes() -> None:
    for value in VALUES:
        assert str.__str__(escaped(value)) == str.__str__(escape(value)), repr(value)


@pytest.mark.parametrize("attack", ATTACKS)
def test_values_of_sentences_and_long_names_are_escaped(attack: str) -> None:
    """They are filled in and cut by functions of our own, which say themselves that they are escaped."""
    renderer = Renderer(
        base_url="https://find.example", own_origin="find.example/log", instance=InstanceSettings
    )
    environment = renderer._environments["en"]
    shown = environment.from_string("{{ _('Said by %(host)s.', host=name) }}").render(name=attack)
    assert shown == f"Said by {escape(attack)}."
    for name in (attack, f"a-{attack}", f"a@{attack}.b", f"{attack}-" + 40 * "a"):
        cut = environment.from_string("{{ name|breakable }}").render(name=name)
        bare = cut.replace("<wbr>", "").replace('<span class="piece">', "").replace("</span>", "")
        assert bare == escape(name)
