"""Resolves DID documents, which name an account's server and handle: https://atproto.com/specs/did."""

from datetime import datetime
from typing import Final
from urllib.parse import quote

import msgspec

from directory.errors import InvalidIdentifier
from directory.failures import hide_name
from directory.identifiers import AtHandle, Did
from directory.networks.bluesky.origins import parse_origin
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.networks.sign_in_errors import AccountNotFound, ServerMisbehaved, network_errors

PLC_DIRECTORY: Final = "https://plc.directory"
DOCUMENT_LIMITS: Final = Limits(total_s=15.0, max_body_bytes=64 * 1024)
LOG_LIMITS: Final = Limits(total_s=15.0, max_body_bytes=2 * 1024 * 1024)
_HANDLE_PREFIX: Final = "at://"
_PDS_TYPE: Final = "AtprotoPersonalDataServer"
# A directory answers 410 for an account that was deleted.
_GONE: Final = frozenset({404, 410})


class DidDocument(msgspec.Struct, frozen=True):
    """The parts of a DID document that we use. `handle` is a claim until it is found to lead back to `did`."""

    did: Did
    handle: AtHandle | None
    pds: str
    """The origin of the account's server."""
    names: frozenset[str] = frozenset()
    """All that the document says the account is known as, unchecked."""


class _Service(msgspec.Struct):
    id: str = ""
    type: object = None
    serviceEndpoint: object = None


class _Document(msgspec.Struct):
    id: str
    alsoKnownAs: list[object] = []
    service: list[_Service] = []


class _Operation(msgspec.Struct):
    alsoKnownAs: list[object] = []
    handle: str | None = None
    """Of the directory's first format."""


class _Logged(msgspec.Struct):
    operation: _Operation
    createdAt: datetime
    nullified: bool = False


class DidResolver:
    """Fetches documents from the PLC directory and from the hosts of did:web, and former handles from the directory."""

    def __init__(
        self, http: GuardedClient, *, plc_url: str = PLC_DIRECTORY, allow_loopback: bool = False
    ) -> None:
        self._http = http
        self._plc_url = plc_url.rstrip("/")
        self._allow_loopback = allow_loopback

    async def resolve(self, did: Did) -> DidDocument:
        """Fetches the document of a DID.

        Raises AccountNotFound, ServerUnreachable, ServerNotAllowed, ServerMisbehaved.
        """
        url = self._url(did)
        with network_errors():
            answer = await self._http.get(url, limits=DOCUMENT_LIMITS)
            if answer.status in _GONE:
                raise AccountNotFound(answer.host, "there is no such account, or no more")
            document = answer.expect(200).parse(_Document)
        return parse_document(did, document, answer.host, allow_loopback=self._allow_loopback)

    async def handle_at(self, did: Did, at: datetime) -> AtHandle | None:
        """Finds the handle that an account claimed at a time, by the log of the PLC directory. Returns None where it claimed
        none, and for did:web, of which there is no log.

        https://web.plc.directory/spec/v0.1/did-plc. Raises as `resolve`.
        """
        if did.value.startswith("did:web:"):
            return None
        with network_errors():
            answer = await self._http.get(f"{self._url(did)}/log/audit", limits=LOG_LIMITS)
            if answer.status in _GONE:
                raise AccountNotFound(answer.host, "there is no such account, or no more")
            log = answer.expect(200).parse(list[_Logged])
        before = [each for each in log if not each.nullified and each.createdAt <= at]
        if not before:
            return None
        then = max(before, key=lambda each: each.createdAt).operation
        return _claimed_handle([f"{_HANDLE_PREFIX}{then.handle}"] if then.handle else then.alsoKnownAs)

    def _url(self, did: Did) -> str:
        if did.value.startswith("did:web:"):
            host = did.value.removeprefix("did:web:")
            hide_name(host)
            return f"https://{host}/.well-known/did.json"
        return f"{self._plc_url}/{quote(did.value, safe=':')}"


def parse_document(did: Did, document: _Document, host: str, *, allow_loopback: bool) -> DidDocument:
    """Parses a document. Raises ServerMisbehaved for one of another DID, AccountNotFound for one without a server."""
    if document.id != did.value:
        raise ServerMisbehaved(host, "answered with the document of another account")
    endpoints = [
        service.serviceEndpoint
        for service in document.service
        if service.id in {"#atproto_pds", f"{did}#atproto_pds"} and service.type == _PDS_TYPE
    ]
    if not endpoints:
        raise AccountNotFound(host, "the account has no server")
    pds = parse_origin(endpoints[0], allow_loopback=allow_loopback)
    names = frozenset(name for name in document.alsoKnownAs if isinstance(name, str))
    return DidDocument(did, _claimed_handle(document.alsoKnownAs), pds, names)


def _claimed_handle(names: list[object]) -> AtHandle | None:
    """Returns the first handle that is named, the only one that counts by the specification. None where it is none."""
    claimed = next(
        (name for name in names if isinstance(name, str) and name.startswith(_HANDLE_PREFIX)), None
    )
    if claimed is None:
        return None
    try:
        return AtHandle.parse(claimed.removeprefix(_HANDLE_PREFIX))
    except InvalidIdentifier:
        return None
