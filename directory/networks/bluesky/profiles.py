"""Reads public profiles and the moderators' labels, many at a time, from a service that the operator chose (AppView).

It works without one: then nothing is known of anybody, and nobody is left out for it.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from directory.accounts import BlueskyAccount, TargetAccount
from directory.clock import Clock
from directory.follows.faces import Profile
from directory.follows.reasons import Reason
from directory.networks.bluesky import sdk
from directory.networks.bluesky.wire import anonymous
from directory.networks.bluesky.xrpc import AccountShut, Refusal, Xrpc
from directory.networks.http import GuardedClient

APP_VIEW: Final = "https://public.api.bsky.app"
"""The public one. A setting of the operator's names another, or none."""
MODERATION: Final = "did:plc:ar7c4by46qjdydhdevvrndac"
"""Bluesky's moderation service, whose labels its own apps show."""
PROFILES_A_CALL: Final = 25
MAX_ASKED_SINGLY: Final = 25
"""Of those that an answer leaves out, a call of `read`. Nothing is known of the rest."""
WARNING_LABELS: Final = frozenset({"impersonation", "!takedown", "!suspend"})
_GONE: Final = "Profile not found"


class _Label(msgspec.Struct):
    src: str = ""
    val: str = ""
    neg: bool = False
    exp: datetime | None = None


class _Profile(msgspec.Struct):
    did: str
    displayName: str = ""
    description: str = ""
    avatar: str = ""
    labels: list[_Label] = []


class BlueskyProfiles:
    """Reads profiles through one AppView. Not trusted: at most it can have somebody left out, or shown under another
    name."""

    def __init__(
        self,
        http: GuardedClient,
        clock: Clock,
        app_view: str | None = APP_VIEW,
        labelers: Collection[str] = (MODERATION,),
    ) -> None:
        """`app_view` is the origin of the service, None for none. Labels of others than `labelers` do not count: anyone
        can label anyone."""
        self._http = http
        self._clock = clock
        self._app_view = app_view
        self._labelers = frozenset(labelers)

    async def read(self, accounts: Sequence[TargetAccount]) -> Sequence[Profile]:
        """Reads the profiles of those that are known there, and of those that are gone. Raises NetworkError."""
        asked = {account.did.value: account for account in accounts if isinstance(account, BlueskyAccount)}
        if self._app_view is None or not asked:
            return []
        await sdk.load()
        dids, found = list(asked), dict[str, Profile]()
        async with Xrpc(self._app_view, anonymous(self._http)) as xrpc:
            for start in range(0, len(dids), PROFILES_A_CALL):
                for profile in await self._read_many(xrpc, dids[start : start + PROFILES_A_CALL]):
                    if profile.did in asked:
                        found[profile.did] = self._profile(asked[profile.did], profile)
            missing = [did for did in dids if did not in found]
            for did in missing[:MAX_ASKED_SINGLY]:
                if await self._is_gone(xrpc, did):
                    found[did] = Profile(asked[did], reason=Reason.GONE)
        return list(found.values())

    async def _read_many(self, xrpc: Xrpc, dids: Sequence[str]) -> list[_Profile]:
        """Reads up to 25. A profile of an odd form is left out, alone: atproto's model refuses all 25 for one."""
        params = sdk.models.AppBskyActorGetProfiles.Params(actors=dids)
        answer = await self._call(xrpc, "app.bsky.actor.getProfiles", params)
        profiles = answer.get("profiles") if isinstance(answer, dict) else None
        return list(_readable(profiles if isinstance(profiles, list) else []))

    async def _is_gone(self, xrpc: Xrpc, did: str) -> bool:
        """Asks for one that an answer left out: an answer without somebody does not say why."""
        try:
            params = sdk.models.AppBskyActorGetProfile.Params(actor=did)
            await self._call(xrpc, "app.bsky.actor.getProfile", params)
        except AccountShut:
            return True
        except Refusal as refusal:
            return refusal.status == 400 and refusal.says == _GONE
        return False

    async def _call(self, xrpc: Xrpc, method: str, params: object) -> object:
        labelers = {"atproto-accept-labelers": ",".join(sorted(self._labelers))} if self._labelers else {}
        with xrpc.errors():
            answer = await xrpc.api.invoke_query(method, params=params, headers=labelers)
        return answer.content

    def _profile(self, account: BlueskyAccount, profile: _Profile) -> Profile:
        now = self._clock.now()
        is_labelled = any(
            label.src in self._labelers and label.val in WARNING_LABELS and _holds(label, now)
            for label in profile.labels
        )
        reason = Reason.LABELLED if is_labelled else Reason.NONE
        return Profile(account, profile.displayName, profile.description, profile.avatar, reason)


def _readable(profiles: Sequence[object]) -> Iterator[_Profile]:
    for profile in profiles:
        try:
            yield msgspec.convert(profile, _Profile)
        except msgspec.ValidationError:
            continue


def _holds(label: _Label, now: datetime) -> bool:
    """Tells whether a label was not taken back, and has not ended."""
    if label.neg:
        return False
    until = label.exp
    return until is None or (until if until.tzinfo else until.replace(tzinfo=UTC)) > now
