"""The texts: all marked, all translated in full, in the language that was asked for."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Final, cast

import jinja2
import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import nodes
from litestar.types import Scope
from markupsafe import Markup

import web.texts
from directory.archive import NOTICE_SENTENCES, SENTENCES
from web.catalogues import LANGUAGES, SOURCE_LANGUAGE, catalogue
from web.language import language_of, translate
from web.problems import PROBLEMS
from web.rendering import _environment

TEMPLATES: Final = sorted(
    path for folder in web.texts.TEMPLATE_FOLDERS for path in (web.texts.ROOT / folder).rglob("*.html")
)
SAME_IN_EVERY_LANGUAGE: Final = {"Bluesky", "Mastodon", "API", "OpenAPI"}
SHOWN_ATTRIBUTES: Final = {"alt", "aria-label", "placeholder", "title"}
# Asked for by name, so that `content="width=device-width"` is none of them.
SHOWN_META: Final = {"description", "og:title", "og:description"}
MACHINE_ELEMENTS: Final = {"pre", "code", "script", "style"}
VOID_ELEMENTS: Final = {"meta", "link", "input", "img", "br", "hr"}


def catalogue_of(language: str) -> Catalog:
    with web.texts.po_path(language).open("rb") as po:
        return read_po(po, locale=language)


def test_every_text_is_translated_whole() -> None:
    """Mend with `make texts`, then fill in what is empty in web/locales."""
    assert web.texts.problems() == []


def _catalogue_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
    head = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    head += '"Plural-Forms: nplurals=2; plural=(n > 1);\\n"\n\n'
    path = tmp_path / "messages.po"
    path.write_text(head + entry, encoding="utf-8")
    template = Catalog()
    template.add("Hello")
    template.add("About %(name)s", flags=["python-format"])
    template.add("{file} is empty", flags=["python-brace-format"])
    template.add(("%(num)s person", "%(num)s people"), flags=["python-format"])
    monkeypatch.setattr(web.texts, "po_path", lambda _: path)
    monkeypatch.setattr(web.texts, "gather", lambda: template)


GOOD: Final = {
    "Hello": 'msgid "Hello"\nmsgstr "Bonjour"\n',
    "About": '#, python-format\nmsgid "About %(name)s"\nmsgstr "À propos de %(name)s"\n',
    "file": '#, python-brace-format\nmsgid "{file} is empty"\nmsgstr "{file} est vide"\n',
    "num": '#, python-format\nmsgid "%(num)s person"\nmsgid_plural "%(num)s people"\n'
    'msgstr[0] "%(num)s personne"\nmsgstr[1] "%(num)s personnes"\n',
}


def test_a_whole_catalogue_has_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _catalogue_with(tmp_path, monkeypatch, "\n".join(GOOD.values()))
    assert web.texts.problems() == []


@pytest.mark.parametrize(
    ("which", "change", "said"),
    [
        ("Hello", ('msgstr "Bonjour"', 'msgstr ""'), "untranslated"),
        ("Hello", ("msgid", "#, fuzzy\nmsgid"), "not confirmed"),
        ("About", ("de %(name)s", "de %(nom)s"), "placeholder"),
        ("About", ("de %(name)s", "de %(name)d"), "incompatible"),
        ("file", ('"{file} est', '"{fichier} est'), "placeholder"),
        ("file", ('"{file} est', '"Le fichier est'), "placeholder"),
        ("num", ('msgstr[1] "%(num)s personnes"', 'msgstr[1] ""'), "untranslated"),
        ("num", ('msgstr[1] "%(num)s', 'msgstr[1] "%(n)s'), "placeholder"),
    ],
)
def test_a_gap_is_found(
    which: str, change: tuple[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, broken = change
    assert good in GOOD[which]
    entries = GOOD | {which: GOOD[which].replace(good, broken, 1)}
    _catalogue_with(tmp_path, monkeypatch, "\n".join(entries.values()))
    found = web.texts.problems()
    assert len(found) == 1
    assert said in found[0]


def test_a_text_that_is_new_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    template = web.texts.gather()
    template.add("A sentence that nobody has translated.")
    monkeypatch.setattr(web.texts, "gather", lambda: template)
    assert any("A sentence that nobody" in line for line in web.texts.problems())


def test_gathering_sees_templates_and_marks() -> None:
    gathered = web.texts.gather()
    assert "Bring your X archive" in gathered  # a template
    counted = gathered.get("%(num)s person is already here")
    assert counted is not None
    assert counted.id == ("%(num)s person is already here", "%(num)s people are already here")
    for problem in PROBLEMS.values():  # N_ in web
        assert problem.title in gathered
        assert problem.advice in gathered
    for sentence in (*SENTENCES.values(), *NOTICE_SENTENCES.values()):  # N_ in directory
        assert sentence in gathered


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {SOURCE_LANGUAGE}))
def test_plural_forms_work(language: str) -> None:
    texts = catalogue(language)
    one, many = "%(num)s person is already here", "%(num)s people are already here"
    forms = {count: texts.ngettext(one, many, count) for count in (0, 1, 2, 100)}
    assert not {one, many} & set(forms.values())
    assert forms[1] != forms[2]
    assert forms[2] == forms[100]


def test_french_counts_nothing_as_one() -> None:
    assert catalogue("fr").ngettext("%(num)s person", "%(num)s people", 0) == "%(num)s personne"
    assert catalogue("en").ngettext("%(num)s person", "%(num)s people", 0) == "%(num)s people"


def test_french_spaces_do_not_break() -> None:
    """A line must not begin with a colon, nor end with an opening quote."""
    wrong = re.compile(r"[^\u00a0\u202f/][;!?»]| :|«[^\u00a0\u202f]|'")
    for message in catalogue_of("fr"):
        if message.id:
            forms = [message.string] if isinstance(message.string, str) else list(message.string or ())
            assert [form for form in forms if wrong.search(form)] == []


def test_a_marked_text_is_translated_anywhere() -> None:
    assert translate("fr", "There is nothing here") == "Il n’y a rien ici"
    assert translate("en", "There is nothing here") == "There is nothing here"
    assert translate("fr", "") == ""  # gettext answers the empty text with the catalogue's head


class ShownTexts(HTMLParser):
    """Gathers what a person sees or hears of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.found += [value or "" for name, value in attrs if name in SHOWN_ATTRIBUTES]
        if (values.get("name") or values.get("property")) in SHOWN_META:
            self.found.append(values.get("content") or "")
        if tag not in VOID_ELEMENTS:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not MACHINE_ELEMENTS & set(self._open):
            self.found.append(data)


def bare_texts(source: str) -> list[str]:
    """Returns the unmarked words of a template, which would be shown in every language."""
    tree = jinja2.Environment(extensions=["jinja2.ext.i18n"]).parse(source)  # noqa: S701 - nothing is rendered
    reader = ShownTexts()
    reader.feed("".join(data.data for data in tree.find_all(nodes.TemplateData)))
    reader.close()
    texts = (text.strip(" ·\n") for text in reader.found)
    return [text for text in texts if re.search(r"[^\W\d_]", text) and text not in SAME_IN_EVERY_LANGUAGE]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_holds_a_bare_text(path: Path) -> None:
    assert bare_texts(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "bare"),
    [
        ("<p>Hello {{ name }}</p>", ["Hello"]),
        ("<p>{% if yes %}{{ _('Yes') }}{% else %}No{% endif %}</p>", ["No"]),
        ("<img alt='A bridge'>", ["A bridge"]),
        ("<meta name='description' content='Find people'>", ["Find people"]),
        ("<p>{{ _('Hello %(name)s', name=name) }} · {% trans %}World{% endtrans %}</p>", []),
        ("{# a note #}<pre>curl {{ url }}</pre><meta name='viewport' content='width=device-width'>", []),
        ("<code>x</code> outside", ["outside"]),
    ],
)
def test_the_scan_sees_bare_texts(source: str, bare: list[str]) -> None:
    assert bare_texts(source) == bare


def asked(query: str = "", *headers: tuple[str, str]) -> Scope:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return cast("Scope", {"type": "http", "query_string": query.encode("latin-1"), "headers": raw})


def accepting(header: str) -> str:
    return language_of(asked("", ("accept-language", header)))


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("fr", "fr"),
        ("fr-CA", "fr"),
        ("FR-fr,en;q=0.9", "fr"),
        ("en;q=0.8, fr;q=0.9", "fr"),
        ("fr;q=0.1,en;q=0.2", "en"),
        ("de, es;q=0.9, fr;q=0.1", "fr"),
        ("fr;q=0, en;q=0.5", "en"),
        ("fr;q=0", "en"),
        ("en, fr", "en"),
        ("*", "en"),
        ("de", "en"),
        ("", "en"),
        (";;;,,,=", "en"),
        ("fr;q=x", "en"),
        ("fr;q=nan", "en"),
        ("x" * 5_000, "en"),
        ("de," * 40 + "fr", "en"),  # no browser sends so many
    ],
)
def test_the_browsers_preference(header: str, language: str) -> None:
    assert accepting(header) == language


def test_the_parameter_wins_over_the_cookie_and_the_cookie_over_the_browser() -> None:
    cookie, browser = ("cookie", "a=b; lang=fr; c=d"), ("accept-language", "en")
    assert language_of(asked("", cookie, browser)) == "fr"
    assert language_of(asked("x=1&lang=en", cookie)) == "en"
    assert language_of(asked("lang=fr", browser)) == "fr"


def test_an_unknown_choice_does_not_count() -> None:
    assert language_of(asked("lang=xx", ("cookie", "lang=fr"))) == "fr"
    assert language_of(asked("lang=../../etc", ("cookie", "lang=tlh"), ("accept-language", "fr"))) == "fr"
    assert language_of(asked(""), ("fr", "en")) == "fr"
    assert language_of(asked("", ("accept-language", "de")), ("fr", "en")) == "fr"


latin = st.text(st.characters(max_codepoint=255), max_size=80)
tag = st.sampled_from(["fr", "en", "fr-CA", "*", "de", "x", ""])
rubbish_header = st.one_of(latin, st.lists(st.tuples(tag, latin).map(";q=".join), max_size=30).map(",".join))


@given(query=latin, cookie=latin, accepted=rubbish_header)
def test_any_request_gets_a_language(query: str, cookie: str, accepted: str) -> None:
    chosen = language_of(asked(query, ("cookie", cookie), ("accept-language", accepted)))
    assert chosen in LANGUAGES


@given(query=latin.map("lang=".__add__), cookie=latin.map("lang=".__add__))
def test_any_choice_gets_a_language(query: str, cookie: str) -> None:
    assert language_of(asked(query, ("cookie", cookie))) in LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_of_templates_are_those_of_the_extension(language: str) -> None:
    """`_` in templates is our own, for its speed: text, escaping and percent signs are as the extension makes them."""
    environment = _environment(language, base_url="https://find.example", own_origin="find.example/log")
    ours = environment.from_string("{{ _(text, **values) }}")
    theirs = environment.from_string("{{ gettext(text, **values) }}")
    others = ["nobody translates this: 100%% of <b>", "%(a)s & %(b)s"]
    for text in [
        str(each.id) for each in catalogue_of("fr") if isinstance(each.id, str) and each.id
    ] + others:
        names = re.findall(r"%\((\w+)\)s", text)
        for value in ("<i>&amp;", Markup("<bdi>@x</bdi>"), 1_234):
            values = dict.fromkeys(names, value)
            for _ in range(2):  # the second time it is kept
                assert ours.render(text=text, values=values) == theirs.render(text=text, values=values)


def test_a_value_that_no_text_asked_for_changes_nothing_and_a_missing_one_is_told() -> None:
    environment = _environment("en", base_url="https://find.example", own_origin="find.example/log")
    assert environment.from_string("{{ _('plain', name='x') }}").render() == "plain"
    with pytest.raises(KeyError):
        environment.from_string("{{ _('for %(name)s') }}").render()


def test_no_link_says_itself_that_it_is_a_file() -> None:
    """Where a session has ended, or the server says no, a browser saves that page under the name of the file."""
    links = "".join(each.read_text() for each in TEMPLATES)
    assert re.findall(r"<a\b[^>]*\bdownload\b[^>]*>", links) == []
