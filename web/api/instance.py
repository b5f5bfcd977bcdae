"""What an instance says of itself: counts, who runs it, NodeInfo, health."""

from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.enums import MediaType

from directory.answer_times import ANSWER_TIMEOUT_S, answer_within
from directory.queries import MAX_MATCH_PAIRS
from federation.keys.instance import log_origin
from web.api.answers import answers
from web.api.schema import MAX_API_PAIRS, InstanceOut, StatisticsOut
from web.services import Services
from web.version import SOFTWARE, VERSION


@get("/stats", summary="How many people are here", responses=answers(StatisticsOut, "Counts."))
async def stats(services: NamedDependency[Services]) -> StatisticsOut:
    """Answers with the last counts, and when they were made: some minutes ago, or longer where there are many to count."""
    now = await services.statistics.current()
    return StatisticsOut(
        now.people, now.mappings, now.by_network, now.by_strength, now.origins, now.counted_at
    )


@get(
    "/instance",
    summary="Who runs this instance, and its limits",
    responses=answers(InstanceOut, "The instance."),
)
async def instance(services: NamedDependency[Services]) -> InstanceOut:
    """Describes the instance."""
    settings, now = services.settings, services.instance.now
    return InstanceOut(
        name=now.name,
        description=now.description,
        url=settings.base_url,
        contact=now.contact,
        rules=now.rules,
        languages=list(now.languages),
        registration=now.registration,
        read_only=now.read_only,
        software=SOFTWARE,
        version=VERSION,
        limits={
            "match_pairs": MAX_API_PAIRS,
            "archive_people": MAX_MATCH_PAIRS,
            "requests_per_minute": settings.rate_lookups_per_minute,
            "pairs_per_minute": settings.rate_pairs_per_minute,
        },
    )


NODEINFO_SCHEMA: Final = "http://nodeinfo.diaspora.software/ns/schema/2.1"


@get("/.well-known/nodeinfo", include_in_schema=False)
async def nodeinfo_links(services: NamedDependency[Services]) -> dict[str, list[dict[str, str]]]:
    """Answers with NodeInfo's discovery document."""
    return {"links": [{"rel": NODEINFO_SCHEMA, "href": f"{services.settings.base_url}/nodeinfo/2.1"}]}


@get("/nodeinfo/2.1", include_in_schema=False)
async def nodeinfo(services: NamedDependency[Services]) -> Response[bytes]:
    """Answers with NodeInfo 2.1. We speak none of the protocols it knows."""
    now, said = await services.statistics.current(), services.instance.now
    document: dict[str, Any] = {
        "version": "2.1",
        "software": {"name": SOFTWARE, "version": VERSION},
        "protocols": [],
        "services": {"inbound": [], "outbound": []},
        "openRegistrations": said.takes_members,
        "usage": {"users": {}},
        "metadata": {
            "nodeName": said.name,
            "nodeDescription": said.description,
            "people": now.people,
            "mappings": now.mappings,
        },
    }
    return Response(
        msgspec.json.encode(document),
        media_type=f'application/json; profile="{NODEINFO_SCHEMA}#"',
    )


@get("/healthz", include_in_schema=False, media_type=MediaType.TEXT)
async def healthz() -> str:
    """Answers while the process runs."""
    return "ok\n"


@get("/readyz", include_in_schema=False, media_type=MediaType.TEXT)
async def readyz(services: NamedDependency[Services]) -> str:
    """Answers while the database answers too; 503 where it does not. Says whether publishing waits: lookups go on
    meanwhile, so it stays 200. Why it waits is for the operator alone."""
    waits = await answer_within(ANSWER_TIMEOUT_S, _publishing_waits(services))
    return "ready\npublishing waits\n" if waits else "ready\n"


async def _publishing_waits(services: Services) -> bool:
    await services.health.is_reachable()
    return await services.log.find_doubt(log_origin(services.settings)) is not None
