"""Checks whether a profile links back to a member's page of ours: the `linked` proof.

Our page links to the member's accounts with rel="me". Each account links back:
- Mastodon: a field of the profile that its server has verified (`verified_at`: it found our link to it);
- Bluesky: the `website` of the profile, or a line of its description;
- X: the website of the profile, as an FxTwitter-compatible service tells it, where the operator has one.
  X's own pages are never fetched: they need a sign-in and scripts, and have no rel="me".
"""

import asyncio
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from directory.accounts import MastodonAccount
from directory.clock import Clock
from directory.errors import InvalidIdentifier
from directory.identifiers import Did, XHandle, XId
from directory.mappings import Evidence, EvidenceKind
from directory.networks.answers import Answer
from directory.networks.errors import BadAnswer, HeldBack, NetworkError, NotSecure
from directory.networks.limits import Limits
from directory.networks.mastodon.pages import choose_page
from directory.networks.retry_after import retry_after_s
from directory.proofs.links_in_text import field_links_to, is_same_page, text_names
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import Linked, LinkResult, Refuted, Unreachable
from directory.proofs.sources.port import OK, of_status, read_json
from directory.proofs.x_post import Getter

MAX_FIELDS: Final = 64
"""Fields of one profile that are read. Mastodon has 4, other servers have more."""
PROFILE_LIMITS: Final = Limits(max_body_bytes=1024 * 1024)
MAX_REDIRECTS: Final = 3

_NOBODY: Final = 404
"""Counts only where the service's own answer has this code, too: any proxy on the way can send a page of status 404."""
_UNREADABLE: Final = Unreachable(UnreachableReason.UNREADABLE)
_NO_LINK: Final = Refuted(RefutedReason.NO_LINK_BACK)


class LinkSeen(msgspec.Struct, frozen=True):
    """A link back was found. `x_id` is the id of the X account, `profile` the address of the profile as its own server
    gives it; None where the source told none."""

    x_id: XId | None = None
    profile: str | None = None


LinkReading = LinkSeen | Refuted | Unreachable


class _Field(msgspec.Struct):
    value: str = ""
    verified_at: str | None = None


class _Account(msgspec.Struct):
    acct: str
    url: str | None = None
    fields: list[_Field] = []


class _BlueskyProfile(msgspec.Struct):
    website: str | None = None
    description: str | None = None


class _BlueskyRecord(msgspec.Struct):
    uri: str
    value: _BlueskyProfile


class _XrpcError(msgspec.Struct):
    error: str = ""


class _Website(msgspec.Struct):
    url: str = ""


class _XUser(msgspec.Struct):
    screen_name: str
    id: str | None = None
    website: _Website | None = None


class _XProfile(msgspec.Struct):
    code: int
    user: _XUser | None = None


def read_mastodon_profile(account: MastodonAccount, page: str, status: int, body: bytes) -> LinkReading:
    """Reads the answer of the account's home server to `GET /api/v1/accounts/lookup`. Total.

    https://docs.joinmastodon.org/methods/accounts/#lookup
    """
    if status != OK:
        return of_status(status)
    profile = read_json(body, _Account)
    if profile is None or profile.acct.lower() not in {account.acct.user.lower(), account.acct.key}:
        return _UNREADABLE
    linking = [field for field in profile.fields[:MAX_FIELDS] if field_links_to(field.value, page)]
    if any(field.verified_at for field in linking):
        return LinkSeen(profile=choose_page((profile.url,), account))
    return Refuted(RefutedReason.LINK_UNVERIFIED) if linking else _NO_LINK


def read_bluesky_profile(did: Did, page: str, status: int, body: bytes) -> LinkReading:
    """Reads the answer of the account's own server to `com.atproto.repo.getRecord` for its profile. Total.

    https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/actor/profile.json
    """
    if status == 400:
        refused = read_json(body, _XrpcError)
        has_none = refused is not None and refused.error == "RecordNotFound"
        return _NO_LINK if has_none else of_status(status)
    if status != OK:
        return of_status(status)
    record = read_json(body, _BlueskyRecord)
    if record is None or not record.uri.startswith(f"at://{did}/"):
        return _UNREADABLE
    profile = record.value
    is_linking = is_same_page(profile.website or "", page) or text_names(profile.description or "", page)
    return LinkSeen() if is_linking else _NO_LINK


def read_x_website(handle: XHandle, page: str, status: int, body: bytes) -> LinkReading:
    """Reads the answer of an FxTwitter-compatible service to `GET <base>/<handle>`. Total."""
    profile = read_json(body, _XProfile)
    if status == _NOBODY and profile is not None and profile.code == _NOBODY:
        return Unreachable(UnreachableReason.DELETED)
    if status != OK or profile is None or profile.code != OK or profile.user is None:
        return of_status(status)
    user = profile.user
    try:
        if XHandle.parse(user.screen_name).key != handle.key:
            return _UNREADABLE
        x_id = None if user.id is None else XId.parse(user.id)
    except InvalidIdentifier:
        return _UNREADABLE
    is_linking = user.website is not None and is_same_page(user.website.url, page)
    return LinkSeen(x_id) if is_linking else _NO_LINK


class LinkChecker:
    """Fetches profiles, and finds the links back. Built once; keeps nothing between two checks."""

    def __init__(self, client: Getter, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def check_mastodon(self, account: MastodonAccount, api_base: str, page: str) -> LinkResult:
        """Checks a Mastodon profile. `api_base` is the API of the account's home server, `https://<host>`."""
        url = f"{api_base.rstrip('/')}/api/v1/accounts/lookup?{urlencode({'acct': account.acct.user})}"
        # Where the server tells no page: its address leads browsers there.
        ref = str(account.actor)
        return await self._check(
            url, ref, lambda answer: read_mastodon_profile(account, page, answer.status, answer.body)
        )

    async def check_bluesky(self, did: Did, pds: str, page: str) -> LinkResult:
        """Checks a Bluesky profile. `pds` is the account's own server, as its DID document names it."""
        query = {"repo": str(did), "collection": "app.bsky.actor.profile", "rkey": "self"}
        url = f"{pds.rstrip('/')}/xrpc/com.atproto.repo.getRecord?{urlencode(query)}"
        ref = f"https://bsky.app/profile/{did}"
        return await self._check(
            url, ref, lambda answer: read_bluesky_profile(did, page, answer.status, answer.body)
        )

    async def check_x(self, handle: XHandle, fxtwitter: str | None, page: str) -> LinkResult:
        """Checks the website of an X profile. `fxtwitter` is the address of a compatible service.

        Without one an X profile cannot be checked, which is returned as Refuted.
        """
        if fxtwitter is None:
            return Refuted(RefutedReason.CANNOT_SHOW_LINK)
        url = f"{fxtwitter.rstrip('/')}/{quote(str(handle))}"
        ref = f"https://x.com/{handle}"
        return await self._check(
            url, ref, lambda answer: read_x_website(handle, page, answer.status, answer.body)
        )

    async def _check(self, url: str, ref: str, read: Callable[[Answer], LinkReading]) -> LinkResult:
        try:
            answer = await self._client.get(url, limits=PROFILE_LIMITS, redirects=MAX_REDIRECTS)
        except BadAnswer:
            return _UNREADABLE
        except HeldBack as error:
            return Unreachable(UnreachableReason.NO_ANSWER, error.retry_after_s)
        except NotSecure:
            return Unreachable(UnreachableReason.NOT_SECURE)
        except NetworkError:
            return Unreachable(UnreachableReason.NO_ANSWER)
        # In a thread: a megabyte of hostile HTML takes a second.
        reading = await asyncio.to_thread(read, answer)
        if isinstance(reading, Unreachable):
            return Unreachable(reading.reason, retry_after_s(answer, self._clock.now()))
        if isinstance(reading, Refuted):
            return reading
        evidence = Evidence(kind=EvidenceKind.PROFILE_LINK, at=self._clock.now(), ref=reading.profile or ref)
        return Linked(evidence, reading.x_id)
