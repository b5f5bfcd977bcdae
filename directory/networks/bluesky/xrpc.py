"""Calls the API of a server of Bluesky's network through atproto: https://atproto.com/specs/xrpc."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Self
from urllib.parse import urlsplit

from directory.networks.answers import Answer
from directory.networks.bluesky import sdk
from directory.networks.bluesky.wire import Note, Send
from directory.networks.errors import BadAnswer, BadStatus, NetworkError
from directory.networks.http import TOO_MANY_REQUESTS
from directory.networks.sign_in_errors import NeedsSignIn

MAX_CHARS: Final = 200
_TAKEN_DOWN: Final = frozenset({"AccountTakedown", "AccountSuspended", "RepoTakendown", "RepoSuspended"})
_SHUT: Final = frozenset({"AccountDeactivated", "RepoDeactivated", "RepoNotFound"})
_NO_REPO: Final = "Could not find repo"
"""What the reference server says, as InvalidRequest, to whoever reads records of an account that is shut."""
_TOKEN: Final = frozenset({"ExpiredToken", "InvalidToken", "invalid_token", "AuthMissing"})
_WANTS_NONCE: Final = "use_dpop_nonce"


class Refusal(BadStatus):
    """The server refused a call."""

    code = "refused"

    def __init__(self, host: str, status: int, name: str, says: str) -> None:
        """`name` and `says` are the error's name and message, empty where it has none. They are for comparing: neither
        is shown."""
        super().__init__(host, status)
        self.name = name
        self.says = says

    @property
    def is_rate_limit(self) -> bool:
        return self.status == TOO_MANY_REQUESTS


class AccountShut(NetworkError):
    """The member's own account is suspended, switched off or gone at its server."""

    code = "account-shut"


class AccountTakenDown(AccountShut):
    """The account was taken down, or suspended, by those who run a server."""


def _nobody(_answer: Answer) -> None:
    """Notes nothing."""


class Xrpc:
    """One server's API, as `send` is allowed to use it. `api` is atproto's client; use it inside `errors`."""

    def __init__(self, origin: str, send: Send, note: Note = _nobody) -> None:
        self.host = urlsplit(origin).hostname or ""
        # trust_env: no proxy of the environment. timeout: the guarded client has limits of its own.
        self._request = sdk.AsyncRequest(transport=sdk.Wire(send, note), trust_env=False, timeout=None)
        self.api: Any = sdk.AsyncClient(origin, request=self._request)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._request.close()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turns atproto's errors into ours: Refusal, AccountShut, NeedsSignIn, BadAnswer. Other NetworkErrors of the
        guarded client come through as they are."""
        try:
            yield
        except sdk.RequestErrorBase as error:
            raise self._refusal(error) from None
        except (sdk.AtProtocolError, ValueError, RecursionError):
            # Their messages quote what was received.
            why = "the answer is not the one that was asked for"
            raise BadAnswer(self.host, why, may_have_arrived=True) from None

    def _refusal(self, error: "sdk.RequestErrorBase") -> NetworkError | NeedsSignIn:
        response = error.response
        if response is None:
            return BadAnswer(self.host, "no answer could be read", may_have_arrived=True)
        name = str(getattr(response.content, "error", None) or "")[:MAX_CHARS]
        says = str(getattr(response.content, "message", None) or "")[:MAX_CHARS]
        if name in _TAKEN_DOWN:
            return AccountTakenDown(self.host, "the account was taken down or suspended")
        if name in _SHUT or says.startswith(_NO_REPO):
            return AccountShut(self.host, "the account is suspended or switched off at its server")
        if name in _TOKEN or (response.status_code in {401, 403} and name != _WANTS_NONCE):
            return NeedsSignIn(self.host, "the server no longer takes the permission")
        return Refusal(self.host, response.status_code, name, says)
