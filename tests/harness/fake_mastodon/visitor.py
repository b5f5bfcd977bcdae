"""Acts as a person with a browser, without one: agrees, or not, at the page of a fake server."""

import socket
import ssl
from http.client import HTTPSConnection
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.site import FakeServer

TIMEOUT_S: Final = 10


def agree(internet: FakeInternet, authorize_url: str, account: str, *, deny: bool = False) -> str:
    """Does what a person does at the page. Returns the address at which the browser comes back.

    `account` is `user@domain`, or a user name where the host has one domain.
    """
    parts = urlsplit(authorize_url)
    fields = {name: values[0] for name, values in parse_qs(parts.query).items()}
    host = parts.hostname or ""
    page, _ = _asked(internet, "GET", host, f"{parts.path}?{parts.query}", None)
    assert page == 200, f"the page of {host} answers with status {page}"
    server = internet.sites[host]
    domain = server.domain if isinstance(server, FakeServer) else host
    chosen = account if "@" in account else f"{account}@{domain}"
    sent = urlencode({**fields, "account": chosen, "decision": "no" if deny else "yes"})
    status, location = _asked(internet, "POST", host, parts.path, sent)
    assert status in {302, 303}, f"the decision is answered with status {status}"
    assert location is not None
    return location


def _asked(
    internet: FakeInternet, method: str, host: str, target: str, form: str | None
) -> tuple[int, str | None]:
    """Sends a browser's request: to this machine, under the host's name."""
    connection = _LocalConnection(host, internet.port, context=internet.client_tls())
    try:
        headers = {"content-type": "application/x-www-form-urlencoded"} if form is not None else {}
        connection.request(method, target, form, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers["location"]
    finally:
        connection.close()


class _LocalConnection(HTTPSConnection):
    """A connection to this machine, with the certificate of the host's name."""

    def __init__(self, host: str, port: int, *, context: ssl.SSLContext) -> None:
        super().__init__(host, context=context, timeout=TIMEOUT_S)
        self._local = (port, context)

    def connect(self) -> None:
        port, context = self._local
        plain = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self.sock = context.wrap_socket(plain, server_hostname=self.host)
