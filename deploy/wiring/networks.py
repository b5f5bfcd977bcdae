"""Builds the clients for other servers, over one guarded HTTP client."""

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.wiring.ground import Ground
from deploy.wiring.messages import build_messengers
from directory.accounts import AccountNetwork
from directory.clock import Clock
from directory.mappings import Network
from directory.networks.bluesky.client import (
    CALLBACK_PATH,
    LoopbackClient,
    OAuthClient,
    PublishedClient,
)
from directory.networks.bluesky.did import DidResolver
from directory.networks.bluesky.handles import (
    HandleResolver,
    dns_source,
    service_source,
    well_known_source,
)
from directory.networks.bluesky.identity import Identities
from directory.networks.bluesky.profiles import BEFORE_A_FOLLOW, BlueskyProfiles
from directory.networks.bluesky.requests import DpopRequests
from directory.networks.bluesky.servers import Servers
from directory.networks.bluesky.sessions import BlueskySessions
from directory.networks.bluesky.sign_in import BlueskySignIn
from directory.networks.bluesky.txt import look_up_txt
from directory.networks.http import GuardedClient
from directory.networks.mastodon.apps import Apps
from directory.networks.mastodon.follows import MastodonSessions
from directory.networks.mastodon.profiles import MastodonProfiles
from directory.networks.mastodon.sign_in import MastodonSignIn
from directory.networks.messages import Messenger
from directory.networks.port import Grants, SignIn
from directory.proofs.x_oauth import XKey, XSignIn
from directory.proofs.x_post import PostChecker, XSources
from directory.services.kept_apps import KeptApps
from directory.services.run_steps import Home, OpenSession
from directory.services.warnings import Profiles
from directory.settings import Settings, is_elsewhere
from directory.store.mastodon_apps import MastodonAppStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Networks:
    """The clients that are asked about accounts, and those that sign people in."""

    http: GuardedClient
    dids: DidResolver
    identities: Identities
    bluesky: BlueskySignIn
    bluesky_client: OAuthClient
    mastodon: MastodonSignIn
    x: XSignIn | None
    """Only where the operator has a key at X."""
    sessions: Mapping[Network, OpenSession]
    """What follows with members' permissions."""
    homes: Mapping[Network, Home]
    """Only on networks where the tokens do not name the account's own server."""
    profiles: Mapping[Network, Profiles]
    warners: Mapping[Network, Profiles]
    """What tells of people right before they are followed. Only on networks where the session does not tell it."""
    messengers: Mapping[AccountNetwork, Messenger]
    """Only on networks where the instance has an account of its own."""

    @property
    def sign_in(self) -> Mapping[AccountNetwork, SignIn]:
        """Returns the networks that a membership can begin at."""
        return {AccountNetwork.BLUESKY: self.bluesky, AccountNetwork.MASTODON: self.mastodon}


def build_networks(ground: Ground, http: GuardedClient, grants: Grants) -> Networks:
    """Builds all clients. `grants` is told of all tokens that sign-ins are granted."""
    settings = ground.settings
    kept = KeptApps(MastodonAppStore(ground.database), ground.secrets.vault)
    dids = DidResolver(http, plc_url=settings.plc_url, allow_loopback=settings.allow_loopback)
    client = _bluesky_client(ground)
    identities = _identities(settings, http, dids)
    servers, requests = Servers(http, allow_loopback=settings.allow_loopback), DpopRequests(http)
    sessions = BlueskySessions(identities, servers, requests, ground.clock)
    app_view = settings.bluesky_app_view or None
    return Networks(
        http=http,
        dids=dids,
        identities=identities,
        bluesky=BlueskySignIn(
            identities, servers, requests, client, grants, allow_loopback=settings.allow_loopback
        ),
        bluesky_client=client,
        mastodon=MastodonSignIn(http, Apps(http, kept, ground.instance_name, settings.base_url), grants),
        x=_x_sign_in(settings, http, ground.clock),
        sessions={
            Network.BLUESKY: sessions.open,
            Network.MASTODON: MastodonSessions(http, ground.clock).open,
        },
        homes={Network.BLUESKY: sessions.find_host},
        profiles={
            Network.BLUESKY: BlueskyProfiles(http, ground.clock, app_view),
            Network.MASTODON: MastodonProfiles(http),
        },
        warners={Network.BLUESKY: BlueskyProfiles(http, ground.clock, app_view, singly=BEFORE_A_FOLLOW)},
        messengers=build_messengers(settings, http),
    )


def build_post_checker(ground: Ground, http: GuardedClient) -> PostChecker:
    """Builds the checker that reads proof posts at the sources of the settings."""
    settings = ground.settings
    sources = XSources(
        syndication=settings.x_syndication or None,
        oembed_x=settings.x_oembed or None,
        oembed_twitter=settings.x_oembed_twitter or None,
        fxtwitter=settings.x_fxtwitter or None,
    )
    return PostChecker(http, sources.in_order(), ground.clock)


def _identities(settings: Settings, http: GuardedClient, dids: DidResolver) -> Identities:
    sources = [dns_source(look_up_txt), well_known_source(http)]
    if settings.handle_resolver:
        sources.insert(0, service_source(http, settings.handle_resolver))
    return Identities(dids, HandleResolver(*sources))


def _bluesky_client(ground: Ground) -> OAuthClient:
    """Returns the published client where the instance has a public address; else the client for trying out,
    which Bluesky's servers know."""
    keys, base_url = ground.secrets.client_keys, ground.settings.base_url
    if keys is None:
        return LoopbackClient()
    terms = ground.settings.terms
    return PublishedClient(
        base_url,
        ground.instance_name,
        keys,
        [base_url + CALLBACK_PATH],
        terms_uri=(terms if is_elsewhere(terms) else f"{base_url}/terms") if terms else None,
    )


def _x_sign_in(settings: Settings, http: GuardedClient, clock: Clock) -> XSignIn | None:
    if not settings.x_client_id:
        return None
    key = XKey(
        settings.x_client_id, settings.x_client_secret or None, settings.x_authorize_url, settings.x_api_url
    )
    return XSignIn(http, key, clock)
