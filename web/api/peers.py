"""Whom this instance hears, for everybody and for programs."""

from litestar import get
from litestar.di import NamedDependency

from web.api.answers import answers
from web.api.schema import PeerOut, PeersOut
from web.services import Services


@get("/peers", summary="Whom this instance hears", responses=answers(PeersOut, "The peers, by name."))
async def peers(services: NamedDependency[Services]) -> PeersOut:
    """Lists the instances whose mappings answer here, unless they or this one's operators would rather not be listed.
    Those that are suspended or frozen are not named."""
    return PeersOut(
        [
            PeerOut(each.origin, each.url, each.state, each.heard_at, each.freshness, each.mappings)
            for each in await services.heard.list_peers()
        ]
    )
