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
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tests.peers.node_server import running

CALL_TIMEOUT_S: Final = 20
# Skips the PDS's own limits: accounts are made from one address.
BYPASS_KEY: Final = secrets.token_hex(8)
ADMIN_PASSWORD: Final = secrets.token_hex(16)


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
        return call(f"{self.url}/xrpc/{method}{asked}", token=token)

    def procedure(self, method: str, *, token: str | None = None, **body: object) -> dict[str, Any]:
        """One XRPC procedure (POST). Raises XrpcError."""
        # A procedure without input (deleteSession) refuses even an empty object.
        content = json.dumps(body).encode() if body else b""
        return call(f"{self.url}/xrpc/{method}", content, token=token)

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

    def put_record(self, account: Account, collection: str, key: str, record: Mapping[str, object]) -> None:
        """Writes a record of the account in place of the one before. Raises XrpcError."""
        self.procedure(
            "com.atproto.repo.putRecord",
            token=account.access_token,
            repo=account.did,
            collection=collection,
            rkey=key,
            record=record,
        )

    def upload(self, account: Account, content: bytes, media_type: str) -> dict[str, Any]:
        """Uploads a file for a record of the account, which names it by what is returned. Raises XrpcError."""
        url = f"{self.url}/xrpc/com.atproto.repo.uploadBlob"
        answer = call(url, content, token=account.access_token, media_type=media_type)
        return dict(answer["blob"])

    def set_takedown(self, did: str, *, is_applied: bool) -> None:
        """Takes an account down as those who run the server do, or brings it back. Raises XrpcError."""
        set_takedown(self.url, ADMIN_PASSWORD, did, is_applied=is_applied)

    def delete_account(self, did: str) -> None:
        """Deletes an account as those who run the server do. Raises XrpcError."""
        as_admin(self.url, ADMIN_PASSWORD, "com.atproto.admin.deleteAccount", did=did)

    def resolve_handle(self, handle: str) -> str:
        """The DID behind a handle. Raises XrpcError."""
        found = self.query("com.atproto.identity.resolveHandle", handle=handle)
        return str(found["did"])

    def did_document(self, did: str) -> dict[str, Any]:
        """What the PLC directory says of a DID. Raises XrpcError."""
        return call(f"{self.plc_url}/{did}")

    def memory_mb(self) -> int:
        """The server's resident memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) // 1024


def call(
    url: str,
    content: bytes | None = None,
    *,
    token: str | None = None,
    media_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """One request to a server of ours: a POST when there is a content, even an empty one. Raises XrpcError."""
    request = Request(url, content, dict(headers or {}))  # noqa: S310 - our own server's http address
    request.add_header("x-ratelimit-bypass", BYPASS_KEY)
    if content:
        request.add_header("content-type", media_type)
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


def as_admin(url: str, password: str, method: str, **body: object) -> None:
    """One XRPC procedure in the name of those who run a server of ours. Raises XrpcError."""
    admin = b64encode(f"admin:{password}".encode()).decode()
    headers = {"authorization": f"Basic {admin}"}
    call(f"{url}/xrpc/{method}", json.dumps(body).encode(), headers=headers)


def set_takedown(url: str, password: str, did: str, *, is_applied: bool) -> None:
    """Takes an account down at a server of ours, or brings it back. Raises XrpcError."""
    subject = {"$type": "com.atproto.admin.defs#repoRef", "did": did}
    takedown = {"applied": is_applied, "ref": "test"}
    as_admin(url, password, "com.atproto.admin.updateSubjectStatus", subject=subject, takedown=takedown)


@contextmanager
def running_pds(
    *, fetch_map: Mapping[str, str] | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Pds]:
    """Starts a PDS and stops it at the end. Raises ServerFailed.

    `fetch_map` gives public https origins of OAuth clients a local http one; `settings` are more
    `PDS_…` variables (the ports, addresses and secrets are set by the script).
    """
    env = os.environ | {
        "PDS_FETCH_MAP": json.dumps(dict(fetch_map or {})),
        "PDS_RATE_LIMIT_BYPASS_KEY": BYPASS_KEY,
        "PDS_ADMIN_PASSWORD": ADMIN_PASSWORD,
        **(settings or {}),
    }
    with running("run-pds.mjs", env) as (process, ready):
        yield Pds(ready["pds"], ready["plc"], process.pid, ready["start_ms"])


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
