"""The differences between servers of one API, each with its source.

Nothing is claimed here that the source does not show. Where a server's behaviour is not known, the
profile keeps to Mastodon's documentation.
"""

from dataclasses import dataclass
from typing import Final

# The answer to a wrong code, token or app: status, error. One that begins with `<` is a page.
Refusal = tuple[int, str]

_MASTODON_SCOPES: Final = (
    *("read", "profile", "write"),
    *("read:accounts", "read:follows", "write:follows"),
    *("follow", "push"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One family of servers."""

    name: str
    # Path of an actor: `{user}` and `{domain}` (the account domain) are filled in.
    actor_path: str = "/users/{user}"
    profile_path: str = "/@{user}"
    # RFC 8414 metadata; None where there is none.
    scopes_supported: tuple[str, ...] | None = None
    offers_pkce: bool = False
    # Whether the API gives the actor URI beside the address of the profile.
    tells_uri: bool = False
    # Whether WebFinger answers for actor URIs too.
    fingers_uris: bool = True
    # Whether the token endpoint checks the code, and the redirect address once more.
    checks_code: bool = True
    checks_redirect: bool = True
    # Whether `redirect_uris` may be a list.
    takes_redirect_list: bool = False
    wrong_grant: Refusal = (400, "invalid_grant")
    wrong_client: Refusal = (401, "invalid_client")
    # The same for an app that it does not know; None where it is `wrong_client`.
    unknown_client: Refusal | None = None
    # The same for a wrong redirect address; None where it is `wrong_grant`. `wrong_redirect_spends`: the code is spent.
    wrong_redirect: Refusal | None = None
    # The same for a code that never was; None where it is `wrong_grant`.
    invented_code: Refusal | None = None
    # Whether a code gives a second token.
    takes_code_twice: bool = False
    # The refusal of a renewal where tokens never end.
    no_renewal: Refusal = (400, "unsupported_grant_type")
    # Whether the same app, person and scope get the same token again.
    reuses_token: bool = False
    # Whether every app that asks for a token of its own gets one, known or not.
    gives_any_app_a_token: bool = False
    # The refusal of a token for the app itself; None where it is issued.
    client_credentials: Refusal | None = None
    tells_scope: bool = True
    # Seconds; with a refresh token.
    expires_in: int | None = None
    # Whether there is /oauth/revoke, and its refusal of a token that is not the app's; None where it accepts that.
    revokes: bool = True
    revokes_unknown: Refusal | None = (403, "unauthorized_client")
    # The same for a token that no app has; None where it accepts that.
    revokes_gone: Refusal | None = (403, "unauthorized_client")
    # Whether revoking a token deletes its app.
    revokes_app: bool = False
    # Whether accounts can be looked up without a token.
    public_lookup: bool = True
    # What NodeInfo names; None where it was not read.
    software: str | None = None
    # The answer of the API to a token that it does not take, and to none.
    wrong_token: Refusal = (401, "The access token is invalid")
    no_token: Refusal = (401, "The access token is invalid")
    # Whether the first of them is bare text, labelled as a page.
    is_wrong_token_text: bool = False
    # Scopes of which one is needed to ask whose token it is.
    verify_wants: frozenset[str] = frozenset({"read", "read:accounts", "profile"})


# https://docs.joinmastodon.org/methods/oauth/ (errors, PKCE and metadata since 4.3)
# https://docs.joinmastodon.org/methods/apps/ (lists of addresses since 4.3)
# mastodon/mastodon app/presenters/oauth_metadata_presenter.rb
# mastodon/mastodon app/lib/webfinger_resource.rb (both domains, and addresses of profiles)
MASTODON_4_3: Final = Profile(
    name="mastodon 4.3",
    scopes_supported=_MASTODON_SCOPES,
    offers_pkce=True,
    tells_uri=True,
    takes_redirect_list=True,
    revokes_gone=None,
    reuses_token=True,
    software="mastodon",
)
# https://docs.joinmastodon.org/methods/oauth/ (nothing of the above)
MASTODON_4_1: Final = Profile(name="mastodon 4.1", revokes_gone=None, reuses_token=True, software="mastodon")
# GoToSocial 57cb4fe, as it was seen to answer. No OAuth metadata; it ignores PKCE, knows no end of a token, and gives
# strangers nothing. Lookups are for people with a token.
GOTOSOCIAL: Final = Profile(
    name="gotosocial",
    public_lookup=False,
    software="gotosocial",
    wrong_grant=(400, "invalid_grant"),
    invented_code=(400, "sql: no rows in result set"),
    unknown_client=(400, "sql: no rows in result set"),
    wrong_client=(400, "invalid_client"),
    wrong_redirect=(403, "invalid redirect uri"),
    no_renewal=(400, "invalid_request"),
    revokes_gone=None,
    wrong_token=(401, "Unauthorized: token not supplied"),
    no_token=(401, "Unauthorized: token not supplied"),
)
# Takahē 0.11, as it was seen to answer: 500 for a code that never was, each time; a code gives any number of tokens; any
# app is given a token of its own. An actor's URI holds its domain, WebFinger takes `acct:` only (400 otherwise).
TAKAHE: Final = Profile(
    name="takahe",
    actor_path="/@{user}@{domain}/",
    profile_path="/@{user}/",
    fingers_uris=False,
    wrong_grant=(401, "access_denied"),
    invented_code=(500, "<h1>Server Error (500)</h1>"),
    wrong_client=(401, "access_denied"),
    wrong_redirect=(401, "access_denied"),
    no_renewal=(400, "invalid_grant_type"),
    takes_code_twice=True,
    gives_any_app_a_token=True,
    revokes_unknown=(403, ""),
    revokes_gone=(403, ""),
    # Plain text, labelled as a page.
    wrong_token=(400, "Invalid Bearer token"),
    is_wrong_token_text=True,
    no_token=(401, "identity_token_required"),
    software="takahe",
    # Seen at 0.11: with `read:accounts` or `profile` it answers 403.
    verify_wants=frozenset({"read"}),
)
# external-mirrors/pleroma lib/pleroma/web/o_auth/o_auth_controller.ex (one answer for all refusals,
# {} for every revocation, refresh tokens; the redirect address is not checked in the exchange)
PLEROMA: Final = Profile(
    name="pleroma",
    profile_path="/users/{user}",
    checks_redirect=False,
    wrong_grant=(400, "Invalid credentials"),
    wrong_client=(400, "Invalid credentials"),
    expires_in=8_640_000,
    revokes_unknown=None,
    revokes_gone=None,
    software="pleroma",
)
# wastelandeer/snac mastoapi.c (the app remembers who signed in last, no code is checked; the scope
# is not named; a revocation deletes the app), webfinger.c
SNAC: Final = Profile(
    name="snac",
    actor_path="/{user}",
    profile_path="/{user}",
    checks_code=False,
    checks_redirect=False,
    wrong_client=(401, ""),
    tells_scope=False,
    revokes_app=True,
    revokes_unknown=(403, ""),
    revokes_gone=(403, ""),
)

ALL: Final = (MASTODON_4_3, MASTODON_4_1, GOTOSOCIAL, TAKAHE, PLEROMA, SNAC)
STRICT: Final = tuple(profile for profile in ALL if profile.checks_code)
