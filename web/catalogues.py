"""Reads the texts of each language from the catalogues. Loads no web framework, so that jobs can write texts, too."""

import gettext
import io
from functools import cache
from importlib.resources import files
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES: Final = ("en", "fr")
SOURCE_LANGUAGE: Final = "en"


@cache
def catalogue(language: str) -> gettext.NullTranslations:
    """Returns the texts of a language; those of the source language are the marked texts themselves."""
    if language == SOURCE_LANGUAGE:
        return gettext.NullTranslations()
    path = files("web") / "locales" / language / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as po:
        parsed = read_po(po, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, parsed)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
