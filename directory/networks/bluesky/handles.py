"""Resolves a handle to a DID: https://atproto.com/specs/handle#handle-resolution.

The result is not trusted alone: the DID document has to name the handle too (`identity`).
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import urlencode

import msgspec

from directory.errors import InvalidIdentifier
from directory.failures import hide_name
from directory.identifiers import MAX_HOST_CHARS, AtHandle, Did
from directory.networks.bluesky.txt import LookUpTxt
from directory.networks.errors import Busy, NetworkError, Unreachable
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.networks.sign_in_errors import (
    AccountNotFound,
    OurselvesBusy,
    ServerUnreachable,
    SignInError,
    is_temporary,
)

_PREFIX: Final = "did="
MAX_REDIRECTS: Final = 3
WELL_KNOWN_LIMITS: Final = Limits(total_s=10.0, max_body_bytes=4_096)
RESOLVE_LIMITS: Final = Limits(total_s=10.0, max_body_bytes=64 * 1024)


class _Resolved(msgspec.Struct):
    did: str


# Returns the DIDs that one source knows for a handle: usually one or none. Raises OSError where the
# source cannot be asked, and Busy where we ask nobody at the moment.
Source = Callable[[AtHandle], Awaitable[Sequence[Did]]]


class HandleResolver:
    """Asks its sources in turn; the first that knows the handle decides."""

    def __init__(self, *sources: Source) -> None:
        self._sources = sources

    async def resolve(self, handle: AtHandle) -> Did:
        """Resolves a handle. Raises AccountNotFound, and where no source knows it ServerUnreachable if one did not
        answer, or OurselvesBusy if one was not asked."""
        hide_name(str(handle))
        silent: SignInError | None = None
        for source in self._sources:
            try:
                found = set(await source(handle))
            except Busy as error:
                silent = OurselvesBusy("", error.why)
                continue
            except OSError:
                silent = silent or ServerUnreachable("", "nobody could say where the handle leads")
                continue
            if len(found) > 1:
                raise AccountNotFound("", "the handle leads to several accounts")
            if found:
                return found.pop()
        if silent is not None:
            raise silent
        raise AccountNotFound("", "the handle leads to no account")


def dns_source(look_up_txt: LookUpTxt) -> Source:
    """Makes the source that reads the TXT record `_atproto.<handle>` with the text `did=<did>`."""

    async def source(handle: AtHandle) -> Sequence[Did]:
        name = f"_atproto.{handle}"
        texts = await look_up_txt(name) if len(name) <= MAX_HOST_CHARS else []
        return _dids(text.removeprefix(_PREFIX) for text in texts if text.startswith(_PREFIX))

    return source


def well_known_source(http: GuardedClient) -> Source:
    """Makes the source that reads `https://<handle>/.well-known/atproto-did`, which holds the DID and nothing else."""

    async def source(handle: AtHandle) -> Sequence[Did]:
        url = f"https://{handle}/.well-known/atproto-did"
        answer = await _asked(http, url, WELL_KNOWN_LIMITS, MAX_REDIRECTS)
        return _dids([answer.decode("ascii", "replace").strip()]) if answer is not None else []

    return source


def service_source(http: GuardedClient, service_url: str) -> Source:
    """Makes the source that asks com.atproto.identity.resolveHandle of a server that the operator chose."""

    async def source(handle: AtHandle) -> Sequence[Did]:
        query = urlencode({"handle": str(handle)})
        url = f"{service_url.rstrip('/')}/xrpc/com.atproto.identity.resolveHandle?{query}"
        answer = await _asked(http, url, RESOLVE_LIMITS, 0)
        if answer is None:
            return []
        try:
            return _dids([msgspec.json.decode(answer, type=_Resolved).did])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return []

    return source


async def _asked(http: GuardedClient, url: str, limits: Limits, redirects: int) -> bytes | None:
    """Fetches the body of an answer. Returns None where the server has none, or may not be asked. Raises OSError where
    it does not answer or is busy, and Busy where we are."""
    try:
        answer = await http.get(url, limits=limits, redirects=redirects)
        if is_temporary(answer.status):
            raise OSError("the server is busy")
        return answer.expect(200).body
    except Busy:
        raise
    except Unreachable as error:
        raise OSError(error.why) from error
    except NetworkError:
        return None


def _dids(texts: Iterable[str]) -> list[Did]:
    found = []
    for text in texts:
        with suppress(InvalidIdentifier):
            found.append(Did.parse(text))
    return found
