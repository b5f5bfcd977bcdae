"""Every address and every command of Passerelle, and which of them are doors of the tables of cases."""

from typing import Final

ACCOUNTS_AT: Final[dict[str, set[str]]] = {
    "/search": {"box"},
    "/whose": {"whose"},
    "/x/{handle:str}": {"person"},
    "/m/{handle:str}": {"person"},
    "/results": {"names"},
    "/account/follow": {"names"},
    "/account/list": {"names"},
    "/account/prove": {"proof"},
    "/account/prove/links": {"links"},
    "/sign-in": {"sign-in", "mastodon"},
    "/api/v1/lookup": {"lookup"},
    "/api/v1/match": {"match"},
    "/api/v1/reverse": {"reverse"},
    "/.well-known/webfinger": {"webfinger"},
    "passerelle lookup": {"command"},
    "passerelle hides add": {"hides"},
    "passerelle proofs confirm": {"confirm"},
}
"""What takes the name of an account, each with its doors of `accounts.jsonl`."""

ARCHIVES_AT: Final[dict[str, str]] = {
    "/": "browser",
    "/results": "form",
    "/account/follow": "members",
    "/account/list": "members",
    "passerelle match": "match",
}
"""What takes an archive, each with its door of `archives.jsonl`. Without script all pages send it as a form."""

TAKES_NEITHER: Final = frozenset(
    [
        "/.well-known/nodeinfo",
        "/.well-known/passerelle",
        "/about",
        "/api",
        "/api/docs",
        "/api/openapi.json",
        "/api/{path:str}",
        "/healthz",
        "/left-x",
        "/metrics",
        "/nodeinfo/2.1",
        "/notice",
        "/privacy",
        "/readyz",
        "/static/{file_path:path}",
        "/stop/{code:str}",
        "/terms",
        "/x/i/{number:str}",
        "/api/v1/instance",
        "/api/v1/peers",
        "/api/v1/stats",
        "/api/v1/live/{host:str}/log/{leaf:int}",
        "/api/v1/proof/{host:str}/log/{leaf:int}",
        "/log/checkpoint",
        "/log/operations/{number:int}",
        "/log/tile/{path:path}",
        "/federation/v1/add-checkpoint",
        "/federation/v1/evidence",
        "/federation/v1/own/checkpoint",
        "/federation/v1/peering",
        "/federation/v1/own/documents/{number:int}",
        "/federation/v1/own/entries/{path:path}",
        "/federation/v1/own/statements/{path:path}",
        "/federation/v1/statements/{path:path}",
        "/federation/v1/{digest:str}/checkpoint",
        "/oauth/bluesky/callback",
        "/oauth/bluesky/client-metadata.json",
        "/oauth/bluesky/jwks.json",
        "/oauth/mastodon/callback/{host:str}",
        "/oauth/x/callback",
        "/sign-in/answer",
        "/account",
        "/account/accounts/{account_id:uuid}/page",
        "/account/accounts/{account_id:uuid}/unlink",
        "/account/consents/{kind:int}",
        "/account/export",
        "/account/faces/{code:str}",
        "/account/leave",
        "/account/list/consent",
        "/account/list/delete",
        "/account/list/messages",
        "/account/list/messages/resume",
        "/account/list/messages/stop",
        "/account/list/newcomers",
        "/account/prove/links/page",
        "/account/prove/new",
        "/account/prove/progress",
        "/account/prove/sentence",
        "/account/publications/{publication_id:uuid}/proof",
        "/account/publications/{publication_id:uuid}/withdraw",
        "/account/publish",
        "/account/published",
        "/account/published/state",
        "/account/runs",
        "/account/runs/{run_id:uuid}",
        "/account/runs/{run_id:uuid}/news",
        "/account/runs/{run_id:uuid}/permit",
        "/account/runs/{run_id:uuid}/picture.svg",
        "/account/runs/{run_id:uuid}/{act:str}",
        "/account/sessions/{session_id:uuid}/end",
        "/account/sign-out",
    ]
)
"""Addresses that people do not paste into: their parts are made by us, or name an instance."""

OF_INSTANCES: Final = frozenset(
    {
        "backup",
        "demo",
        "keys move",
        "verify",
        "recover",
        "restore",
        "settings get",
        "settings set",
        "settings unset",
    }
    | {f"peers {each}" for each in ("add", "approve", "carry-over", "evidence", "limit", "policy", "refuse")}
    | {f"peers {each}" for each in ("remove", "resume", "show", "suspend", "sync", "unfreeze")}
)
"""Commands that take a text, but of an instance, its log or its settings."""
