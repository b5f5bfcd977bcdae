"""The origin of a log, `<host>/log`: parsed here and nowhere else, so that one log has one name."""

from typing import Final

from directory.errors import DirectoryError
from directory.host_names import InvalidHost, is_host_name, is_local_name, parse_host_name

LOG_SUFFIX: Final = "/log"


class InvalidOrigin(DirectoryError):
    """A text is not the origin of a log, such as find.example.org/log"""


def is_origin(text: str) -> bool:
    """Whether a text is an origin in its one spelling, as documents, bodies and keys hold it."""
    return text.endswith(LOG_SUFFIX) and is_host_name(text.removesuffix(LOG_SUFFIX))


def is_local_origin(origin: str) -> bool:
    """Whether the log is one that was tried out, or invented: nobody else can follow it."""
    return is_local_name(origin.removesuffix(LOG_SUFFIX))


def parse_origin(text: str) -> str:
    """Parses an origin as people type it, and returns its one spelling. Raises InvalidOrigin."""
    if not text.endswith(LOG_SUFFIX):
        raise InvalidOrigin(_say(text, f"it does not end in {LOG_SUFFIX}"))
    try:
        return parse_host_name(text.removesuffix(LOG_SUFFIX)) + LOG_SUFFIX
    except InvalidHost as error:
        raise InvalidOrigin(_say(text, error.why)) from error


def _say(text: str, why: str) -> str:
    return f"{text[:80]!r} is not the origin of a log, such as find.example.org/log: {why}"
