"""WebFinger (RFC 7033): `resource=https://x.com/<handle>` answers where that person is now."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import Parameter

from directory.mappings import Network
from directory.queries import Query
from directory.ranking import Match
from web.services import Services
from web.targets import profile_url

JRD: Final = "application/jrd+json"
PROFILE_PAGE: Final = "http://webfinger.net/rel/profile-page"
STRENGTH: Final = "urn:passerelle:strength"


@get("/.well-known/webfinger", summary="WebFinger for X accounts")
async def webfinger(
    services: NamedDependency[Services],
    resource: Annotated[
        str, Parameter(description="`https://x.com/<handle>` or a twitter.com address.", max_length=2_048)
    ],
) -> Response[bytes]:
    """404 where nobody has said where this account is; disputed answers are left out."""
    match = await services.single_lookup.lookup(Query.parse(resource))
    document = descriptor(resource, match)
    if document is None:
        raise NotFoundException(detail="nobody has said where this account is")
    return Response(msgspec.json.encode(document), media_type=JRD)


def descriptor(resource: str, match: Match) -> dict[str, Any] | None:
    """The JSON resource descriptor (RFC 7033, section 4.4), or None where there is nothing to say."""
    sure = [answer.mapping for answer in match.answers if not answer.disputed]
    if not sure:
        return None
    aliases = [str(mapping.target_id) for mapping in sure]
    aliases += [f"acct:{m.target_handle}" for m in sure if m.network is Network.MASTODON]
    links: list[dict[str, Any]] = []
    for mapping in sure:
        properties = {STRENGTH: mapping.strength.label}
        url = profile_url(mapping.target_id)
        links.append({"rel": PROFILE_PAGE, "type": "text/html", "href": url, "properties": properties})
        if mapping.network is Network.MASTODON:
            actor = {"rel": "self", "type": "application/activity+json", "href": str(mapping.target_id)}
            links.append(actor)
    return {"subject": resource, "aliases": aliases, "links": links}
