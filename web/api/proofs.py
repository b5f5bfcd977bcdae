"""A proof of one mapping to keep: for its subject, by a link that serves once."""

from typing import Annotated

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, Parameter

from federation.errors import LogEmpty, UnknownLeaf
from federation.tlog.proof import MEDIA_SUFFIX
from web.services import Services


@get("/api/v1/proof/{host:str}/log/{leaf:int}", include_in_schema=False)
async def proof(
    services: NamedDependency[Services],
    host: FromPath[str],
    leaf: FromPath[int],
    token: Annotated[str, Parameter(max_length=100)],
) -> Response[bytes]:
    """A `.tlog-proof` with salt and body. The token is made on the member's own pages, for one hour and one use."""
    try:
        published = await services.log.published()
        if published.origin != f"{host}/log" or not 0 <= leaf < published.size:
            raise NotFoundException
        content = await services.log.redeem_proof_link(leaf, token)
    except (UnknownLeaf, LogEmpty) as error:
        raise NotFoundException from error
    headers = {
        "cache-control": "no-store",
        "content-disposition": f'attachment; filename="passerelle-{leaf}{MEDIA_SUFFIX}"',
    }
    return Response(content, media_type="text/plain", headers=headers)
