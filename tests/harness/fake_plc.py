"""A PLC directory and a handle resolver on a free port of 127.0.0.1, for the accounts that were added.

It answers as the real ones are documented to: a DID document (https://web.plc.directory/spec/v0.1/did-plc), and
com.atproto.identity.resolveHandle (https://docs.bsky.app/docs/api/com-atproto-identity-resolve-handle).
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from directory.accounts import BlueskyAccount


class FakePlc:
    """Knows the accounts that were added, under the handle that they were added with."""

    def __init__(self) -> None:
        self._handles: dict[str, str] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def settings(self) -> dict[str, str]:
        """The settings of an instance that asks here."""
        return {"plc_url": self.url, "handle_resolver": self.url}

    def add(self, account: BlueskyAccount) -> None:
        """Adds an account, or gives it another handle."""
        self._handles[str(account.did)] = str(account.handle)

    def answer(self, address: str) -> dict[str, Any] | None:
        """Returns the answer to a GET; None where nobody is known by it."""
        parts = urlsplit(address)
        if parts.path == "/xrpc/com.atproto.identity.resolveHandle":
            (asked,) = parse_qs(parts.query)["handle"]
            return next(({"did": did} for did, handle in self._handles.items() if handle == asked), None)
        did = unquote(parts.path.removeprefix("/"))
        if did not in self._handles:
            return None
        pds = {
            "id": "#atproto_pds",
            "type": "AtprotoPersonalDataServer",
            "serviceEndpoint": "https://pds.example",
        }
        return {"id": did, "alsoKnownAs": [f"at://{self._handles[did]}"], "service": [pds]}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        plc = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = plc.answer(self.path)
                body = json.dumps(found or {"message": "not registered"}).encode()
                self.send_response(200 if found is not None else 404)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
                _ = format, args

        return Handler
