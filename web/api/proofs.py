"""What third parties ask of one leaf of a log: whether it still holds, and its proof with a token of its
subject."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import Parameter, PathParameter

from directory.origin_names import LOG_SUFFIX, is_origin
from federation.errors import LogEmpty, UnknownLeaf
from federation.tlog.merkle import MAX_TREE_SIZE
from federation.tlog.proof import MEDIA_SUFFIX
from web.api.answers import answers, check_spelling, json_answer, problem
from web.api.schema import LiveOut
from web.services import Services

MAX_TOKEN_CHARS: Final = 100
PROOF_TYPE: Final = "text/plain"

Host = Annotated[str, PathParameter(description="The log's origin is `<host>/log`.", max_length=255)]
Leaf = Annotated[int, PathParameter(description="The place of the entry in that log, from 0.")]
Token = Annotated[
    str,
    Parameter(
        description="Out of a link that the subject has made on their own pages. It serves once, within an hour.",
        max_length=MAX_TOKEN_CHARS,
    ),
]


@get(
    "/live/{host:str}/log/{leaf:int}",
    summary="Whether what a leaf of a log said still holds",
    responses={
        **answers(LiveOut, "Whether it holds."),
        404: problem("A log that nothing is known of here, or a leaf that is not published."),
    },
)
async def live(
    request: Request[Any, Any, Any], services: NamedDependency[Services], host: Host, leaf: Leaf
) -> Response[bytes]:
    """Answers whether a leaf still holds: false from its withdrawal on, and after it has expired. It tells
    nothing else. Of another instance's log `true` is as far as this one has read it, and `false` may mean that it was not read
    yet, or does not answer here: that instance knows more."""
    check_spelling(request, f"/api/v1/live/{host}/log/{leaf}")
    origin = _origin_of(host, leaf)
    try:
        is_live = await services.log.is_live(origin, leaf)
    except UnknownLeaf as error:
        raise NotFoundException from error
    answer = json_answer(LiveOut(origin, leaf, is_live))
    answer.headers["cache-control"] = "no-cache"
    return answer


@get(
    "/proof/{host:str}/log/{leaf:int}",
    summary="A proof of what a leaf of this instance's log says",
    responses={
        **answers(str, "A `.tlog-proof` with salt and body.", media_type=PROOF_TYPE),
        404: problem("No such leaf, it was withdrawn, or the token is wrong, used or too old."),
    },
)
async def proof(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    host: Host,
    leaf: Leaf,
    token: Token,
) -> Response[bytes]:
    """Serves a proof to whoever has a token of its subject. `passerelle verify` checks the file without any
    network."""
    check_spelling(request, f"/api/v1/proof/{host}/log/{leaf}")
    origin = _origin_of(host, leaf)
    try:
        published = await services.log.published()
        if published.origin != origin:
            raise NotFoundException
        content = await services.log.redeem_proof_link(leaf, token)
    except (UnknownLeaf, LogEmpty) as error:
        raise NotFoundException from error
    headers = {
        "cache-control": "no-store",
        "content-disposition": f'attachment; filename="passerelle-{leaf}{MEDIA_SUFFIX}"',
    }
    return Response(content, media_type=PROOF_TYPE, headers=headers)


def _origin_of(host: str, leaf: int) -> str:
    """Returns the origin of the log at `host`. Refuses a host or a leaf that no log can have."""
    origin = host + LOG_SUFFIX
    if not is_origin(origin) or not 0 <= leaf < MAX_TREE_SIZE:
        raise NotFoundException
    return origin
