"""The public look-ups: where an X account is now, and which X accounts map to an account."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import Parameter

from directory.networks.callers import current_caller
from directory.pasted.target_account import parse_target_account
from directory.queries import Query
from web.api.answers import PiecesResponse, answers, json_answer, problem
from web.api.bodies import MAX_MATCH_BODY_BYTES, read_json_bytes
from web.api.gone import until_gone
from web.api.pairs import read_pairs
from web.api.schema import (
    MAX_API_PAIRS,
    LookupOut,
    MatchOut,
    ReverseOut,
    answer_out,
    lookup_out,
)
from web.api.written import write_answer
from web.middleware.caching import A_MINUTE_BETWEEN
from web.middleware.rate_limit import Allowance, ClientKeys, RateLimiter
from web.services import Services


def lookup_route(services: Services) -> HTTPRouteHandler:
    """Makes `GET /lookup`. It holds the services: injecting them at each request would cost as much as the
    lookup."""

    @get(
        "/lookup",
        summary="Where one X account is now",
        responses=answers(LookupOut, "The answers, maybe none."),
    )
    async def lookup(
        x: Annotated[
            str,
            Parameter(
                description="`@name`, an id, or any address of a profile on X, however it was copied.",
                max_length=2_048,
            ),
        ],
    ) -> Response[bytes]:
        """An empty `answers` means that nobody has said yet where this account is."""
        found = await services.single_lookup.lookup(Query.parse(x))
        return json_answer(lookup_out(found), A_MINUTE_BETWEEN)

    return lookup


_NAME_OR_NULL = [Schema(type=OpenAPIType.STRING), Schema(type=OpenAPIType.NULL)]
_PAIRS = Schema(
    type=OpenAPIType.ARRAY,
    max_items=MAX_API_PAIRS,
    description="People, each `[id, handle]` or `[id, handle, seen]`; id or handle may be null, not both. `seen` is"
    " the day on which the account had the handle, `YYYY-MM-DD`: X gives handles to others, so a handle beside an id"
    " is never followed by itself without it. A handle alone, without a day, counts as typed today. A day before"
    " 2006-03-21 or after today counts as unknown.",
    items=Schema(type=OpenAPIType.ARRAY, min_items=2, max_items=3, items=Schema(one_of=_NAME_OR_NULL)),
    examples=[[["783214", "name", "2026-05-31"], [None, "other"]]],
)


@dataclass
class MatchOperation(Operation):
    """Describes the body of `match` to OpenAPI. The body is read by hand, since its limits go beyond a type."""

    def __post_init__(self) -> None:
        body = Schema(
            type=OpenAPIType.OBJECT,
            properties={"pairs": _PAIRS},
            required=["pairs"],
            additional_properties=False,
        )
        self.request_body = RequestBody(
            content={"application/json": OpenAPIMediaType(schema=body)}, required=True
        )


@post(
    "/match",
    operation_class=MatchOperation,
    status_code=200,
    summary="Where up to 10,000 X accounts are now",
    request_max_body_size=MAX_MATCH_BODY_BYTES,
    responses=answers(MatchOut, "Those who were found.")
    | {413: problem("The body is too large."), 415: problem("The body is not JSON.")},
)
async def match(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    pair_limiter: NamedDependency[RateLimiter],
    client_keys: NamedDependency[ClientKeys],
) -> PiecesResponse:
    """Takes a `MatchIn`. Nothing of it is kept."""
    body = await read_json_bytes(request)
    key = client_keys.key_of(request.scope)
    limit = partial(pair_limiter.take, key)
    pieces = await until_gone(request, match_in_place(services, body, limit))
    return PiecesResponse(pieces, services.held_answers, current_caller().network)


async def match_in_place(services: Services, body: bytes, limit: Callable[[int], Allowance]) -> list[bytes]:
    """Reads and matches a list, all in one place: only those who have one ask for turns, and callers have places in turn."""
    async with services.large_matches:
        asked = await read_pairs(body)
        limit(len(asked)).check()
        return await write_answer(services.lists, asked)


@get(
    "/reverse",
    summary="Which X account an account belongs to",
    responses=answers(ReverseOut, "The X accounts, mostly one."),
)
async def reverse(
    services: NamedDependency[Services],
    account: Annotated[
        str,
        Parameter(
            description="A DID, a handle, `user@host`, or the address of a profile, however it was copied. Where only its"
            " server knows whose page it is, it is asked.",
            max_length=2_048,
        ),
    ],
) -> Response[bytes]:
    """Answers only with X accounts whose lookup leads back to this account."""
    target = parse_target_account(account)
    found = await services.reversing.reverse(target)
    return json_answer(ReverseOut(str(target), [answer_out(answer) for answer in found]), A_MINUTE_BETWEEN)
