"""Serves our own log (C2SP tlog-tiles), so that anyone can check what this instance publishes."""

import hashlib
from functools import partial
from typing import Any, Final

from litestar import HttpMethod, Request, Response, route
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from federation.errors import InvalidTile, LogEmpty
from federation.keys.fingerprints import to_words
from federation.keys.operations import Operations
from federation.tlog.text import encode_base64
from web.api.answers import check_spelling, json_answer
from web.api.schema import DescriptorOut, KeyOut
from web.conditions import has_already
from web.services import Services
from web.version import SOFTWARE, VERSION

CHECKPOINT_CACHE: Final = "public, max-age=1"
TILE_CACHE: Final = "public, max-age=31536000, immutable"
NOTE_TYPE: Final = "text/plain"
TILE_TYPE: Final = "application/octet-stream"
PROTOCOL_VERSION: Final = 1

_read = partial(route, http_method=[HttpMethod.GET, HttpMethod.HEAD], include_in_schema=False)


@_read("/log/checkpoint")
async def checkpoint(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[bytes | None]:
    """Serves the last published checkpoint, a signed note, with its cosignatures."""
    check_spelling(request, "/log/checkpoint")
    try:
        note = await services.log.checkpoint()
    except LogEmpty as error:
        raise NotFoundException from error
    return _validated(request, note, NOTE_TYPE, CHECKPOINT_CACHE)


@_read("/log/tile/{path:path}")
async def tile(
    request: Request[Any, Any, Any], services: NamedDependency[Services], path: FromPath[str]
) -> Response[bytes | None]:
    """Serves a tile or an entry bundle. What is published under a path never changes."""
    name = f"tile/{path.removeprefix('/')}"
    check_spelling(request, f"/log/{name}")
    try:
        data = await services.log.read_tile(name)
    except (InvalidTile, LogEmpty) as error:
        raise NotFoundException from error
    return _validated(request, data, TILE_TYPE, TILE_CACHE)


@_read("/log/operations/{number:int}")
async def operations(
    request: Request[Any, Any, Any], services: NamedDependency[Services], number: FromPath[int]
) -> Response[bytes | None]:
    """Serves a signed operations document by its number, counted from 0."""
    check_spelling(request, f"/log/operations/{number}")
    try:
        documents = await services.log.documents()
    except LogEmpty as error:
        raise NotFoundException from error
    if not 0 <= number < len(documents):
        raise NotFoundException
    return _validated(request, documents[number], NOTE_TYPE, TILE_CACHE)


@_read("/.well-known/passerelle")
async def descriptor(services: NamedDependency[Services]) -> Response[bytes]:
    """Describes this instance to its peers, and to operators who consider it as a peer."""
    try:
        documents = await services.log.documents()
    except LogEmpty as error:
        raise NotFoundException from error
    settings, said = services.settings, services.instance.now
    document = services.log.document_in_force(documents)
    return json_answer(
        DescriptorOut(
            v=PROTOCOL_VERSION,
            origin=document.origin,
            name=said.name,
            description=said.description,
            contact=said.contact,
            languages=list(said.languages),
            software=SOFTWARE,
            version=VERSION,
            url=settings.base_url,
            log=f"{settings.base_url}/log/",
            federation=f"{settings.base_url}/federation/v1/",
            rules=f"{settings.base_url}/about",
            operations=len(documents),
            keys=_keys_of(document),
        )
    )


def _keys_of(document: Operations) -> dict[str, KeyOut]:
    keys = {"log": document.log_key, "witness": document.witness_key}
    if document.next_key is not None:
        keys["next"] = document.next_key
    told = {
        name: KeyOut(str(key), key.fingerprint.hex(), to_words(key.fingerprint)) for name, key in keys.items()
    }
    peer = hashlib.sha256(document.peer_key).digest()
    return told | {"peer": KeyOut(encode_base64(document.peer_key), peer.hex(), to_words(peer))}


def _validated(
    request: Request[Any, Any, Any], data: bytes, media_type: str, cache: str
) -> Response[bytes | None]:
    """Answers with a strong validator (RFC 9110, section 8.8.3), or 304 where the reader has the data already."""
    etag = f'"{hashlib.blake2b(data, digest_size=12).hexdigest()}"'
    headers = {"etag": etag, "cache-control": cache}
    if has_already(request.scope["headers"], etag.encode()):
        return Response(None, status_code=304, headers=headers)
    return Response(data, media_type=media_type, headers=headers)
