"""Calls Mastodon.py. Loaded in the thread of the first call: with `requests` it takes a tenth of what a process needs to
start, which nobody pays who does not call a Mastodon server.

Four things of it are kept away from what a server says:
- the token is set after construction: the constructor opens a token that is the name of a file;
- no header of the answer reaches it but type and links: with a strange `X-RateLimit-Reset` it reports a follow that
  was done as failed, and `Location` would be followed;
- the version is given: it would ask `/api/v1/instance`, 2,000 times where that fails;
- its errors quote the body: they are dropped, and the answer tells what happened.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import requests
from mastodon import Mastodon
from requests.adapters import BaseAdapter

from directory.networks.answers import Answer

ANSWERED_AS: Final = "4.2.0"
"""The version of the API that Mastodon.py is told: the first with actor URIs."""
_SHOWN: Final = frozenset({"content-type", "link"})

Ask = Callable[[Mastodon], object]
"""A call of one method, which sends one request."""
Send = Callable[[requests.PreparedRequest], Answer]


def read(send: Send, host: str, access: str | None, ask: Ask) -> object:
    """Calls Mastodon.py. Returns what it reads; None where it reads nothing."""
    with requests.Session() as session:
        session.trust_env = False  # no proxies, and no .netrc
        session.headers.clear()
        session.adapters.clear()
        session.mount("https://", _Adapter(send))
        api = Mastodon(
            api_base_url=f"https://{host}",
            session=session,
            mastodon_version=ANSWERED_AS,
            ratelimit_method="throw",
        )
        api.access_token = access
        try:
            return ask(api)
        except Exception:  # noqa: BLE001 - whatever it raises over an answer: the answer itself tells what it was
            return None


class _Adapter(BaseAdapter):
    """Passes what is to be sent to `send`."""

    def __init__(self, send: Send) -> None:
        super().__init__()
        self._send = send

    def send(  # noqa: PLR0913, PLR0917 - the signature of requests
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Sends the request. Raises what `send` raises."""
        _ = stream, timeout, verify, cert, proxies
        return _response(request, self._send(request))

    def close(self) -> None:
        """Keeps nothing open."""


def _response(request: requests.PreparedRequest, answer: Answer) -> requests.Response:
    response: Any = requests.Response()
    response.status_code = answer.status
    response.headers.update({name: value for name, value in answer.headers if name in _SHOWN})
    response.request = request
    response.url = request.url
    response.reason = ""
    response.encoding = "utf-8"
    response._content = answer.body
    shown: requests.Response = response
    return shown
