"""Chooses the language of a page."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

from babel import core, localedata
from babel.core import Locale, negotiate_locale
from litestar.types import Scope

from web.catalogues import LANGUAGES, catalogue
from web.cookie_lines import read_cookie

COOKIE: Final = "lang"
PARAMETER: Final = "lang"
_ASKED: Final = re.compile(rb"(?:^|&)" + PARAMETER.encode() + rb"=([A-Za-z-]*)(?=&|$)")
MAX_ACCEPTED: Final = 20
NOT_TOLD: Final = (
    "compact_currency_formats",
    "compact_decimal_formats",
    "compound_unit_patterns",
    "currency_names",
    "currency_names_plural",
    "currency_symbols",
    "date_fields",
    "datetime_skeletons",
    "interval_formats",
    "meta_zones",
    "time_zones",
    "unit_display_names",
    "unit_patterns",
)
"""What Babel knows of a language, by its names, and no page tells: of currencies, units and time zones, and short forms."""
_LANGUAGE_OF: Final = {language.lower(): language for language in LANGUAGES}


def translate(language: str, text: str) -> str:
    """Translates a marked text."""
    return catalogue(language).gettext(text) if text else ""


@cache
def locale_of(language: str) -> Locale:
    # Not parsed, which looks for aliases of languages: ours are named as the library names them.
    locale = Locale(language)
    _forget_other_languages(locale)
    _forget_what_no_page_tells(locale)
    return locale


def _forget_other_languages(locale: Locale) -> None:
    """Drops 2 MB on all languages, which Babel reads for the parent of one. Whoever needs them reads them again."""
    _ = locale.plural_form  # reads what is known of this one
    core._global_data = None


def _forget_what_no_page_tells(locale: Locale) -> None:
    """Drops most of what Babel reads on a language: 0.8 MB of each."""
    for name in NOT_TOLD:
        locale._data.pop(name, None)
    localedata._cache.pop("root", None)  # what languages have in common: each has it, too


def language_of(scope: Scope, offered: Sequence[str] = LANGUAGES) -> str:
    """Chooses the language: by `?lang=`, by cookie, then by the browser's preference; else the first that is
    offered."""
    asked = asked_language(scope)
    if asked in offered:
        return asked
    chosen = read_cookie(scope, COOKIE)
    if chosen in offered:
        return chosen
    accepted = next((value for name, value in scope["headers"] if name == b"accept-language"), b"")
    # Babel returns the tag as the browser wrote it, `FR` for instance.
    found = negotiate_locale(_preferred(accepted.decode("latin-1")), offered, sep="-") or ""
    return _LANGUAGE_OF.get(found.lower(), offered[0])


def asked_language(scope: Scope) -> str:
    """Returns the language that an address asks for. Empty where it asks for none."""
    found = _ASKED.findall(scope["query_string"])
    return found[-1].decode() if found else ""


def _preferred(header: str) -> list[str]:
    """Returns the tags of RFC 9110, section 12.5.4, by their weight, best first; invalid ones are skipped."""
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
