"""The errors of a sign-in. Each has a code that does not change.

Messages are for logs: they name the server and what happened, never a token, a code or a person.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

from directory.errors import DirectoryError
from directory.networks.errors import BadStatus, Busy, NetworkError, NotSecure, Refused, Unreachable

_TRY_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class SignInError(DirectoryError):
    """A sign-in, or a use of its tokens, failed."""

    code: ClassVar[str] = "sign-in-failed"

    def __init__(self, host: str, why: str) -> None:
        self.host = host
        self.why = why
        super().__init__(f"{host or 'sign-in'}: {why}")


class AccountNotFound(SignInError):
    """There is no such account, or it was deleted."""

    code = "not-found"


class NotAServer(SignInError):
    """The named host is not a server of this network."""

    code = "not-a-server"


class ServerNotAllowed(SignInError):
    """The account leads to an address that we do not connect to."""

    code = "not-allowed"


class RefusedByPerson(SignInError):
    """The person refused at their server."""

    code = "refused"


class ServerUnreachable(SignInError):
    """A server did not answer, or is busy: a retry may succeed."""

    code = "unreachable"


class ServerNotSecure(ServerUnreachable):
    """The server has no certificate that proves its name, so nothing was said to it."""

    code = "not-secure"


class OurselvesBusy(ServerUnreachable):
    """All the places that we allow ourselves are taken: nobody was asked, and a retry in a minute may succeed."""

    code = "busy"


class ServerMisbehaved(SignInError):
    """A server's answer does not fit the request."""

    code = "bad-answer"


class IssuerMismatch(SignInError):
    """The answer does not come from the server that the person was sent to, or not for its accounts."""

    code = "issuer-mismatch"


class StateMismatch(SignInError):
    """The browser returned with the parameters of another sign-in, or of none."""

    code = "state-mismatch"


class SignInExpired(SignInError):
    """The person returned too late, or the network refused the code as used or too old."""

    code = "expired"


class IdentityMismatch(SignInError):
    """Somebody signed in, but not as the account that was expected or claimed."""

    code = "identity-mismatch"


class HandleMismatch(IdentityMismatch):
    """The account's handle does not lead back to the account."""

    code = "handle-mismatch"


class CodesUnchecked(SignInError):
    """The server gives a token for any code: a sign-in there does not prove who returned from it."""

    code = "codes-unchecked"


class NeedsSignIn(SignInError):
    """The network no longer takes the tokens: the person has to sign in again."""

    code = "needs-sign-in"


class PermissionSealed(NeedsSignIn):
    """What is kept of the tokens cannot be opened now: another sign-in replaces it, or the key comes back."""


@contextmanager
def network_errors(host: str = "") -> Iterator[None]:
    """Turns errors of the HTTP client into errors of a sign-in."""
    try:
        yield
    except NetworkError as error:
        raise _sign_in_error(error, host) from error


def _sign_in_error(error: NetworkError, host: str) -> SignInError:
    host = error.host or host
    if isinstance(error, Busy):
        return OurselvesBusy(host, error.why)
    if isinstance(error, NotSecure):
        return ServerNotSecure(host, error.why)
    if isinstance(error, Refused):
        return ServerNotAllowed(host, error.why)
    if isinstance(error, Unreachable) or (isinstance(error, BadStatus) and is_temporary(error.status)):
        return ServerUnreachable(host, error.why)
    return ServerMisbehaved(host, error.why)


def is_temporary(status: int) -> bool:
    """Tells whether the same request may get another answer later."""
    return status in _TRY_LATER
