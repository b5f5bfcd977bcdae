"""WebFinger (RFC 7033): `resource=https://x.com/<handle>` answers where that person is now."""

from typing import Annotated, Final

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import Parameter

from directory.mappings import Network
from directory.profile_pages import profile_url
from directory.queries import Query
from directory.ranking import Match
from web.api.answers import answers, problem
from web.errors import NobodySaid
from web.middleware.caching import A_MINUTE_BETWEEN
from web.services import Services

JRD: Final = "application/jrd+json"
PROFILE_PAGE: Final = "http://webfinger.net/rel/profile-page"
STRENGTH: Final = "urn:passerelle:strength"


class Link(msgspec.Struct, frozen=True, omit_defaults=True):
    """One place where that person is."""

    rel: str
    type: str
    href: str
    properties: dict[str, str] = {}


class Descriptor(msgspec.Struct, frozen=True):
    """A JSON resource descriptor (RFC 7033, section 4.4)."""

    subject: str
    aliases: list[str]
    links: list[Link]


@get(
    "/.well-known/webfinger",
    summary="WebFinger for X accounts",
    responses=answers(Descriptor, "Where that person is now.", media_type=JRD)
    | {404: problem("Nobody has said where this account is.")},
)
async def webfinger(
    services: NamedDependency[Services],
    resource: Annotated[
        str, Parameter(description="`https://x.com/<handle>` or a twitter.com address.", max_length=2_048)
    ],
) -> Response[bytes]:
    """Answers 404 where nobody has published where this account is; disputed answers are left out."""
    match = await services.single_lookup.lookup(Query.parse(resource))
    document = descriptor(resource, match)
    if document is None:
        raise NobodySaid
    return Response(msgspec.json.encode(document), media_type=JRD, headers=A_MINUTE_BETWEEN)


def descriptor(resource: str, match: Match) -> Descriptor | None:
    """Returns the descriptor of the answers, or None where none is left."""
    sure = [answer.mapping for answer in match.answers if not answer.disputed]
    if not sure:
        return None
    aliases = [str(mapping.target_id) for mapping in sure]
    aliases += [f"acct:{m.target_handle}" for m in sure if m.network is Network.MASTODON]
    links: list[Link] = []
    for mapping in sure:
        properties = {STRENGTH: mapping.strength.label}
        links.append(Link(PROFILE_PAGE, "text/html", profile_url(mapping.target_id), properties))
        if mapping.network is Network.MASTODON:
            links.append(Link("self", "application/activity+json", str(mapping.target_id)))
    return Descriptor(resource, aliases, links)
