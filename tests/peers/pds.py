"""A real Bluesky PDS with a real PLC directory, on this machine, for as long as a test needs it.

`shared_pds()` is the one of this test process: accounts have names of their own, so tests can
share it. A test that sets limits or stops the server starts its own with `with running_pds()`.
Each worker of a parallel run has its own, on free ports: one is 3 s and some 350 MB.
"""

import asyncio
import atexit
import json
import os
import secrets
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, TextIO
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tests.harness.node import node_path

HERE: Final = Path(__file__).resolve().parent
READY_TIMEOUT_S: Final = 60
STOP_TIMEOUT_S: Final = 10
CALL_TIMEOUT_S: Final = 20
# Another process can take a port between the moment it was found free and its use.
START_ATTEMPTS: Final = 3
SHOWN_CHARS: Final = 2_000
# Skips the PDS's own limits: accounts are made from one address.
BYPASS_KEY: Final = secrets.token_hex(8)


class PdsFailed(RuntimeError):
    """The server did not start; the message holds its last words."""


class XrpcError(Exception):
    """The server answered with an error: its status, and its name in `error`."""

    def __init__(self, status: int, name: str, message: str) -> None:
        self.status = status
        self.name = name
        super().__init__(f"{status} {name}: {message}")


@dataclass(frozen=True, slots=True)
class Account:
    """Someone with an account here, signed in with the password."""

    did: str
    handle: str
    password: str = field(repr=False)
    access_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pds:
    """A running server."""

    url: str
    plc_url: str
    pid: int
    start_ms: int

    def query(self, method: str, *, token: str | None = None, **parameters: str) -> dict[str, Any]:
        """One XRPC query (GET). Raises XrpcError."""
        asked = f"?{urlencode(parameters)}" if parameters else ""
        return _call(f"{self.url}/xrpc/{method}{asked}", token=token)

    def procedure(self, method: str, *, token: str | None = None, **body: object) -> dict[str, Any]:
        """One XRPC procedure (POST). Raises XrpcError."""
        # A procedure without input (deleteSession) refuses even an empty object.
        content = json.dumps(body).encode() if body else b""
        return _call(f"{self.url}/xrpc/{method}", content, token=token)

    def create_account(self, handle: str | None = None) -> Account:
        """A new account under `.test`, with a name nobody has if none is given. Raises XrpcError."""
        handle = handle or f"t{secrets.token_hex(6)}.test"
        password = secrets.token_urlsafe(16)
        made = self.procedure(
            "com.atproto.server.createAccount",
            handle=handle,
            email=f"{handle.removesuffix('.test')}@example.com",
            password=password,
        )
        return Account(made["did"], made["handle"], password, made["accessJwt"])

    def sign_in(self, account: Account) -> Account:
        """The same account with a new session and its handle of today. Raises XrpcError."""
        session = self.procedure(
            "com.atproto.server.createSession", identifier=account.did, password=account.password
        )
        return Account(session["did"], session["handle"], account.password, session["accessJwt"])

    def change_handle(self, account: Account, handle: str) -> None:
        """Gives the account another name, here and in the PLC directory. Raises XrpcError."""
        self.procedure("com.atproto.identity.updateHandle", token=account.access_token, handle=handle)

    def resolve_handle(self, handle: str) -> str:
        """The DID behind a handle. Raises XrpcError."""
        found = self.query("com.atproto.identity.resolveHandle", handle=handle)
        return str(found["did"])

    def did_document(self, did: str) -> dict[str, Any]:
        """What the PLC directory says of a DID. Raises XrpcError."""
        return _call(f"{self.plc_url}/{did}")

    def memory_mb(self) -> int:
        """The server's resident memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) // 1024


def _call(url: str, content: bytes | None = None, *, token: str | None = None) -> dict[str, Any]:
    """One request to a server of ours: a POST when there is a content, even an empty one."""
    request = Request(url, content)  # noqa: S310 - our own server's http address
    request.add_header("x-ratelimit-bypass", BYPASS_KEY)
    if content:
        request.add_header("content-type", "application/json")
    if token:
        request.add_header("authorization", f"Bearer {token}")
    try:
        with urlopen(request, timeout=CALL_TIMEOUT_S) as answer:  # noqa: S310 - as above
            body = answer.read()
    except HTTPError as error:
        with error:
            said = json.loads(error.read() or b"{}")
        raise XrpcError(error.code, said.get("error", ""), said.get("message", "")) from None
    return dict(json.loads(body)) if body else {}


@contextmanager
def running_pds(
    *, fetch_map: Mapping[str, str] | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Pds]:
    """Starts a PDS and stops it at the end. Raises PdsFailed.

    `fetch_map` gives public https origins of OAuth clients a local http one; `settings` are more
    `PDS_…` variables (the ports, addresses and secrets are set by the script).
    """
    env = os.environ | {
        "PDS_FETCH_MAP": json.dumps(dict(fetch_map or {})),
        "PDS_RATE_LIMIT_BYPASS_KEY": BYPASS_KEY,
        **(settings or {}),
    }
    with tempfile.TemporaryFile("w+", errors="replace") as errors, ExitStack() as stack:
        yield _started(env, errors, stack)


@asynccontextmanager
async def running_pds_async(
    *, fetch_map: Mapping[str, str] | None = None, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Pds]:
    """The same for an async test whose own loop has to go on while the server starts."""
    context = running_pds(fetch_map=fetch_map, settings=settings)
    pds = await asyncio.to_thread(context.__enter__)
    try:
        yield pds
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


@cache
def shared_pds() -> Pds:
    """The PDS of this test process: started at the first call, stopped when the process ends."""
    context = running_pds()
    pds = context.__enter__()
    atexit.register(context.__exit__, None, None, None)
    return pds


def _started(env: Mapping[str, str], errors: TextIO, stack: ExitStack) -> Pds:
    for _ in range(START_ATTEMPTS):
        process = stack.enter_context(_process(env, errors))
        if line := _first_line(process):
            ready = json.loads(line)
            return Pds(ready["pds"], ready["plc"], process.pid, ready["start_ms"])
        errors.seek(0)
        said = errors.read().strip()
        if "EADDRINUSE" not in said:
            break
    raise PdsFailed(f"the PDS did not start: {said[-SHOWN_CHARS:] or 'it said nothing'}")


@contextmanager
def _process(env: Mapping[str, str], errors: TextIO) -> Iterator[subprocess.Popen[str]]:
    """The server's process. Its standard input stays open as long as we live: it ends with us."""
    process = subprocess.Popen(
        [node_path(), "run-pds.mjs"],
        cwd=HERE,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _first_line(process: subprocess.Popen[str]) -> str:
    """The server's ready line; empty when it ended, or stayed silent too long and was ended."""
    assert process.stdout is not None
    # Only its end can end the wait for a line that never comes.
    watchdog = threading.Timer(READY_TIMEOUT_S, process.kill)
    watchdog.start()
    try:
        return process.stdout.readline()
    finally:
        watchdog.cancel()
