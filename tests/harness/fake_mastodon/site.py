"""One server of the fake internet with the Mastodon API: OAuth, WebFinger, and the accounts that a sign-in reads.

    with FakeInternet() as internet:
        server = FakeServer.at(internet, "social.test", MASTODON_4_3, accounts=["alice"])
        async with internet.client() as http: ...
        back = agree(internet, authorize_url, "alice")

It is strict where real servers are: state returned unchanged, redirect addresses compared as texts,
the app's secret, PKCE, a code that is valid once, for ten minutes. A browser finds a page with one
form at `/oauth/authorize`: choose an account, then "Authorize" or "Deny".
"""

import html
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Self
from urllib.parse import quote, urlencode

from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response, Site
from tests.harness.fake_mastodon.oauth import Authorization, OAuth, Refused, Token
from tests.harness.fake_mastodon.profiles import MASTODON_4_3, Profile, Refusal

JRD: Final = "application/jrd+json; charset=utf-8"
ACTIVITY: Final = "application/activity+json; charset=utf-8"
_NOT_FOUND: Final = Response.json({"error": "Record not found"}, 404)


@dataclass
class Account:
    """An account of the server. `domain` is the domain of its address.

    `moved` is the address of a later account and `moved_actor` its URI, `aliases` the URIs of former ones;
    `page_links` are the links of the profile that the server has found to link back, as it shows them.
    """

    user: str
    domain: str
    moved: str | None = None
    moved_actor: str | None = None
    aliases: list[str] = field(default_factory=list)
    page_links: list[str] = field(default_factory=list)
    is_gone: bool = False


@dataclass
class FakeServer:
    """A server. `host` is its web domain; addresses are `user@domain`."""

    host: str
    domain: str
    profile: Profile
    accounts: list[Account]
    oauth: OAuth
    now: Callable[[], datetime]
    # Paths whose answers a test has replaced.
    broken: dict[str, Site] = field(default_factory=dict)

    @classmethod
    def at(
        cls,
        internet: FakeInternet,
        host: str,
        profile: Profile = MASTODON_4_3,
        *,
        accounts: Iterable[str] = ("alice",),
        domain: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Self:
        """Opens a server; an account domain of its own redirects the well-known addresses to it."""
        home = domain or host
        server = cls(host, home, profile, [Account(user, home) for user in accounts], OAuth(profile), now)
        internet.sites[host] = server
        if home != host:
            internet.sites[home] = server.account_domain
        return server

    def account(self, user: str, domain: str | None = None) -> Account | None:
        """Finds an account by user name and domain, in any case of letters. Returns None without one."""
        wanted = (user.lower(), (domain or self.domain).lower())
        return next((one for one in self.accounts if (one.user.lower(), one.domain.lower()) == wanted), None)

    def actor(self, account: Account) -> str:
        """Makes the account's URI, on its domain where the domain is served here, else on the host."""
        return self._host_of(account) + self.profile.actor_path.format(
            user=account.user, domain=account.domain
        )

    def page(self, account: Account) -> str:
        return self._host_of(account) + self.profile.profile_path.format(
            user=account.user, domain=account.domain
        )

    def move(self, user: str, there: "FakeServer", name: str, *, is_confirmed: bool = True) -> None:
        """Moves an account to one of another server, as people do it on both.

        `is_confirmed`: the new account names the old one, without which Mastodon refuses the move.
        """
        old, new = self.account(user), there.account(name)
        assert old is not None
        assert new is not None
        old.moved, old.moved_actor = f"{new.user}@{new.domain}", there.actor(new)
        if is_confirmed:
            new.aliases.append(self.actor(old))

    def account_domain(self, request: Request) -> Response:
        """Redirects WebFinger from the account domain. https://docs.joinmastodon.org/admin/config/#web_domain"""
        if request.path in {"/.well-known/webfinger", "/.well-known/host-meta"}:
            query = f"?{urlencode(request.query)}" if request.query else ""
            return Response.redirect(f"https://{self.host}{request.path}{query}", 301)
        return Response.html("<h1>A shop</h1>", 200 if request.path == "/" else 404)

    def __call__(self, request: Request) -> Response:
        if request.path in self.broken:
            return self.broken[request.path](request)
        handler = self._routes().get((request.method, request.path))
        if handler is None:
            return self._actor_document(request)
        try:
            return handler(request)
        except Refused as refused:
            return _refusal((refused.status, refused.error))

    def _routes(self) -> dict[tuple[str, str], Site]:
        routes: dict[tuple[str, str], Site] = {
            ("POST", "/api/v1/apps"): self._apps,
            ("GET", "/oauth/authorize"): self._page_of_consent,
            ("POST", "/oauth/authorize"): self._decision,
            ("POST", "/oauth/token"): self._token,
            ("GET", "/api/v1/instance"): self._instance,
            ("GET", "/api/v1/accounts/verify_credentials"): self._verify_credentials,
            ("GET", "/api/v1/accounts/lookup"): self._lookup,
            ("GET", "/.well-known/webfinger"): self._webfinger,
            ("GET", "/.well-known/host-meta"): self._host_meta,
        }
        if self.profile.software is not None:
            routes["GET", "/.well-known/nodeinfo"] = self._nodeinfo_links
            routes["GET", "/nodeinfo/2.0"] = self._nodeinfo
        if self.profile.revokes:
            routes["POST", "/oauth/revoke"] = self._revoke
        if self.profile.scopes_supported is not None:
            routes["GET", "/.well-known/oauth-authorization-server"] = self._metadata
        return routes

    def _apps(self, request: Request) -> Response:
        if "redirect_uris[]" in request.form and not self.profile.takes_redirect_list:
            raise Refused((422, "Validation failed"))
        app = self.oauth.register(request.form)
        return Response.json(
            {
                "id": "1",
                "name": request.form["client_name"],
                "website": request.form.get("website"),
                "redirect_uri": "\n".join(app.redirect_uris),
                "client_id": app.client_id,
                "client_secret": app.client_secret,
            }
        )

    def _page_of_consent(self, request: Request) -> Response:
        self.oauth.check(request.query)
        hidden = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in request.query.items()
        )
        people = "".join(
            f'<label><input type="radio" name="account" value="{one.user}@{one.domain}"> {one.user}@{one.domain}</label>'
            for one in self.accounts
        )
        return Response.html(
            f"<!doctype html><title>{self.host}</title><form method=post>{hidden}{people}"
            "<button name=decision value=yes>Authorize</button><button name=decision value=no>Deny</button></form>"
        )

    def _decision(self, request: Request) -> Response:
        asked = self.oauth.check(request.form)
        user, _, domain = request.form.get("account", "").partition("@")
        account = self.account(user, domain)
        if request.form.get("decision") != "yes" or account is None:
            return _back(asked, {"error": "access_denied"})
        code = self.oauth.agree(asked, f"{account.user}@{account.domain}", self.now())
        return _back(asked, {"code": code})

    def _token(self, request: Request) -> Response:
        token = self.oauth.token(request.form, self.now())
        answer: dict[str, object] = {
            "access_token": token.access,
            "token_type": "Bearer",
            "created_at": int(self.now().timestamp()),
        }
        if self.profile.tells_scope:
            answer["scope"] = token.scope
        if token.refresh is not None:
            answer |= {"refresh_token": token.refresh, "expires_in": self.profile.expires_in}
        return Response.json(answer)

    def _revoke(self, request: Request) -> Response:
        self.oauth.revoke(request.form)
        return Response.json({})

    def _metadata(self, _request: Request) -> Response:
        here = f"https://{self.host}/"
        return Response.json(
            {
                "issuer": here,
                "authorization_endpoint": f"{here}oauth/authorize",
                "token_endpoint": f"{here}oauth/token",
                "revocation_endpoint": f"{here}oauth/revoke",
                "app_registration_endpoint": f"{here}api/v1/apps",
                "scopes_supported": self.profile.scopes_supported,
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "client_credentials"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "code_challenge_methods_supported": ["S256"] if self.profile.offers_pkce else [],
            }
        )

    def _nodeinfo_links(self, _request: Request) -> Response:
        rel = "http://nodeinfo.diaspora.software/ns/schema/2.0"
        return Response.json({"links": [{"rel": rel, "href": f"https://{self.host}/nodeinfo/2.0"}]})

    def _nodeinfo(self, _request: Request) -> Response:
        return Response.json({"version": "2.0", "software": {"name": self.profile.software}})

    def _instance(self, _request: Request) -> Response:
        return Response.json({"uri": self.domain, "title": self.host, "version": self.profile.name})

    def _verify_credentials(self, request: Request) -> Response:
        token = self._bearer(request)
        if token is None or token.user is None:
            return self._unauthorized(request)
        # A server that names no scope (snac) checks none.
        if token.scope and self.profile.verify_wants.isdisjoint(token.scope.split()):
            return Response.json({"error": "out_of_scope_for_token"}, 403)
        user, _, domain = token.user.partition("@")
        account = self.account(user, domain)
        return _NOT_FOUND if account is None else Response.json(self._api_account(account))

    def _unauthorized(self, request: Request) -> Response:
        if "authorization" not in request.headers:
            return _refusal(self.profile.no_token)
        status, error = self.profile.wrong_token
        return Response.html(error, status) if self.profile.is_wrong_token_text else _refusal((status, error))

    def _lookup(self, request: Request) -> Response:
        if not self.profile.public_lookup and self._bearer(request) is None:
            return self._unauthorized(request)
        user, _, domain = request.query.get("acct", "").partition("@")
        account = self.account(user, domain or None)
        return _NOT_FOUND if account is None or account.is_gone else Response.json(self._api_account(account))

    def _webfinger(self, request: Request) -> Response:
        resource = request.query.get("resource", "")
        if not resource.startswith("acct:") and not self.profile.fingers_uris:
            return Response(400)
        account = self._fingered(resource)
        if account is None or account.is_gone:
            return Response(404)
        return Response.json(
            {
                "subject": f"acct:{account.user}@{account.domain}",
                "aliases": [self.page(account), self.actor(account)],
                "links": [
                    {
                        "rel": "http://webfinger.net/rel/profile-page",
                        "type": "text/html",
                        "href": self.page(account),
                    },
                    {"rel": "self", "type": "application/activity+json", "href": self.actor(account)},
                ],
            },
            type_=JRD,
        )

    def _fingered(self, resource: str) -> Account | None:
        """Finds an account by an address on its domain or on the web domain, or by one of its URLs."""
        if not resource.startswith("acct:"):
            return next((one for one in self.accounts if resource in {self.actor(one), self.page(one)}), None)
        user, _, domain = resource.removeprefix("acct:").partition("@")
        return self.account(user, self.domain if domain.lower() == self.host else domain)

    def _host_meta(self, _request: Request) -> Response:
        template = f"https://{self.host}/.well-known/webfinger?resource={{uri}}"
        xrd = f'<?xml version="1.0"?><XRD><Link rel="lrdd" template="{template}"/></XRD>'
        return Response(200, xrd.encode(), {"content-type": "application/xrd+xml"})

    def _actor_document(self, request: Request) -> Response:
        uri = f"https://{request.host}{request.path}"
        account = next((one for one in self.accounts if self.actor(one) == uri), None)
        if account is None or account.is_gone:
            return Response(404)
        if not self.profile.public_lookup:
            return Response(401)
        document: dict[str, object] = {"id": uri, "type": "Person"}
        if account.moved_actor is not None:
            document["movedTo"] = account.moved_actor
        if account.aliases:
            document["alsoKnownAs"] = account.aliases
        return Response.json(document, type_=ACTIVITY)

    def _api_account(self, account: Account) -> dict[str, object]:
        """Makes the fields of https://docs.joinmastodon.org/entities/Account/ that are used."""
        answer: dict[str, object] = {
            "id": "1",
            "username": account.user,
            "acct": account.user,
            "url": self.page(account),
        }
        if self.profile.tells_uri:
            answer["uri"] = self.actor(account)
        if account.page_links:
            answer["fields"] = [
                {
                    "name": "Page",
                    "value": f'<a href="{link}" rel="me nofollow noopener">{link}</a>',
                    "verified_at": self.now().isoformat(),
                }
                for link in account.page_links
            ]
        if account.moved is not None:
            answer["moved"] = {"id": "2", "username": account.moved.partition("@")[0], "acct": account.moved}
        return answer

    def _bearer(self, request: Request) -> Token | None:
        scheme, _, access = request.headers.get("authorization", "").partition(" ")
        return self.oauth.user_of(access) if scheme == "Bearer" else None

    def _host_of(self, account: Account) -> str:
        return f"https://{self.host if account.domain == self.domain else account.domain}"


def _refusal(refusal: Refusal) -> Response:
    """Makes the answer of a refusal: JSON, a page, or nothing."""
    status, error = refusal
    if error.startswith("<"):
        return Response.html(error, status)
    return Response.json({"error": error}, status) if error else Response(status)


def _back(asked: Authorization, fields: dict[str, str]) -> Response:
    """Redirects to the client, with the state unchanged."""
    if asked.state is not None:
        fields["state"] = asked.state
    sign = "&" if "?" in asked.redirect_uri else "?"
    return Response.redirect(f"{asked.redirect_uri}{sign}{urlencode(fields, quote_via=quote)}")
