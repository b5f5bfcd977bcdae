"""Counts what failed, by reason, and says so in one line with the host.

The one place where failures are counted, of this process: sign-ins, checks and re-checks, revocations, and requests
to other servers. Reasons are stable codes of errors and results, so their number is bounded. A host is that of a
server; where a host's name may be a person's (a handle of Bluesky is one, and a did:web account), `hide_name` keeps
it out of the lines.
"""

import enum
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

import structlog

log = structlog.get_logger(__name__)


class Failing(enum.StrEnum):
    """What failed."""

    REQUEST = "request"
    SIGN_IN = "sign-in"
    POST_CHECK = "post-check"
    LINK_CHECK = "link-check"
    RECHECK = "re-check"
    REVOCATION = "revocation"
    MESSAGE = "message"


_counts: Counter[tuple[Failing, str]] = Counter()
_hidden: ContextVar[frozenset[str]] = ContextVar("hidden names", default=frozenset())


def note_failure(what: Failing, reason: str, host: str = "") -> None:
    """Counts a failure and logs it. `reason` is a stable code; the host is left out where it may name a person."""
    _counts[what, reason] += 1
    shown = "" if _plain(host) in _hidden.get() else host
    log.info("something failed", what=what.value, reason=reason, host=shown)


def failure_counts() -> Mapping[tuple[Failing, str], int]:
    """Returns how often each has failed since this process started."""
    return dict(_counts)


def hide_name(name: str) -> None:
    """Keeps a name of a person out of the lines of this sign-in or job, should it be asked as a host."""
    _hidden.set(_hidden.get() | {_plain(name)})


@contextmanager
def failures_noted(what: Failing, *errors: type[Exception]) -> Iterator[None]:
    """Notes the errors of the block that have a code; they are raised all the same."""
    try:
        yield
    except errors as error:
        note_failure(what, getattr(error, "code", type(error).__name__), getattr(error, "host", ""))
        raise


def _plain(name: str) -> str:
    """Returns a name as it would stand in a host: people write an account of Bluesky with `@` or `at://`."""
    return name.strip().lower().removeprefix("at://").removeprefix("@").rstrip("./")
