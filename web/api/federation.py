"""Answers peers: who asks to follow, the bodies of our log, and what is held of theirs (docs/protocol.md, section 16)."""

from typing import Any, Final

from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from federation.errors import InvalidTile, LogEmpty
from federation.keys.evidence import MAX_EVIDENCE_BYTES
from federation.peers.budget import EVIDENCE_AN_HOUR, Asked, statements_an_hour
from federation.protocol.body_wire import encode_answers
from federation.protocol.peer import Peer
from federation.protocol.peering_wire import MAX_PEERING_BYTES, PeeringAnswer, State, encode_peering
from federation.tlog.tiles import TILE_WIDTH, Bundle, parse_path
from federation.witness.delivering import EVIDENCE_PATH
from web.api.answers import check_spelling
from web.api.signed_requests import StrangerLimit, any_peer, approved_peer, as_signed, require_peers
from web.services import Services

PREFIX: Final = "/federation/v1"
CONTENT_TYPE: Final = "application/octet-stream"
NOT_KEPT: Final = {"cache-control": "no-store"}
CREATED: Final = 201
ACCEPTED: Final = 202


@post("/peering")
async def peering(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    stranger_limit: NamedDependency[StrangerLimit],
) -> Response[bytes]:
    """Receives that another instance wishes to follow this one, or to follow it no more."""
    check_spelling(request, f"{PREFIX}/peering")
    asking = require_peers(services).asking

    async def receive() -> State:
        signed = await as_signed(request, services)
        return await asking.receive(signed, lambda: stranger_limit.take(request))

    state = await stranger_limit.counted(request, receive())
    status = ACCEPTED if state is State.WAITING else 200
    content = encode_peering(PeeringAnswer(state))
    return Response(content, status_code=status, media_type=MediaType.JSON, headers=NOT_KEPT)


@get("/statements/{path:path}", dependencies={"peer": Provide(approved_peer)})
async def statements(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    peer: NamedDependency[Peer],
    path: FromPath[str],
) -> Response[bytes]:
    """Serves the salts and bodies of a bundle of our log to an approved peer."""
    peers, bundle = require_peers(services), _bundle(request, "statements", path)
    try:
        size = (await services.log.published()).size
    except LogEmpty as error:
        raise NotFoundException from error
    peers.budget.take(peer.origin, Asked.STATEMENTS, statements_an_hour(size // TILE_WIDTH))
    if bundle.start + bundle.width > size:
        raise NotFoundException
    return _bytes(encode_answers(await peers.bodies.read(bundle)))


@get("/own/checkpoint", dependencies={"peer": Provide(any_peer)})
async def own_checkpoint(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    peer: NamedDependency[Peer],
) -> Response[bytes]:
    """Serves a peer the checkpoint of its own log that was believed here last."""
    check_spelling(request, f"{PREFIX}/own/checkpoint")
    await _take_own(services, peer)
    return _found(await require_peers(services).copies.read_checkpoint(peer.origin))


@get("/own/entries/{path:path}", dependencies={"peer": Provide(any_peer)})
async def own_entries(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    peer: NamedDependency[Peer],
    path: FromPath[str],
) -> Response[bytes]:
    """Serves a peer the entries that are held here of its own log."""
    bundle = _bundle(request, "own/entries", path)
    await _take_own(services, peer)
    return _found(await require_peers(services).copies.read_entries(peer.origin, bundle))


@get("/own/statements/{path:path}", dependencies={"peer": Provide(any_peer)})
async def own_statements(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    peer: NamedDependency[Peer],
    path: FromPath[str],
) -> Response[bytes]:
    """Serves a peer the salts and bodies that are held here of its own log."""
    bundle = _bundle(request, "own/statements", path)
    await _take_own(services, peer)
    answers = await require_peers(services).copies.read_answers(peer.origin, bundle)
    return _found(None if answers is None else encode_answers(answers))


@get("/own/documents/{number:int}", dependencies={"peer": Provide(any_peer)})
async def own_document(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    peer: NamedDependency[Peer],
    number: FromPath[int],
) -> Response[bytes]:
    """Serves a peer an operations document that is held here of its own log."""
    check_spelling(request, f"{PREFIX}/own/documents/{number}")
    await _take_own(services, peer)
    return _found(await require_peers(services).copies.read_document(peer.origin, number))


@post("/evidence", dependencies={"peer": Provide(any_peer)}, request_max_body_size=MAX_EVIDENCE_BYTES)
async def evidence(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    peer: NamedDependency[Peer],
) -> Response[bytes]:
    """Takes evidence that a log has forked, which is verified here."""
    check_spelling(request, EVIDENCE_PATH)
    peers = require_peers(services)
    peers.budget.take(peer.origin, Asked.EVIDENCE, EVIDENCE_AN_HOUR)
    is_new = await peers.evidence.receive_evidence(peer.origin, await request.body())
    return Response(b"", status_code=CREATED if is_new else 200, headers=NOT_KEPT)


def federation_router() -> Router:
    """Returns the routes of peers."""
    return Router(
        PREFIX,
        route_handlers=[
            peering,
            statements,
            own_checkpoint,
            own_entries,
            own_statements,
            own_document,
            evidence,
        ],
        request_max_body_size=MAX_PEERING_BYTES,
        include_in_schema=False,
    )


def _bundle(request: Request[Any, Any, Any], room: str, path: str) -> Bundle:
    name = path.removeprefix("/")
    check_spelling(request, f"{PREFIX}/{room}/{name}")
    try:
        bundle = parse_path(f"tile/entries/{name}")
    except InvalidTile as error:
        raise NotFoundException from error
    if not isinstance(bundle, Bundle):
        raise NotFoundException
    return bundle


async def _take_own(services: Services, peer: Peer) -> None:
    peers = require_peers(services)
    bundles = await peers.copies.count_bundles(peer.origin)
    peers.budget.take(peer.origin, Asked.OWN, statements_an_hour(bundles))


def _found(content: bytes | None) -> Response[bytes]:
    if content is None:
        raise NotFoundException
    return _bytes(content)


def _bytes(content: bytes) -> Response[bytes]:
    return Response(content, media_type=CONTENT_TYPE, headers=NOT_KEPT)
