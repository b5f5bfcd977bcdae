"""A page with the archive drop on it, served with the files and the security policy of the instance.

The test sets the answers of `/results`, and sees every request.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import jinja2

import web
from web.middleware.headers import CONTENT_SECURITY_POLICY

STATIC: Final = Path(web.__file__).parent / "static"
TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
HELD_AT_MOST_S: Final = 30
SHELL: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Archive drop</title>
<link rel="stylesheet" href="/static/css/passerelle.css">
<script src="/probe.js"></script>
<script src="/static/vendor/htmx.org-4.0.1/htmx.min.js" defer></script>
<script src="/static/js/archive/drop.js" type="module"></script>
</head>
<body><main><h1>Passerelle</h1>{partial}<section id="results"></section></main></body>
</html>"""
PROBE: Final = """window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});"""
ANSWER: Final = """<div><h2>Two people are here</h2>
<button hx-get="/more" hx-target="#more">More</button><div id="more"></div></div>"""


def render_partial(**values: object) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]  # its types lack the extension's methods
    return environment.get_template("_archive_drop.html").render(
        plural_forms=(("one", 1), ("other", 2)), **values
    )


def sentence(name: str, **values: object) -> str:
    """Returns the sentence of that name on the page, with its values."""
    form = r'(?:\s+data-count="\w+"\s+data-form="other")?'
    found = re.search(rf'<template data-message="{name}"{form}>([^<]*)</template>', render_partial())
    assert found, name
    text = found[1]
    for key, value in values.items():
        shown = f"\u2068{value}\u2069" if key.startswith("file") and value else str(value)
        text = text.replace("{" + key + "}", shown)
    return text


@dataclass
class Answer:
    """An answer of `/results`."""

    status: int = 200
    body: str = ANSWER
    media_type: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Posted:
    """A request to `/results`: its headers, and its fields as bytes with their file names."""

    headers: Message
    raw: bytes

    def __post_init__(self) -> None:
        kind = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        self._parts: list[Message] = BytesParser().parsebytes(kind + self.raw).get_payload()  # type: ignore[assignment]  # a form has parts

    def names(self) -> list[str]:
        return [str(each.get_param("name", header="content-disposition")) for each in self._parts]

    def file_names(self) -> list[str | None]:
        return [each.get_filename() for each in self._parts]

    def text(self, name: str) -> str:
        (found,) = [
            each for each in self._parts if each.get_param("name", header="content-disposition") == name
        ]
        payload = found.get_payload(decode=True)
        assert isinstance(payload, bytes)
        return payload.decode()


class DropPage:
    """The running server. `hold` makes requests for a path wait until `release`."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.posted: list[Posted] = []
        self.held: str | None = None
        self.asked_for_held = threading.Event()
        self.released = threading.Event()
        self.is_deaf = False
        self.max_people = 100_000
        self.url = ""

    def hold(self, path: str) -> None:
        """Lets requests for `path` wait until `release`."""
        self.asked_for_held.clear()
        self.released.clear()
        self.held = path

    def release(self) -> None:
        self.held = None
        self.released.set()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, page: DropPage) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.page = page

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignores a browser that disconnects in the middle of an answer."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        page = self.server.page
        self._wait_if_held()
        if self.path == "/":
            self._send(Answer(body=SHELL.replace("{partial}", render_partial(max_people=page.max_people))))
        elif self.path == "/probe.js":
            self._send(Answer(body=PROBE, media_type="text/javascript"))
        elif self.path == "/more":
            self._send(Answer(body="<p>more of them</p>"))
        else:
            self._send_static()

    def do_POST(self) -> None:
        page = self.server.page
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        page.posted.append(Posted(self.headers, raw))
        self._wait_if_held()
        if page.is_deaf:
            self.close_connection = True
        else:
            self._send(page.answer)

    def _wait_if_held(self) -> None:
        page = self.server.page
        if self.path == page.held:
            page.asked_for_held.set()
            page.released.wait(HELD_AT_MOST_S)

    def _send_static(self) -> None:
        file = STATIC / self.path.removeprefix("/static/")
        if file.is_file():
            self._send(Answer(body=file.read_text(), media_type=TYPES[file.suffix]))
        else:
            self._send(Answer(status=404, media_type="text/plain"))

    def _send(self, answer: Answer) -> None:
        body = answer.body.encode()
        self.send_response(answer.status)
        headers = {"Content-Type": answer.media_type, "Content-Length": str(len(body)), **answer.headers}
        for name, value in {**headers, "Content-Security-Policy": CONTENT_SECURITY_POLICY}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it overrides
        """Logs nothing: a failing test shows the requests."""


@contextmanager
def serve_drop_page() -> Iterator[DropPage]:
    page = DropPage()
    server = _Server(page)
    page.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
    thread.start()
    try:
        yield page
    finally:
        page.release()
        server.shutdown()
        thread.join()
        server.server_close()
