"""Bluesky's real AppView on this machine: it reads what a real PDS publishes, and tells it as the public one does.

`network_with_view(dsn)` starts it with a PDS of its own, as it reads all that its PDS ever published. The database is an
empty one of the tests' PostgreSQL. The AppView has no door for labels of others: they are put where its own readers of
labelers put them.
"""

import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import asyncpg
from msgspec.structs import replace

from directory.accounts import BlueskyAccount
from directory.identifiers import AtHandle, Did
from directory.mappings import Mapping as DirectoryMapping
from tests.harness.mappings import bluesky
from tests.peers.node_server import running
from tests.peers.pds import Account, Pds, XrpcError, call, running_pds, set_takedown

SEEN_WITHIN_S: Final = 30
LOOK_AGAIN_S: Final = 0.05
LABELLED_AT: Final = "2026-01-02T03:04:05.000Z"


class NotSeen(AssertionError):
    """The AppView did not come to tell what its PDS has."""


@dataclass(frozen=True, slots=True)
class AppView:
    """A running AppView, and the PDS whose accounts it shows."""

    url: str
    pds: Pds
    pid: int
    start_ms: int
    dsn: str = field(repr=False)
    admin_password: str = field(repr=False)

    def profiles(self, dids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The profiles that it shows to everybody, by DID. Raises XrpcError."""
        asked = urlencode([("actors", did) for did in dids])
        answer = call(f"{self.url}/xrpc/app.bsky.actor.getProfiles?{asked}")
        return {profile["did"]: profile for profile in answer["profiles"]}

    def says_of(self, did: str) -> str:
        """What it says of one account alone: "shown", or the name and message of its error."""
        try:
            call(f"{self.url}/xrpc/app.bsky.actor.getProfile?actor={did}")
        except XrpcError as error:
            return str(error)
        return "shown"

    def create_account(self, picture: bytes | None = None, **profile: object) -> Account:
        """A new account with a profile, which the AppView shows by now. Raises NotSeen."""
        account = self.pds.create_account()
        if picture is not None:
            profile["avatar"] = self.pds.upload(account, picture, "image/png")
        self.write_profile(account, **profile)
        return account

    def write_profile(self, account: Account, **profile: object) -> None:
        """Writes a profile in place of the one before, and waits until it is shown. Raises NotSeen."""
        record = {"$type": "app.bsky.actor.profile", **profile}
        self.pds.put_record(account, "app.bsky.actor.profile", "self", record)
        wanted = profile.get("displayName")
        self.wait_until(
            lambda: self.profiles([account.did]).get(account.did, {}).get("displayName") == wanted
        )

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Waits until it has read what the PDS published. Raises NotSeen."""
        until = time.monotonic() + SEEN_WITHIN_S
        while not is_so():
            if time.monotonic() > until:
                raise NotSeen
            time.sleep(LOOK_AGAIN_S)

    def set_takedown(self, did: str, *, is_applied: bool) -> None:
        """Takes an account down as the network's moderators do, or brings it back. Raises XrpcError."""
        set_takedown(self.url, self.admin_password, did, is_applied=is_applied)

    async def label(self, uri: str, **label: object) -> None:
        """Keeps a label as if its labeler, `src`, had given it. `uri` is an account's DID or a record's address."""
        row = {"uri": uri, "cid": "", "neg": False, "cts": LABELLED_AT, **label}
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute(
                "INSERT INTO label SELECT (jsonb_populate_record(NULL::label, $1::jsonb)).*", json.dumps(row)
            )
        finally:
            await connection.close()


def account_of(account: Account) -> BlueskyAccount:
    """The account as our code names it."""
    return BlueskyAccount(Did(account.did), AtHandle.parse(account.handle))


def mapping_to(account: Account, x_id: int) -> DirectoryMapping:
    """What the directory says where its bearer has proven an X account."""
    known = account_of(account)
    return replace(bluesky("ann", x_id), target_id=known.did, target_handle=known.handle)


@contextmanager
def network_with_view(dsn: str, labelers: Sequence[str]) -> Iterator[AppView]:
    """Starts a PDS and an AppView that reads it, and stops both at the end. Raises ServerFailed.

    `labelers` are those whose labels it knows by itself; others need an account here.
    """
    with running_pds() as pds:
        password = secrets.token_hex(16)
        with running("run-app-view.mjs", _environment(pds, dsn, labelers, password)) as (process, ready):
            yield AppView(ready["app_view"], pds, process.pid, ready["start_ms"], dsn, password)


def _environment(pds: Pds, dsn: str, labelers: Sequence[str], password: str) -> Mapping[str, str]:
    return os.environ | {
        "APP_VIEW_DSN": dsn,
        "APP_VIEW_PDS_URL": pds.url,
        "APP_VIEW_PLC_URL": pds.plc_url,
        "APP_VIEW_LABELERS": json.dumps(list(labelers)),
        "APP_VIEW_ADMIN_PASSWORD": password,
    }
