"""The two cookies: who is signed in, and which browser left for a network."""

from typing import Any, Final

from litestar import Request, Response

from directory.members.sessions import MAX_TOKEN_CHARS, SESSION_LIFE
from directory.members.sign_ins import SIGN_IN_LIFE
from web.cookie_lines import read_cookie

# The prefix has browsers refuse the cookie from any other host, without TLS, or for a part of the paths:
# https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-__host-prefix
_HOST_PREFIX: Final = "__Host-"


class Cookies:
    """HttpOnly cookies for this host alone, sent with no form or script of another site."""

    def __init__(self, *, is_https: bool) -> None:
        prefix = _HOST_PREFIX if is_https else ""
        self._is_https = is_https
        self.session_name = f"{prefix}passerelle"
        self.browser_name = f"{prefix}passerelle-browser"

    def session(self, request: Request[Any, Any, Any]) -> str:
        """Returns the token of the session, which may have ended. Empty where there is none."""
        return self._read(request, self.session_name)

    def browser(self, request: Request[Any, Any, Any]) -> str:
        """Returns the value that this browser was given before it left for a network. Empty where there is
        none."""
        return self._read(request, self.browser_name)

    def keep_session(self, response: Response[Any], token: str) -> None:
        self._keep(response, self.session_name, token, int(SESSION_LIFE.total_seconds()))

    def keep_browser(self, response: Response[Any], token: str) -> None:
        self._keep(response, self.browser_name, token, int(SIGN_IN_LIFE.total_seconds()) * 6)

    def forget_session(self, response: Response[Any]) -> None:
        self._keep(response, self.session_name, "", 0)

    def forget_browser(self, response: Response[Any]) -> None:
        self._keep(response, self.browser_name, "", 0)

    def _read(self, request: Request[Any, Any, Any], name: str) -> str:
        value = read_cookie(request.scope, name)
        return value if len(value) <= MAX_TOKEN_CHARS else ""

    def _keep(self, response: Response[Any], name: str, value: str, max_age: int) -> None:
        # Lax, not Strict: the way back from a network is a link from another site.
        response.set_cookie(
            name, value, max_age=max_age, path="/", secure=self._is_https, httponly=True, samesite="lax"
        )
