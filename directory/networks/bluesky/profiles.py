"""Reads public profiles and the moderators' labels, many at a time, from a service that the operator chose (AppView).

It works without one: then nothing is known of anybody, and nobody is left out for it.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import structlog

from directory.accounts import BlueskyAccount, TargetAccount
from directory.clock import Clock
from directory.follows.faces import Profile
from directory.follows.reasons import Reason
from directory.networks.bluesky import sdk
from directory.networks.bluesky.wire import anonymous
from directory.networks.bluesky.xrpc import AccountShut, AccountTakenDown, Refusal, Xrpc
from directory.networks.errors import BadAnswer, NetworkError
from directory.networks.http import GuardedClient
from directory.networks.sign_in_errors import NeedsSignIn

log = structlog.get_logger(__name__)

APP_VIEW: Final = "https://public.api.bsky.app"
"""The public one. A setting of the operator's names another, or none."""
MODERATION: Final = "did:plc:ar7c4by46qjdydhdevvrndac"
"""Bluesky's moderation service, whose labels its own apps show."""
PROFILES_A_CALL: Final = 25
SINGLY_AT_ONCE: Final = 4
BAD_REQUEST: Final = 400
WARNING_LABELS: Final = frozenset({"impersonation", "!takedown", "!suspend"})
_GONE: Final = "Profile not found"


class Singly(msgspec.Struct, frozen=True):
    """How those are asked for that an answer leaves out, as it does not say why: so many of them a call of `read`, and for so
    long together. Nothing is known of the rest."""

    most: int
    wait_s: float


FOR_A_PAGE: Final = Singly(25, 1.0)
"""Of the 3 seconds that a page waits."""
BEFORE_A_FOLLOW: Final = Singly(100, 4.0)
"""All whom a step of a run asks for at a time: whoever is followed unseen may be somebody whom the moderators took down."""


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
        singly: Singly = FOR_A_PAGE,
    ) -> None:
        """`app_view` is the origin of the service, None for none. Labels of others than `labelers` do not count: anyone
        can label anyone."""
        self._http = http
        self._clock = clock
        self._app_view = app_view
        self._labelers = frozenset(labelers)
        self._singly = singly

    async def read(self, accounts: Sequence[TargetAccount]) -> Sequence[Profile]:
        """Reads the profiles of those that are known there, and of those that are gone or taken down. Raises NetworkError."""
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
            for did, reason in (await self._ask_singly(xrpc, missing[: self._singly.most])).items():
                found[did] = Profile(asked[did], reason=reason)
        return list(found.values())

    async def _read_many(self, xrpc: Xrpc, dids: Sequence[str]) -> list[_Profile]:
        """Reads up to 25. A profile of an odd form is left out, alone: atproto's model refuses all 25 for one."""
        params = sdk.models.AppBskyActorGetProfiles.Params(actors=dids)
        answer = await self._call(xrpc, "app.bsky.actor.getProfiles", params)
        self._note_labelers(xrpc.host, answer.headers)
        profiles = answer.content.get("profiles") if isinstance(answer.content, dict) else None
        return list(_readable(profiles if isinstance(profiles, list) else []))

    async def _ask_singly(self, xrpc: Xrpc, dids: Sequence[str]) -> dict[str, Reason]:
        """Asks for each that an answer left out, as it does not say why. Returns the reasons that are told in time: what is
        known of the others is not lost for them."""
        told, places = dict[str, Reason](), asyncio.Semaphore(SINGLY_AT_ONCE)

        async def ask(did: str) -> None:
            async with places:
                reason = await self._why_left_out(xrpc, did)
            if reason is not Reason.NONE:
                told[did] = reason

        with suppress(TimeoutError):
            async with asyncio.timeout(self._singly.wait_s), asyncio.TaskGroup() as tasks:
                for did in dids:
                    tasks.create_task(ask(did))
        return told

    async def _why_left_out(self, xrpc: Xrpc, did: str) -> Reason:
        """Returns LABELLED for whom moderators took down, GONE for who left, NONE where that is not told."""
        try:
            params = sdk.models.AppBskyActorGetProfile.Params(actor=did)
            await self._call(xrpc, "app.bsky.actor.getProfile", params)
        except AccountTakenDown:
            return Reason.LABELLED
        except AccountShut:
            return Reason.GONE
        except NetworkError as error:
            is_told = isinstance(error, Refusal) and error.status == BAD_REQUEST and error.says == _GONE
            return Reason.GONE if is_told else Reason.NONE
        return Reason.NONE

    async def _call(self, xrpc: Xrpc, method: str, params: object) -> Any:
        labelers = {"atproto-accept-labelers": ",".join(sorted(self._labelers))} if self._labelers else {}
        try:
            with xrpc.errors():
                return await xrpc.api.invoke_query(method, params=params, headers=labelers)
        except NeedsSignIn as error:
            # Nobody has signed in there: no sign-in has ended.
            raise BadAnswer(xrpc.host, "wants a sign-in, where everybody is answered") from error

    def _note_labelers(self, host: str, headers: Mapping[str, str]) -> None:
        """Logs which labelers the service leaves out, without an error: it drops those that it does not know."""
        applied = headers.get("atproto-content-labelers", "")
        heard = {each.partition(";")[0].strip() for each in applied.split(",")}
        if unheard := sorted(self._labelers - heard):
            log.warning("labels did not come", host=host, labelers=unheard)

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
