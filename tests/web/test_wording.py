"""The wording of the pages as such: values are isolated in sentences, numbers bring their plural, and what one measures of the style."""

import re
from pathlib import Path
from typing import Final

import pytest

import web
from web.rendering import _breakable, plural_forms
from web.texts import gather

TEMPLATES: Final = sorted((Path(web.__file__).parent / "templates").glob("*.html"))
CSS: Final = (Path(web.__file__).parent / "static" / "css" / "passerelle.css").read_text(encoding="utf-8")
_NAMES: Final = re.compile(
    r"\b(name|target|host|server|typed|account|contact|origin)=([^=]*?)(?=, \w+=|\) \}\})"
)
_IN_A_SENTENCE: Final = re.compile(r"\{\{ (?:_|ngettext)\((?:(?!\}\}).)*\) \}\}", re.DOTALL)
_COUNTS: Final = re.compile(r"%\((?:num|count|people|total)\)s|\{(?:num|people|seconds|asked)\}")
WITHOUT_A_NOUN: Final = {
    "To follow: %(num)s",
    "Left out: %(num)s",
    "%(num)s of %(total)s",
    "People in your archive: {people}. Known by name: {named}.",
    "Limits of one address in a minute: %(requests)s for look-ups, and %(people)s for people matched; the RateLimit"
    " headers tell what is left.",
}
"""Sentences with a number that agree with any."""


def _is_plain_text(before: str) -> bool:
    """Returns whether elements may stand there: not within an attribute, a title or a description."""
    within_tag = before.rfind("<") > before.rfind(">") and re.search(
        r'="[^"<>]*$', before[before.rfind("<") :]
    )
    in_title = before.rfind("{% block title %}") > before.rfind("{% endblock %}")
    in_summary = before.rfind("{% set summary %}") > before.rfind("{% endset %}")
    return not (within_tag or in_title or in_summary)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_values_in_sentences_are_isolated(template: Path) -> None:
    """`@name` turned into `name@` in a right-to-left language."""
    html = template.read_text(encoding="utf-8")
    bare = [
        found[0]
        for sentence in _IN_A_SENTENCE.finditer(html)
        if _is_plain_text(html[: sentence.start()])
        for found in _NAMES.finditer(sentence[0])
        if not found[2].endswith(("|bdi", "|at"))
        and "network_name" not in found[2]
        and found[2] != "instance_name"
    ]
    assert bare == []
    assert "@%(name)s" not in html, "the @ belongs to the name: `|at` isolates both"


def test_counts_bring_their_plural() -> None:
    """ "Wait 1 seconds": numbers are in sentences with a form for each plural, those of scripts too."""
    singular = {each.id for each in gather() if isinstance(each.id, str) and _COUNTS.search(each.id)}
    assert singular <= WITHOUT_A_NOUN


def test_each_plural_of_a_language_has_a_form_for_scripts() -> None:
    assert dict(plural_forms("en")).keys() == {"one", "other"}
    assert dict(plural_forms("fr")).keys() == {"one", "many", "other"}


def _light(name: str) -> str:
    found = re.search(rf"--{name}: #([0-9a-f]{{6}});", CSS)
    assert found is not None
    return found[1]


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_hyphen_in_a_name_is_no_place_to_break() -> None:
    """ "ada-" at the end of a line, and "mary.example" below: that reads as if the name were "adamary"."""
    assert _breakable("@ada-mary@fern.example") == (
        '<span class="piece">@ada-mary</span><wbr>@fern<wbr>.example'
    )
    assert _breakable("<b>.example") == "&lt;b&gt;<wbr>.example"
    assert "piece" not in _breakable("a-name-that-no-small-phone-holds.example")


def test_placeholders_can_be_read() -> None:
    """Browsers draw them far too pale: below 4.5:1 (WCAG 2.2, 1.4.3)."""
    assert "::placeholder { color: var(--soft); opacity: 1; }" in CSS
    bright, dark = _luminance(_light("card")), _luminance(_light("soft"))
    assert (bright + 0.05) / (dark + 0.05) >= 4.5
