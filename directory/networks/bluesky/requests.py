"""Sends requests with a proof of possession, and the nonces that servers require in it.

A server gives a nonce with every answer, and refuses a proof with an old one or with none; the
request is then sent a second time, once (RFC 9449, 8).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlencode, urlsplit

import msgspec

from directory.networks.answers import Answer
from directory.networks.bluesky.dpop import SigningKey, dpop_proof
from directory.networks.bluesky.origins import origin_of
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.networks.sign_in_errors import network_errors

OAUTH_LIMITS: Final = Limits(total_s=20.0, max_body_bytes=64 * 1024)
MAX_NONCES: Final = 2_000
MAX_NONCE_CHARS: Final = 512
MAX_ERROR_CHARS: Final = 64
USE_NONCE: Final = "use_dpop_nonce"
_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"


class Nonces:
    """The last nonce of each server. Losing one costs one request."""

    def __init__(self) -> None:
        self._by_origin: dict[str, str] = {}

    def get(self, url: str) -> str | None:
        return self._by_origin.get(origin_of(urlsplit(url)))

    def keep(self, url: str, nonce: str | None) -> None:
        if nonce is None or not 0 < len(nonce) <= MAX_NONCE_CHARS:
            return
        origin = origin_of(urlsplit(url))
        self._by_origin.pop(origin, None)
        while len(self._by_origin) >= MAX_NONCES:
            del self._by_origin[next(iter(self._by_origin))]
        self._by_origin[origin] = nonce


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A request to be sent with a proof. `content` is called for each attempt."""

    method: str
    url: str
    key: SigningKey = field(repr=False)
    now: datetime
    headers: Mapping[str, str] = field(repr=False)
    content: Callable[[], bytes | None] = field(default=lambda: None, repr=False)
    access: str | None = field(default=None, repr=False)
    limits: Limits = OAUTH_LIMITS

    def proof(self, nonce: str | None) -> str:
        return dpop_proof(self.key, self.method, self.url, self.now, nonce=nonce, access=self.access)


class DpopRequests:
    """Sends requests with proofs."""

    def __init__(self, http: GuardedClient) -> None:
        self._http = http
        self._nonces = Nonces()

    async def post_form(
        self, url: str, form: Callable[[], Mapping[str, str]], key: SigningKey, now: datetime
    ) -> Answer:
        """Sends a form, which is made anew for each attempt: what is signed in it is valid once. Raises SignInError."""
        headers = {"content-type": _FORM, "accept": _JSON}
        with network_errors(urlsplit(url).hostname or ""):
            return await self.send(
                Signed(
                    method="POST",
                    url=url,
                    key=key,
                    now=now,
                    headers=headers,
                    content=lambda: urlencode(form()).encode(),
                )
            )

    async def send(self, request: Signed) -> Answer:
        """Sends a request, and a second time where the server wants a nonce. Returns the answer, whatever its status.
        Raises NetworkError."""
        nonce = self._nonces.get(request.url)
        answer = await self._attempt(request, nonce)
        newer = self._nonces.get(request.url)
        if wants_nonce(answer) and newer not in {None, nonce}:
            return await self._attempt(request, newer)
        return answer

    async def _attempt(self, request: Signed, nonce: str | None) -> Answer:
        answer = await self._http.request(
            request.method,
            request.url,
            headers={**request.headers, "dpop": request.proof(nonce)},
            content=request.content(),
            limits=request.limits,
        )
        self._nonces.keep(request.url, answer.header("dpop-nonce"))
        return answer


def wants_nonce(answer: Answer) -> bool:
    """Tells whether a server refuses a proof only for its nonce."""
    if answer.status == 401 and USE_NONCE in (answer.header("www-authenticate") or ""):
        return True
    return answer.status in {400, 401} and error_of(answer) == USE_NONCE


def error_of(answer: Answer) -> str:
    """Returns the OAuth error code of an answer (RFC 6749, 5.2), empty where it has no well-formed one."""
    try:
        error = msgspec.json.decode(answer.body, type=_ErrorBody).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    is_word = error.isascii() and error.replace("_", "").replace("-", "").isalnum()
    return error if is_word and len(error) <= MAX_ERROR_CHARS else ""


class _ErrorBody(msgspec.Struct):
    error: str = ""
