"""A confidential client: its document and keys are public, its sessions last, and depend on its keys."""

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from directory.identifiers import Did
from directory.networks.bluesky.client import (
    CLIENT_METADATA_PATH,
    JWKS_PATH,
    ClientKeys,
    PublishedClient,
)
from directory.networks.bluesky.dpop import SigningKey
from directory.networks.http import GuardedClient
from directory.networks.port import Purpose, Revocation
from directory.networks.sign_in_errors import NeedsSignIn, ServerMisbehaved
from tests.directory.networks.bluesky.signing_in import Instance
from tests.directory.networks.bluesky.timed import TimedInstance, clock_settings
from tests.directory.networks.strangers import answer, stranger
from tests.peers.pds import Pds, running_pds_async


class Published:
    """An instance at a public address. What it publishes is in `client`."""

    def __init__(self, pds: Pds, http: GuardedClient, clock: Path, base_url: str) -> None:
        self._pds = pds
        self._http = http
        self._clock = clock
        self.base_url = base_url
        self.use(ClientKeys.generate())

    def use(self, keys: ClientKeys) -> None:
        """Starts the instance again with these keys."""
        self.keys = keys
        redirect = f"{self.base_url}/auth/bluesky/callback"
        # As they are stored.
        keys = ClientKeys.from_json(keys.to_json())
        self.client = PublishedClient(self.base_url, lambda: "Passerelle of the tests", keys, [redirect])
        self.instance = TimedInstance(self._pds, self._http, self.client)
        self.instance.clock = self._clock
        self.instance.redirect_uri = redirect

    def document(self, path: str) -> object:
        return {CLIENT_METADATA_PATH: self.client.metadata, JWKS_PATH: self.client.jwks}[path]()


@pytest.fixture
async def published(tmp_path: Path, http: GuardedClient) -> AsyncIterator[Published]:
    clock = tmp_path / "clock"
    clock.write_text("0")
    # The PDS keeps what it fetched: a name of its own for each test.
    base_url = f"https://find-{secrets.token_hex(4)}.peertest.dev"
    here: list[Published] = []

    async def publish(request: bytes, writer: asyncio.StreamWriter) -> None:
        path = urlsplit(request.split(b" ")[1].decode()).path
        body = json.dumps(here[0].document(path)).encode()
        writer.write(answer(body, "content-type: application/json", "connection: close"))
        await writer.drain()
        writer.close()

    async with (
        stranger(publish) as site,
        running_pds_async(fetch_map={base_url: site.url.rstrip("/")}, settings=clock_settings(clock)) as pds,
    ):
        here.append(Published(pds, http, clock, base_url))
        yield here[0]


async def test_a_session_outlives_weeks_and_keys(published: Published) -> None:
    """Sessions last for months, each with the key it was started with; a key that is gone ends them."""
    instance = published.instance
    account = await asyncio.to_thread(instance.pds.create_account)
    done = await instance.signed_in(account, Purpose.FOLLOW)
    assert done.account.id == Did.parse(account.did)
    tokens = done.tokens
    for _ in range(3):
        instance.wait(days=30)
        tokens = await instance.refreshed(tokens)
        assert await instance.works(tokens)

    ahead, old_keys = instance.ahead, published.keys
    published.use(old_keys.rotated())
    instance = published.instance
    instance.ahead = ahead
    instance.wait(days=1)
    tokens = await instance.refreshed(tokens)
    newer = (await instance.signed_in(account)).tokens
    assert newer.binding != tokens.binding

    published.use(published.keys.without(old_keys.signing_id))
    instance = published.instance
    instance.ahead = ahead
    instance.wait(days=2)
    with pytest.raises(NeedsSignIn):
        await instance.refreshed(tokens)
    newer = await instance.refreshed(newer)
    assert await instance.sign_in.revoke(newer, instance.now()) is Revocation.REVOKED
    with pytest.raises(NeedsSignIn):
        await instance.refreshed(newer)


async def test_a_key_of_somebody_else(published: Published) -> None:
    """The attacker has the tokens and the key they are tied to, but not our client's key."""
    instance = published.instance
    account = await asyncio.to_thread(instance.pds.create_account)
    tokens = (await instance.signed_in(account)).tokens
    thief = Thief(published.base_url, lambda: "Passerelle", published.keys, [])
    theirs = Instance(instance.pds, instance.http, thief)
    with pytest.raises(ServerMisbehaved, match="invalid_client"):
        await theirs.sign_in.refresh(tokens, instance.now())


async def test_an_instance_that_lost_its_keys(published: Published) -> None:
    instance = published.instance
    account = await asyncio.to_thread(instance.pds.create_account)
    tokens = (await instance.signed_in(account)).tokens
    published.use(ClientKeys.generate())
    with pytest.raises(NeedsSignIn):
        await published.instance.refreshed(tokens)


class Thief(PublishedClient):
    """Calls itself by our name and our key's name, and signs with a key of its own."""

    own = SigningKey.generate()

    def credentials(self, client_id: str, issuer: str, key_id: str | None, now: datetime) -> dict[str, str]:
        fields = super().credentials(client_id, issuer, key_id, now)
        header, claims, _ = fields["client_assertion"].split(".")
        signed = self.own.sign(json.loads(unpadded(header)), json.loads(unpadded(claims)))
        return {**fields, "client_assertion": signed}


def unpadded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
