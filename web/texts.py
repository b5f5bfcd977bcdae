"""Keeps the catalogues: `python -m web.texts update` gathers the texts, `check` fails where one is missing.

Texts are marked `_()`, `ngettext()` or `{% trans %}` in templates, and `N_()` in code that knows no language.
"""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from web.catalogues import LANGUAGES, SOURCE_LANGUAGE

ROOT: Final = Path(__file__).parent.parent
PACKAGES: Final = ("directory", "federation", "web", "admin", "deploy")
TEMPLATE_FOLDERS: Final = ("web/templates", "admin/templates")
KEYWORDS: Final[dict[str, tuple[int, ...] | None]] = {
    "_": None,
    "N_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "translate": (2,),
}
HEAD_DATE: Final = datetime(2026, 11, 1, tzinfo=UTC)
_IN_BRACES: Final = re.compile(r"{\w+}")
_PATTERN: Final = {"python": "**.py", "jinja2.ext.babel_extract": "**.html"}


def po_path(language: str) -> Path:
    """Returns the path of a language's catalogue."""
    return ROOT / "web" / "locales" / language / "LC_MESSAGES" / "messages.po"


def gather() -> Catalog:
    """Gathers all marked texts of code and templates, without the places they stand at."""
    template = Catalog(project="Passerelle", charset="utf-8")
    for folder, method in _sources():
        found = extract_from_dir(
            str(folder),
            method_map=[(_PATTERN[method], method)],
            keywords=KEYWORDS,
            options_map={"**.html": {"trimmed": "true", "silent": "false"}},
            comment_tags=("i18n:",),
        )
        for _, _, message, comments, context in found:
            template.add(message, auto_comments=comments, context=context)
    return template


def _sources() -> Iterator[tuple[Path, str]]:
    for package in PACKAGES:
        yield ROOT / package, "python"
    for folder in TEMPLATE_FOLDERS:
        if (ROOT / folder).is_dir():
            yield ROOT / folder, "jinja2.ext.babel_extract"


def update() -> None:
    """Updates every catalogue to the texts of the code; texts that no longer exist are dropped."""
    template = gather()
    for language in LANGUAGES:
        if language == SOURCE_LANGUAGE:
            continue
        path = po_path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        catalogue = _read(path, language) if path.exists() else Catalog(locale=language)
        catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
        catalogue.obsolete.clear()
        _write_head(catalogue, language)
        with path.open("wb") as po:
            write_po(po, catalogue, width=110, no_location=True, omit_header=False, sort_output=True)


def _write_head(catalogue: Catalog, language: str) -> None:
    """Writes a head without dates or versions, so that two runs give the same file."""
    catalogue.header_comment = f"# Texts of Passerelle in the language `{language}`."
    catalogue.project, catalogue.version = "Passerelle", "-"
    catalogue.creation_date = catalogue.revision_date = HEAD_DATE
    catalogue.last_translator = catalogue.language_team = catalogue.msgid_bugs_address = "Passerelle"
    catalogue.fuzzy = False


def problems() -> list[str]:
    """Returns what is missing or wrong in the catalogues, one line each."""
    template = gather()
    found: list[str] = []
    for language in LANGUAGES:
        if language != SOURCE_LANGUAGE:
            found += _problems_of(language, template)
    return found


def _problems_of(language: str, template: Catalog) -> Iterator[str]:
    catalogue = _read(po_path(language), language)
    for message in template:
        if not message.id:
            continue
        translated = catalogue.get(message.id, message.context)
        shown = message.id if isinstance(message.id, str) else message.id[0]
        if translated is None or not _is_whole(translated.string):
            yield f"{language}: untranslated: {shown!r}"
        elif translated.fuzzy:
            yield f"{language}: not confirmed: {shown!r}"
        else:
            yield from (f"{language}: {error}: {shown!r}" for error in translated.check(catalogue))
            yield from (f"{language}: {error}: {shown!r}" for error in _check_braces(translated))


def _check_braces(message: Message) -> Iterator[str]:
    """Checks `{name}`, which scripts fill in; Babel checks `%(name)s` alone."""
    for source, translated in zip(_forms(message.id), _forms(message.string), strict=False):
        if set(_IN_BRACES.findall(source)) != set(_IN_BRACES.findall(translated)):
            yield "placeholders in braces differ"


def _forms(text: Any) -> tuple[str, ...]:
    return tuple(text) if isinstance(text, tuple | list) else (text,)


def _is_whole(text: Any) -> bool:
    return all(text) if isinstance(text, tuple | list) else bool(text)


def _read(path: Path, language: str) -> Catalog:
    with path.open("rb") as po:
        return read_po(po, locale=language)


def main(arguments: list[str]) -> int:
    """Runs the command. Returns 1 where a text is missing or wrong."""
    if arguments == ["update"]:
        update()
    elif arguments != ["check"]:
        sys.stderr.write("usage: python -m web.texts update|check\n")
        return 2
    found = problems()
    for line in found:
        sys.stderr.write(line + "\n")
    return 1 if found and arguments == ["check"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
