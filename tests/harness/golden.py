"""Golden scripts: requests and their expected answers, as text that people can read and review.

    # what this shows
    GET /api/v1/lookup?x=@jack
    Accept-Language: fr

    200
    content-type: application/json
    {"indented": "JSON or text"}

A line of `====` separates exchanges. After method, path and headers a body may follow, after an empty
line. With PASSERELLE_TEST_GOLDEN=write the answers are rewritten, to be reviewed in the diff.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

WRITE: Final = os.environ.get("PASSERELLE_TEST_GOLDEN") == "write"
SEPARATOR: Final = "\n====\n"
ARROW: Final = "\n----\n"
SHOWN_HEADERS: Final = (
    "content-type",
    "cache-control",
    "retry-after",
    "location",
    "allow",
    "content-disposition",
)


@dataclass(frozen=True)
class Exchange:
    """One request, as text, and its expected answer."""

    title: str
    method: str
    path: str
    headers: dict[str, str]
    body: str
    answer: str

    @property
    def request(self) -> str:
        lines = [f"# {self.title}", f"{self.method} {self.path}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\n".join(lines) + (f"\n\n{self.body}" if self.body else "")


def read_script(path: Path) -> list[Exchange]:
    return [_parse(block) for block in path.read_text(encoding="utf-8").strip("\n").split(SEPARATOR)]


def _parse(block: str) -> Exchange:
    request, _, answer = block.partition(ARROW)
    head, _, body = request.strip("\n").partition("\n\n")
    title, target, *headers = head.split("\n")
    method, path = target.split(" ", 1)
    pairs = dict(header.split(": ", 1) for header in headers)
    return Exchange(title.removeprefix("# "), method, path, pairs, body, answer.strip("\n"))


def play(client: httpx.Client, exchange: Exchange) -> str:
    """Sends the request. Returns the answer in the form of a script."""
    answer = client.request(
        exchange.method, exchange.path, headers=exchange.headers, content=exchange.body.encode()
    )
    lines = [str(answer.status_code)]
    lines += [f"{name}: {answer.headers[name]}" for name in SHOWN_HEADERS if name in answer.headers]
    return "\n".join([*lines, _readable(answer)]).strip("\n")


def _readable(answer: httpx.Response) -> str:
    if "json" in answer.headers.get("content-type", ""):
        return json.dumps(answer.json(), indent=1, ensure_ascii=False)
    return answer.text.strip("\n")


def write_script(path: Path, exchanges: list[tuple[Exchange, str]]) -> None:
    blocks = [f"{exchange.request}{ARROW}{answer}" for exchange, answer in exchanges]
    path.write_text(SEPARATOR.join(blocks) + "\n", encoding="utf-8")
