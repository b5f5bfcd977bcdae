"""Values in sentences keep their own direction: in a right-to-left language `@name` would turn into `name@`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import jinja2
import pytest
from jinja2 import nodes

from directory.archive import NOTICE_SENTENCES, Notice
from directory.texts import Bare, filled, isolated, unmarked
from web.catalogues import LANGUAGES, catalogue
from web.texts import PACKAGES, ROOT, TEMPLATE_FOLDERS, gather

ATTACK: Final = "\u2069@\u202eתמר\u2068"
"""A name that would end its isolate and turn what comes after it."""
ISOLATING: Final = {"at", "bdi", "isolated"}
WRITTEN_AS_THE_LANGUAGE_DOES: Final = {"date", "moment", "number"}
TRANSLATED_ITSELF: Final = {"_", "about", "account_network", "network_name", "label"}
NUMBERS: Final = {"year", "row.held.version", "upload_max_mb", "shown", "'{num}'", "'{total}'"}
"""Plain numbers, those that the macro `counted` writes, and places that a script fills with one."""
TO_BE_POSTED: Final = "I was @%(x)s on X"
"""A sentence that people post elsewhere: servers would take an isolate for a part of the name or the address."""
_MESSAGE_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s")


def written_by(node: nodes.Node) -> str:
    """Returns what writes a value: its last filter, the macro that makes it, or the value itself."""
    match node:
        case nodes.Filter(name=str(name)) | nodes.Call(node=nodes.Name(name=name)) | nodes.Name(name=name):
            return str(name)
        case nodes.Getattr(node=inner, attr=str(attr)):
            return attr if attr == "year" else f"{written_by(inner)}.{attr}"
        case nodes.Const(value=value):
            return repr(value)
    return type(node).__name__


def sentences_of(path: Path) -> Iterator[nodes.Call]:
    environment = jinja2.Environment(extensions=["jinja2.ext.i18n"])  # noqa: S701 - nothing is rendered
    for call in environment.parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in {"_", "gettext", "ngettext"}:
            yield call


def bare_values(path: Path) -> Iterator[str]:
    allowed = ISOLATING | WRITTEN_AS_THE_LANGUAGE_DOES | TRANSLATED_ITSELF | NUMBERS
    for call in sentences_of(path):
        first = call.args[0]
        if isinstance(first, nodes.Const) and str(first.value).startswith(TO_BE_POSTED):
            continue
        for each in call.kwargs:
            if written_by(each.value) not in allowed:
                yield f"{path.name}:{call.lineno}: {each.key}={written_by(each.value)}"


def test_every_value_in_a_sentence_of_a_template_is_isolated() -> None:
    paths = [path for folder in TEMPLATE_FOLDERS for path in sorted((ROOT / folder).rglob("*.html"))]
    assert len([call for path in paths for call in sentences_of(path) if call.kwargs]) > 80
    assert [found for path in paths for found in bare_values(path)] == []


def _names_of_texts(node: ast.expr) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name | ast.Attribute | ast.Constant):
            yield each.id if isinstance(each, ast.Name) else str(getattr(each, "attr", ""))


def _fills_by_hand(node: ast.AST) -> bool:
    """Returns whether code fills names into a text by itself: `text % {...}`, `text % values`."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mod):
        return False
    is_named = isinstance(node.right, ast.Dict | ast.DictComp)
    is_marked = {"gettext", "ngettext", "translate", "N_", "SENTENCES"} & set(_names_of_texts(node.left))
    return is_named or bool(is_marked)


def test_one_place_fills_sentences_in_code() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.BinOp) and _fills_by_hand(node)
    ]
    assert [line.partition(":")[0] for line in found] == ["directory/texts.py"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_isolates_what_is_filled_in(language: str) -> None:
    walked = 0
    for message in gather():
        form = message.id if isinstance(message.id, str) else message.id[1]
        names = set(_MESSAGE_PLACEHOLDER.findall(form))
        said = filled(catalogue(language).gettext(form), dict.fromkeys(names, ATTACK))
        assert said.count("\u2068@תמר\u2069") >= len(names)
        assert said.count("\u2068") == said.count("\u2069") == said.count("@תמר")
        assert "\u202e" not in said
        walked += bool(names)
    assert walked > 100


def test_an_address_to_follow_stays_as_it_is() -> None:
    """A server would link the isolate as a part of the address."""
    assert (
        filled("See who: %(link)s", {"link": Bare("https://a.example/x")}) == "See who: https://a.example/x"
    )


def test_several_names_are_isolated_one_by_one() -> None:
    said = filled(NOTICE_SENTENCES[Notice.LEFT_OUT], {"files": ("a.js", "ב.js")})
    assert said.endswith(": \u2068a.js\u2069, \u2068ב.js\u2069.")
    assert unmarked(said).endswith(": a.js, ב.js.")
    assert isolated(ATTACK) == "\u2068@תמר\u2069"


def test_pages_isolate_what_code_filled_in(client: httpx.Client) -> None:
    """The names of files, and the lines of a pasted list, stood bare in errors and notices."""
    unread = client.post("/results", data={"names": f"jack\nnot {ATTACK}<b>"})
    assert unread.status_code == 400
    assert "“<bdi>not @תמר&lt;b&gt;</bdi>”" in unread.text
    part = client.post("/results", data={"names": f"jack\nnot {ATTACK}"}, headers={"hx-request": "true"})
    assert "“\u2068not @תמר\u2069”" in part.json()["detail"]
    not_one = client.post("/results", files={"files": ("קבצים.zip", b"")})
    assert "<bdi>" in not_one.text[not_one.text.index('class="lead"') :]
    assert "\u2068" not in not_one.text


def test_titles_isolate_without_elements(client: httpx.Client) -> None:
    text = client.get("/x/nobody_here").text
    assert "\u2068@nobody_here\u2069 is not found yet ·" in text
    assert 'content="Nobody has said yet where \u2068@nobody_here\u2069 is now."' in text
