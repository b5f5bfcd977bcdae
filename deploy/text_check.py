"""Checks for `passerelle doctor` whether the operator's texts can be shown."""

from collections.abc import Iterator
from typing import Final

from deploy.findings import Finding
from directory.operator_texts import NAMES, read_text
from directory.settings import InvalidSettings, Role, Settings

NAME: Final = "Terms, privacy, notice"
MEND: Final = "Mend the file, or the setting; the instance does not start without it."


def check_texts(settings: Settings) -> Iterator[Finding]:
    """Reads each text as the start does."""
    if Role.WEB not in settings.roles:
        return
    is_good = True
    for name in NAMES:
        try:
            read_text(name, getattr(settings, name))
        except InvalidSettings as error:
            is_good = False
            yield Finding(NAME, False, str(error), MEND)
    if is_good:
        named = ", ".join(name for name in NAMES if getattr(settings, name))
        yield Finding(NAME, True, named or "none of your own")
