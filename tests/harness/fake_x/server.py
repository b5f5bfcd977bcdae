"""The fake X as a server on a free port of 127.0.0.1, in threads of its own, with all of X's hosts as folders."""

import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qsl, urlsplit

from directory.proofs.post_url import parse_post_url
from directory.proofs.syndication_token import syndication_token
from directory.proofs.x_oauth import XKey
from directory.proofs.x_post import XSources
from tests.harness.fake_x import shapes
from tests.harness.fake_x.failures import A_PAGE, Failure
from tests.harness.fake_x.oauth import FakeOAuth, Fields
from tests.harness.fake_x.world import FakeAccount, FakePost, FakeWorld

_FX_STATUS = re.compile(r"/fx/[^/]+/status/([0-9]{1,19})")
_FX_PROFILE = re.compile(r"/fx/([A-Za-z0-9_]{1,20})")
_PREFIXES: Final = {
    "/syndication/": "syndication",
    "/publish-x/": "oembed-x",
    "/publish-twitter/": "oembed-twitter",
    "/fx/": "fxtwitter",
    "/x/": "oauth",
    "/api/": "oauth",
}
MAX_FORM_BYTES: Final = 64 * 1024
MAX_HELD_S: Final = 20.0


@dataclass
class _Asked:
    """One request."""

    method: str
    path: str
    query: Fields
    form: Fields
    authorization: str


@dataclass
class _Answered:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Held:
    """Requests held back: the first one sets `reached`, `release` lets all of them go on."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._released = threading.Event()

    def release(self) -> None:
        self._released.set()

    def wait(self) -> None:
        self.reached.set()
        self._released.wait(MAX_HELD_S)


class FakeX:
    """The fake X. Start it with `with`; its accounts, posts and failures can change at any time, from any thread."""

    def __init__(self) -> None:
        self.oauth = FakeOAuth()
        self.requests: list[str] = []
        """Source, path and query of every request, in order."""
        self._world = FakeWorld()
        self._failures: dict[str, Failure] = {}
        self._held: dict[str, Held] = {}
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.005})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def sources(self, *, fxtwitter: bool = True) -> XSources:
        """The addresses at which posts are checked."""
        return XSources(
            syndication=f"{self.root}/syndication",
            oembed_x=f"{self.root}/publish-x",
            oembed_twitter=f"{self.root}/publish-twitter",
            fxtwitter=f"{self.root}/fx" if fxtwitter else None,
        )

    def key(self) -> XKey:
        """The operator's key, to sign in with."""
        return XKey(self.oauth.client_id, self.oauth.client_secret, f"{self.root}/x", f"{self.root}/api")

    def account(self, handle: str, name: str | None = None, x_id: int | None = None) -> FakeAccount:
        """Adds an account; all its fields can be set later."""
        with self._lock:
            return self._world.add_account(handle, name, x_id)

    def post(self, author: FakeAccount, text: str, at: datetime | None = None) -> FakePost:
        """Adds a post, made at `at`, by default now."""
        with self._lock:
            return self._world.add_post(author, text, at or datetime.now(UTC))

    def edit(self, post: FakePost, text: str, at: datetime | None = None) -> FakePost:
        """Adds the next version of a post."""
        with self._lock:
            return self._world.edit(post, text, at or datetime.now(UTC))

    def delete(self, post: FakePost) -> None:
        with self._lock:
            self._world.delete(post)

    def fail(self, source: str, failure: Failure) -> None:
        """Makes a source, one of SOURCES, fail from now on."""
        self._failures[source] = failure

    def heal(self, source: str) -> None:
        self._failures.pop(source, None)

    def hold(self, source: str) -> Held:
        """Holds back the answers of a source from now on, until released, each for at most MAX_HELD_S."""
        self._held[source] = Held()
        return self._held[source]

    def answer(self, asked: _Asked) -> _Answered | None:
        """Answers a request. Returns None to hang up."""
        source = next((name for start, name in _PREFIXES.items() if asked.path.startswith(start)), "")
        self.requests.append(f"{source} {asked.path} {asked.query}")
        if source in self._held:
            self._held[source].wait()
        failure = self._failures.get(source)
        if failure is None:
            with self._lock:
                return self._route(asked)
        if failure.wait_s:
            self._closing.wait(failure.wait_s)
        if failure.hangs_up:
            return None
        return _Answered(failure.status, A_PAGE if failure.body is None else failure.body, failure.headers)

    def _route(self, asked: _Asked) -> _Answered:
        if asked.path.startswith(("/x/", "/api/")):
            return self._route_oauth(asked)
        return _Answered(*self._shaped(asked))

    def _shaped(self, asked: _Asked) -> shapes.Shaped:
        if asked.path == "/syndication/tweet-result":
            return self._syndication(asked.query)
        if asked.path == "/publish-x/oembed":
            return shapes.oembed(self._named(asked.query.get("url", "")), "x.com")
        if asked.path == "/publish-twitter/oembed":
            url = asked.query.get("url", "")
            # https://github.com/iamcal/oembed/pull/714: the older host answered 404 for the newer addresses.
            return shapes.oembed(None if "//x.com/" in url else self._named(url), "twitter.com")
        status = _FX_STATUS.fullmatch(asked.path)
        if status:
            return shapes.fxtwitter_status(self._world.posts.get(int(status[1])))
        profile = _FX_PROFILE.fullmatch(asked.path)
        if profile:
            return shapes.fxtwitter_profile(self._world.account_of(profile[1]))
        return 404, A_PAGE

    def _syndication(self, query: Fields) -> shapes.Shaped:
        """Answers as syndication does; without the right token it was observed to answer `{}`."""
        named = self._named(query.get("id", ""))
        if named is not None and query.get("token") != syndication_token(named.id):
            return 200, b"{}"
        return shapes.syndication(named)

    def _named(self, url: str) -> FakePost | None:
        return self._world.posts.get(parse_post_url(url).value) if url else None

    def _route_oauth(self, asked: _Asked) -> _Answered:
        match asked.method, asked.path:
            case "GET", "/x/i/oauth2/authorize":
                return _Answered(*self.oauth.page(asked.query))
            case "POST", "/x/i/oauth2/authorize":
                location = self.oauth.decide(asked.form)
                return _Answered(302, b"", {"location": location}) if location else _Answered(400, A_PAGE)
            case "POST", "/api/2/oauth2/token":
                return _Answered(*self.oauth.token(asked.form, asked.authorization))
            case "POST", "/api/2/oauth2/revoke":
                return _Answered(*self.oauth.revoke(asked.form, asked.authorization))
            case "GET", "/api/2/users/me":
                return _Answered(*self.oauth.me(asked.authorization))
        return _Answered(404, A_PAGE)


def _handler_of(fake: FakeX) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            length = min(int(self.headers.get("content-length", "0")), MAX_FORM_BYTES)
            parts = urlsplit(self.path)
            asked = _Asked(
                method=self.command,
                path=parts.path,
                query=dict(parse_qsl(parts.query)),
                form=dict(parse_qsl(self.rfile.read(length).decode())),
                authorization=self.headers.get("authorization", ""),
            )
            answered = fake.answer(asked)
            if answered is None:
                self.close_connection = True
                return
            try:
                self._write(answered)
            except OSError:  # the asker has gone
                self.close_connection = True

        def _write(self, answered: _Answered) -> None:
            is_page = answered.body.lstrip().startswith(b"<")
            self.send_response(answered.status)
            for name, value in answered.headers.items():
                self.send_header(name, value)
            self.send_header("content-type", "text/html" if is_page else "application/json; charset=utf-8")
            self.send_header("content-length", str(len(answered.body)))
            self.end_headers()
            self.wfile.write(answered.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
            """Logs nothing: `requests` has them."""

    return Handler
