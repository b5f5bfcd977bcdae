"""The proof of a publication, as a file to keep or to show to somebody."""

from uuid import UUID

from litestar import post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect

from directory.members.errors import UnknownPublication
from federation.errors import LogEmpty
from web.auth.member_context import NO_STORE, MemberContext
from web.auth.read_only import GOES_ON
from web.auth.signed_in import Asked


@post(
    "/account/publications/{publication_id:uuid}/proof", status_code=303, include_in_schema=False, opt=GOES_ON
)
async def proof_file(
    publication_id: FromPath[UUID], context: NamedDependency[MemberContext], asked: NamedDependency[Asked]
) -> Redirect:
    """Redirects to the file by a link that is made now and works once. A publication that is not the member's own is not found."""
    log = context.services.log
    try:
        leaf = await context.members.publishing.leaf_of(asked.member, publication_id)
        token = await log.create_proof_link(leaf)
        origin = (await log.published()).origin
    except (UnknownPublication, LogEmpty) as error:
        raise NotFoundException from error
    return Redirect(f"/api/v1/proof/{origin}/{leaf}?token={token}", status_code=303, headers=dict(NO_STORE))
