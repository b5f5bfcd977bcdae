"""Does what a browser does for somebody who visits: pages and what belongs to them, a list, and the forms of its results."""

import asyncio
import html
import math
import re
import time
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urljoin

import msgspec

from deploy.bench.launch.wire import Answer, Wire

BOUNDARY: Final = "----PasserelleBenchBoundary"
ALWAYS: Final = (
    "Host: localhost\r\nUser-Agent: passerelle-bench\r\nAccept-Language: en,fr;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n"
    "Connection: keep-alive\r\nSec-Fetch-Site: same-origin\r\n"
)
PATIENT_TRIES: Final = 2
_TAG: Final = re.compile(r"<(?:script|img)\b[^>]*>|<link\b[^>]*\brel=\"(?:icon|manifest|stylesheet)\"[^>]*>")
_ADDRESS: Final = re.compile(r'\b(?:src|href)="(/[^"]*)"')
_COMMENT: Final = re.compile(r"/\*.*?\*/|^\s*//.*?$", re.DOTALL | re.MULTILINE)
_IMPORTED: Final = re.compile(r"""(?:\bfrom|^import)\s*"(\.[^"]+)\"""", re.MULTILINE)
_WORKER: Final = re.compile(r"""\bnew URL\("(\.[^"]+)", import\.meta\.url\)""")
_INPUT: Final = re.compile(r"<input\b[^>]*>")
_ATTRIBUTE: Final = re.compile(r'\b(type|name|value)="([^"]*)"')
_PERSON: Final = re.compile(r'href="(/x/[^"]+)"')


class Trip(msgspec.Struct):
    """What many browsers met: seconds of each kind of answer, statuses, and what went wrong."""

    seconds: dict[str, list[float]] = {}
    statuses: dict[int, int] = {}
    troubles: dict[str, int] = {}
    visits: float = 0.0
    """Whole ones; of those that the end broke off, the share of their steps that were done."""

    def count(self, status: int) -> None:
        """Counts an answer."""
        self.statuses[status] = self.statuses.get(status, 0) + 1

    def blame(self, what: str) -> None:
        """Counts what went wrong."""
        self.troubles[what] = self.troubles.get(what, 0) + 1


class Results(msgspec.Struct, frozen=True):
    """The form of a page of results, and the people on it."""

    fields: Sequence[tuple[str, str]]
    people: Sequence[str]

    @property
    def page(self) -> int:
        return int(dict(self.fields).get("page", 1))


class Browser:
    """One browser, with its cookies and its cache."""

    def __init__(self, port: int, address: str, trip: Trip, ends: float = math.inf) -> None:
        """`ends` is when its time is over, by `time.monotonic`."""
        self.trip = trip
        self._wire = Wire(port, address)
        self._ends = ends
        self._cookies: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        self._for_ever: set[str] = set()

    @property
    def left_s(self) -> float:
        """The seconds that are left to it."""
        return max(0.0, self._ends - time.monotonic())

    def close(self) -> None:
        """Ends its connections."""
        self._wire.close()

    async def open_page(self, path: str, kind: str) -> str:
        """Opens a page; follows where it leads. Returns its text, empty where there is none."""
        answer = await self._get(path, kind)
        if answer is not None and answer.status in {302, 303, 307}:
            answer = await self._get(answer.headers["location"], kind)
        return answer.text if answer is not None and answer.status == 200 else ""

    async def fetch_belongings(self, paths: Sequence[str]) -> None:
        """Fetches what belongs to a page, side by side; what is kept for ever is not asked for again."""
        await asyncio.gather(*(self._get(path, "asset") for path in paths if path not in self._for_ever))

    async def send_list(self, lines: str) -> Results | None:
        """Sends a list as the script of the first page does. Returns None where there was no answer to it."""
        body = _multipart([("owner", "")], [("pairs", lines)])
        return await self._post_results(body, "X-Passerelle-Fragment: 1\r\nAccept: text/html\r\n", "list")

    async def turn_page(self, results: Results) -> Results | None:
        """Presses “Next page”: htmx sends the form, and the button after its fields."""
        body = _multipart([*results.fields, ("page", str(results.page + 1))], [])
        return await self._post_results(body, "HX-Request: true\r\nAccept: text/html\r\n", "results")

    async def _post_results(self, body: bytes, more: str, kind: str) -> Results | None:
        head = (
            f"POST /results HTTP/1.1\r\n{ALWAYS}{more}{self._cookie_line()}Origin: http://localhost\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        answer = await self._ask(head.encode() + body, kind)
        return _read_results(answer.text) if answer is not None and answer.status == 200 else None

    async def _get(self, path: str, kind: str) -> Answer | None:
        tag = f"If-None-Match: {self._tags[path]}\r\n" if path in self._tags else ""
        head = f"GET {path} HTTP/1.1\r\n{ALWAYS}{tag}{self._cookie_line()}\r\n"
        answer = await self._ask(head.encode(), kind)
        if answer is not None and answer.status in {200, 304}:
            self._keep(path, answer.headers)
        return answer

    def _keep(self, path: str, headers: Mapping[str, str]) -> None:
        cache = headers.get("cache-control", "")
        if "etag" in headers and "no-store" not in cache:
            self._tags[path] = headers["etag"]
        if "no-cache" not in cache and ("immutable" in cache or "max-age=86400" in cache):
            self._for_ever.add(path)

    def _cookie_line(self) -> str:
        pairs = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return f"Cookie: {pairs}\r\n" if pairs else ""

    async def _ask(self, request: bytes, kind: str) -> Answer | None:
        """Sends a request, once more where it is refused for now. Returns None where no answer came."""
        for _ in range(PATIENT_TRIES):
            try:
                answer = await self._wire.ask(request)
            except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
                self.trip.blame(f"{kind}: {type(error).__name__}")
                return None
            self._count(answer, kind)
            if answer.status != 429:
                break
            await asyncio.sleep(min(int(answer.headers.get("retry-after", 0)), self.left_s))
            if not self.left_s:
                break
        name, _, value = answer.headers.get("set-cookie", "").partition(";")[0].partition("=")
        if name:
            self._cookies[name] = value
        return answer

    def _count(self, answer: Answer, kind: str) -> None:
        self.trip.count(answer.status)
        if answer.status == 429:
            if "retry-after" not in answer.headers:
                self.trip.blame(f"{kind}: 429 without Retry-After")
            return
        self.trip.seconds.setdefault(kind, []).append(answer.seconds)
        if answer.status >= 400:
            self.trip.blame(f"{kind}: {answer.status}")


class Belongings(msgspec.Struct, frozen=True):
    """What belongs to the first page: fetched with it, and by the worker that reads an archive."""

    page: Sequence[str]
    worker: Sequence[str]


async def belongings_of(page: str, browser: Browser) -> Belongings:
    """Finds what belongs to a page, scripts that scripts import included."""
    tags = [match[0] for match in _TAG.finditer(page)]
    found = [html.unescape(_ADDRESS.findall(tag)[0]) for tag in tags if _ADDRESS.search(tag)]
    paths, workers = await _imported_by(list(dict.fromkeys(found)), browser)
    return Belongings(paths, (await _imported_by(workers, browser))[0])


async def _imported_by(paths: list[str], browser: Browser) -> tuple[list[str], list[str]]:
    """Returns these and all that they import, and the workers that any of them starts."""
    workers: list[str] = []
    for path in paths:
        if path.partition("?")[0].endswith(".js"):
            script = _COMMENT.sub("", await browser.open_page(path, "asset"))
            for name in _IMPORTED.findall(script):
                if (new := urljoin(path, name)) not in paths:
                    paths.append(new)
            workers += [urljoin(path, name) for name in _WORKER.findall(script)]
    return paths, workers


def _read_results(text: str) -> Results:
    fields: list[tuple[str, str]] = []
    for tag in _INPUT.findall(text):
        attributes = dict(_ATTRIBUTE.findall(tag))
        is_sent = attributes.get("type") in {"hidden", "search"} or " checked" in tag
        if is_sent and "name" in attributes:
            fields.append((attributes["name"], html.unescape(attributes.get("value", ""))))
    return Results(fields, [html.unescape(path) for path in _PERSON.findall(text)])


def _multipart(fields: Sequence[tuple[str, str]], files: Sequence[tuple[str, str]]) -> bytes:
    parts = [f'name="{name}"\r\n\r\n{value}' for name, value in fields]
    parts += [
        f'name="{name}"; filename="{name}.txt"\r\nContent-Type: text/plain\r\n\r\n{text}'
        for name, text in files
    ]
    lines = [f"--{BOUNDARY}\r\nContent-Disposition: form-data; {part}\r\n" for part in parts]
    return ("".join(lines) + f"--{BOUNDARY}--\r\n").encode()
