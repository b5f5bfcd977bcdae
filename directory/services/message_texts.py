"""Writes the texts of messages about newcomers, in the language of the member who gets them.

A message names nobody: whoever runs a server can read direct messages on it.
"""

import gettext
from collections.abc import Callable
from typing import Final

import msgspec
from babel.numbers import format_decimal

from directory.texts import Bare, filled

Catalogues = Callable[[str], gettext.NullTranslations]
"""Returns the texts of a language."""

STOP_PATH: Final = "/stop/"
LIST_PATH: Final = "/account/list"


class MessageTexts(msgspec.Struct, frozen=True):
    """The texts of one instance."""

    catalogues: Catalogues
    base_url: str
    instance_name: Callable[[], str]

    def test_message(self, language: str, code: str) -> str:
        """Returns the test message."""
        texts = self.catalogues(language)
        return _joined(
            filled(
                texts.gettext(
                    "Hello from %(instance)s! This is a test message: you asked to hear when people you followed on X arrive."
                ),
                {"instance": self.instance_name()},
            ),
            texts.gettext("From now on a message comes once a week at most, and only if somebody came."),
            self._how_to_stop(texts, code),
        )

    def news(self, language: str, code: str, people: int) -> str:
        """Returns the message that people have arrived."""
        texts = self.catalogues(language)
        said = texts.ngettext(
            "%(num)s person you followed on X has arrived.",
            "%(num)s people you followed on X have arrived.",
            people,
        )
        return _joined(
            filled(said, {"num": Bare(format_decimal(people, locale=language))}),
            filled(texts.gettext("See who: %(link)s"), {"link": Bare(f"{self.base_url}{LIST_PATH}")}),
            self._how_to_stop(texts, code),
        )

    def _how_to_stop(self, texts: gettext.NullTranslations, code: str) -> str:
        link = f"{self.base_url}{STOP_PATH}{code}"
        return filled(texts.gettext("To stop these messages: %(link)s"), {"link": Bare(link)})


def _joined(*parts: str) -> str:
    return "\n\n".join(parts)
