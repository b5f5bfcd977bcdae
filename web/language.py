"""Which language a page speaks, and the texts of each: read from the catalogues at start."""

import gettext
import io
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final
from urllib.parse import parse_qs

from babel.core import Locale, negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from litestar.types import Scope

LANGUAGES: Final = ("en", "fr")
SOURCE_LANGUAGE: Final = "en"
COOKIE: Final = "lang"
PARAMETER: Final = "lang"
MAX_ACCEPTED: Final = 20
_LANGUAGE_OF: Final = {language.lower(): language for language in LANGUAGES}


@cache
def catalogue(language: str) -> gettext.NullTranslations:
    """The texts of a language; those of the source language are the texts themselves."""
    if language == SOURCE_LANGUAGE:
        return gettext.NullTranslations()
    path = files("web") / "locales" / language / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as po:
        parsed = read_po(po, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, parsed)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def translate(language: str, text: str) -> str:
    """A marked text in a language."""
    return catalogue(language).gettext(text) if text else ""


@cache
def locale_of(language: str) -> Locale:
    return Locale.parse(language)


def language_of(scope: Scope, offered: Sequence[str] = LANGUAGES) -> str:
    """The language asked for: by `?lang=`, by cookie, then by the browser's preference; the first that is offered
    where none of them is asked for."""
    asked = parse_qs(scope["query_string"][:2_048].decode("latin-1")).get(PARAMETER, [""])[-1]
    if asked in offered:
        return asked
    accepted, chosen = "", ""
    for name, value in scope["headers"]:
        if name == b"accept-language":
            accepted = value.decode("latin-1")
        elif name == b"cookie":
            chosen = _cookie(value.decode("latin-1"))
    if chosen in offered:
        return chosen
    # Babel answers with the tag as the browser wrote it, `FR` for instance.
    found = negotiate_locale(_preferred(accepted), offered, sep="-") or ""
    return _LANGUAGE_OF.get(found.lower(), offered[0])


def _cookie(header: str) -> str:
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def _preferred(header: str) -> list[str]:
    """RFC 9110, section 12.5.4: tags by their weight, best first; what cannot be read is passed over."""
    weighted = []
    for part in header.split(",")[:MAX_ACCEPTED]:
        tag, _, parameters = part.partition(";")
        try:
            weight = float(parameters.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if weight > 0 and tag.strip().replace("-", "").isalnum():
            weighted.append((-weight, tag.strip()))
    weighted.sort(key=lambda pair: pair[0])
    return [tag for _, tag in weighted]
