"""Writes the texts of messages about newcomers, in the language of the member who gets them.

A message names nobody: whoever runs a server can read direct messages on it.
"""

import gettext
from collections.abc import Callable
from typing import Final

import msgspec
from babel.numbers import format_decimal

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
        return texts.gettext(
            "Hello from %(instance)s! This is a test message: you asked to hear when people you followed on X arrive."
            " From now on a message comes once a week at most, and only if somebody came."
            " One click stops them: %(stop)s"
        ) % {"instance": self.instance_name(), "stop": self._stop(code)}

    def news(self, language: str, code: str, people: int) -> str:
        """Returns the message that people have arrived."""
        said = self.catalogues(language).ngettext(
            "%(num)s person you followed on X has arrived. See who: %(list)s To stop these messages: %(stop)s",
            "%(num)s people you followed on X have arrived. See who: %(list)s To stop these messages: %(stop)s",
            people,
        )
        return said % {
            "num": format_decimal(people, locale=language),
            "list": f"{self.base_url}{LIST_PATH}",
            "stop": self._stop(code),
        }

    def _stop(self, code: str) -> str:
        return f"{self.base_url}{STOP_PATH}{code}"
