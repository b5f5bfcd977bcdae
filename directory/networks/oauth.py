"""The parts of OAuth that both sign-ins share: state, PKCE (RFC 7636), and what the browser returns with."""

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, Self
from urllib.parse import parse_qsl, urlsplit

import msgspec

from directory.networks.port import SIGN_IN_LIFETIME, Purpose
from directory.networks.sign_in_errors import (
    RefusedByPerson,
    ServerMisbehaved,
    ServerUnreachable,
    SignInExpired,
    StateMismatch,
)

# 256 bits each: RFC 7636, 4.1 asks for a verifier of 43 characters or more.
_SECRET_BYTES: Final = 32
MAX_CALLBACK_CHARS: Final = 8_192
MAX_CALLBACK_FIELDS: Final = 20
MAX_CODE_CHARS: Final = 4_096
# A person is waiting; a step asks up to seven servers, each with limits of its own.
STEP_TIMEOUT_S: Final = 45.0


def new_secret() -> str:
    """Makes a state or a PKCE verifier: 43 random characters."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def challenge(verifier: str) -> str:
    """Computes the S256 challenge of a verifier (RFC 7636, 4.2)."""
    return base64url(hashlib.sha256(verifier.encode()).digest())


def base64url(content: bytes) -> str:
    """Encodes as base64url, without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class Expected(msgspec.Struct, frozen=True):
    """What the browser must return with, and until when."""

    state: str
    redirect_uri: str
    purpose: Purpose
    expires: datetime
    account_id: str | None
    """The only account that is accepted; None for any."""

    @classmethod
    def of(cls, redirect_uri: str, purpose: Purpose, now: datetime, account_id: str | None) -> Self:
        """Makes the expectation of a new sign-in that starts now."""
        return cls(new_secret(), redirect_uri, purpose, now + SIGN_IN_LIFETIME, account_id)


class Returned(msgspec.Struct, frozen=True):
    """What the browser returned with. `fields` can hold an authorization code."""

    redirect_uri: str
    fields: dict[str, str]

    def __repr__(self) -> str:
        return f"Returned({self.redirect_uri!r}, {sorted(self.fields)})"

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parses the whole address. Raises StateMismatch for one that no sign-in returns to."""
        if len(url) > MAX_CALLBACK_CHARS:
            raise StateMismatch("", "the browser came back with too long an address")
        address, _, _ = url.partition("?")
        try:
            pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True, max_num_fields=MAX_CALLBACK_FIELDS)
        except ValueError:
            raise StateMismatch("", "the browser came back with an address that cannot be read") from None
        fields = dict(pairs)
        # RFC 6749, 3.1: no parameter twice. An attacker could add a second `state` in the hope that we read it.
        if len(fields) < len(pairs):
            raise StateMismatch("", "the browser came back with a parameter given twice")
        return cls(address, fields)

    def check(self, expected: Expected, now: datetime) -> None:
        """Checks that this belongs to that sign-in. Raises StateMismatch, SignInExpired."""
        state = self.fields.get("state", "")
        if not hmac.compare_digest(state.encode("utf-8", "replace"), expected.state.encode()):
            raise StateMismatch("", "the state is not that of this sign-in")
        if self.redirect_uri != expected.redirect_uri:
            raise StateMismatch("", "the browser came back to the address of another server's sign-ins")
        if now >= expected.expires:
            raise SignInExpired("", "the browser came back too late")

    def code(self, host: str) -> str:
        """Returns the authorization code. Raises RefusedByPerson, ServerMisbehaved."""
        error = self.fields.get("error")
        if error == "access_denied":
            raise RefusedByPerson(host, "the person refused")
        if error is not None:
            raise ServerMisbehaved(host, "the server ended the sign-in with an error")
        code = self.fields.get("code", "")
        if not 0 < len(code) <= MAX_CODE_CHARS:
            raise ServerMisbehaved(host, "the browser came back without a code")
        return code


@asynccontextmanager
async def within_time() -> AsyncIterator[None]:
    """Ends a step that asks several servers after STEP_TIMEOUT_S. Raises ServerUnreachable."""
    try:
        async with asyncio.timeout(STEP_TIMEOUT_S):
            yield
    except TimeoutError:
        raise ServerUnreachable("", "the servers take too long") from None
