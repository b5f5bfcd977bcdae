"""How three families of servers answer to follows, each line with where it was seen.

GoToSocial `57cb4fe` and Takahē 0.11 `d45f22c` were run; what is said of Mastodon is from its documentation, and marked.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from tests.harness.fake_mastodon.internet import Response

_RATE_LIMITED: Final = Response.json({"error": "rate limit reached"}, 429)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavour:
    """One family of servers."""

    name: str
    # Whether `acct` of the server's own accounts is bare.
    own_is_bare: bool = True
    # Whether accounts have their actor URI.
    tells_uri: bool = False
    actor: str = "https://{host}/users/{user}"
    # Whether a search wants the leading @, and a lookup refuses it.
    search_wants_at: bool = False
    lookup_refuses_at: bool = False
    # Whether a search gives at most as many as were asked for.
    heeds_limit: bool = True
    # Scopes of which each has to be granted, by call.
    wants: dict[str, frozenset[str]] = field(default_factory=dict)
    not_found: Response
    no_token: Response
    no_scope: Response
    # A search for an account at a host that is silent, after some 10 s.
    silent: Response
    # A follow of an account that blocks the member; None: 200, and nothing comes of it.
    blocked: Response | None
    itself: Response
    own_moved: Response
    # How long nothing is to be seen of a follow; how long one of a remote account is requested.
    shown_after: timedelta = timedelta(0)
    remote_after: timedelta = timedelta(0)
    # Whether an unknown id spoils the whole answer about relationships.
    unknown_id_spoils: bool = False
    # Whether the list of those who are followed holds requests.
    lists_requests: bool = False
    # Whether the last page names another one.
    always_next: bool = False
    # Requests in five minutes, the refusal of one more, and follows in a day.
    requests: int | None = None
    refusal: Response = _RATE_LIMITED
    follows_a_day: int | None = None
    is_seen_moving: bool = True


_READS: Final = frozenset({"read", "read:accounts"})
_FOLLOWS: Final = frozenset({"write", "write:follows"})

GOTOSOCIAL: Final = Flavour(
    name="gotosocial",
    # As seen: no uri in accounts; accounts/search wants the leading @
    search_wants_at=True,
    # As seen: read accounts verify, lookup, accounts/search, relationships, following
    wants={"read": _READS, "relationships": _READS, "follow": _FOLLOWS},
    # As seen: a remote account that was never seen → 404
    not_found=Response.json({"error": "Not Found: target account not found"}, 404),
    # As seen: API with a revoked or garbage token
    no_token=Response.json({"error": "Unauthorized: token not supplied"}, 401),
    # As seen: too little scope
    no_scope=Response.json({"error": "Forbidden: token has insufficient scope permission"}, 403),
    # As seen: A host that accepts and is silent 200 an empty list after 10.0 s
    silent=Response.json([]),
    # As seen: they block me - also remote 404, same body
    blocked=Response.json({"error": "Not Found: target account not found"}, 404),
    # As seen: self 406
    itself=Response.json({"error": "Not Acceptable"}, 406),
    # As seen: I moved 403
    own_moved=Response.json(
        {
            "error": "your account has Moved or is currently Moving; you cannot take create or update type actions"
        },
        403,
    ),
    # As seen: open, remote 200 requested true; following true 4–6 s later
    remote_after=timedelta(seconds=5),
    # As seen: GoToSocial gives a next even on the last page
    always_next=True,
    # As seen: 300 requests / 5 min for an IP address; 429 rate limit reached, no Retry-After
    requests=300,
)
TAKAHE: Final = Flavour(
    name="takahe",
    # As seen: Own accounts acct bob@own.host in lookup and search; the actor https //host/@bob@host/
    own_is_bare=False,
    actor="https://{host}/@{user}@{host}/",
    # As seen: lookup?acct @bob@host → 404 HTML; limit is ignored
    lookup_refuses_at=True,
    heeds_limit=False,
    # As seen: read accounts not verify_credentials, search, relationships 403; read write follows all
    wants={"read": frozenset({"read"}), "relationships": frozenset({"read"}), "follow": _FOLLOWS},
    # As seen: error pages HTML for 404 and 500
    not_found=Response.html("<h1>Not Found</h1>", 404),
    # As seen: 400 Invalid Bearer token - plain text, labelled text/html
    no_token=Response.html("Invalid Bearer token", 400),
    # As seen: 403 out_of_scope_for_token
    no_scope=Response.json({"error": "out_of_scope_for_token"}, 403),
    # As seen: Silent host 500 Internal Server Error after 10.1 s
    silent=Response.html("Internal Server Error", 500),
    # As seen: they block me 200, both false for good
    blocked=None,
    # As seen: self 500 HTML
    itself=Response.html("<h1>Server Error</h1>", 500),
    own_moved=Response.html("<h1>Server Error</h1>", 500),
    # As seen: 200 both false; following true 1–2 s later; remote requested 1 s → following 2 s
    shown_after=timedelta(seconds=1),
    remote_after=timedelta(seconds=2),
    # As seen: Takahē answers 404 HTML for the whole request
    unknown_id_spoils=True,
    # As seen: Takahē's list holds pending follows
    lists_requests=True,
    # As seen: Takahē showed moved null for an account moved on GoToSocial
    is_seen_moving=False,
)
# https://docs.joinmastodon.org/methods/accounts/, /entities/Account/, /api/rate-limits/; none of it was run.
MASTODON: Final = Flavour(
    name="mastodon",
    # Account#uri, since 4.2
    tells_uri=True,
    wants={"read": _READS, "relationships": frozenset({"read", "read:follows"}), "follow": _FOLLOWS},
    not_found=Response.json({"error": "Record not found"}, 404),
    no_token=Response.json({"error": "The access token is invalid"}, 401),
    no_scope=Response.json({"error": "This action is outside the authorized scopes"}, 403),
    silent=Response.json([]),
    # accounts/#follow: "403: This action is not allowed"
    blocked=Response.json({"error": "This action is not allowed"}, 403),
    itself=Response.json({"error": "This action is not allowed"}, 403),
    own_moved=Response.json({"error": "This action is not allowed"}, 403),
    # rate-limits: "300 within 5 minutes", of a token; follows: 400 in 24 hours, as in facts/networks.md
    requests=300,
    refusal=Response.json({"error": "Too many requests"}, 429),
    follows_a_day=400,
)
ALL: Final = (GOTOSOCIAL, TAKAHE, MASTODON)
