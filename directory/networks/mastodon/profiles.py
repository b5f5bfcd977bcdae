"""Reads public profiles, each from the account's own server, so that a person recognises a person.

No token is used. Where a server tells strangers nothing (GoToSocial), or none in time, nothing is known of the account.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from html.parser import HTMLParser
from typing import Final

import msgspec

from directory.accounts import MastodonAccount, TargetAccount
from directory.follows.faces import Profile
from directory.follows.reasons import Reason
from directory.networks.errors import NetworkError
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.networks.mastodon.entities import ApiAccount
from directory.networks.mastodon.identity import resolve_acct
from directory.networks.mastodon.wire import Wire
from directory.networks.sign_in_errors import SignInError

AT_ONCE: Final = 8
"""Servers asked at the same time, for one page."""
READ_S: Final = 2.5
"""After so long what has come is all: a page waits for it."""
PROFILE_LIMITS: Final = Limits(connect_s=2.0, first_byte_s=READ_S, total_s=READ_S, max_body_bytes=256 * 1024)
MAX_NOTE_CHARS: Final = 20_000
"""Of the HTML that is looked at."""
_BREAKS: Final = frozenset({"br", "p", "li", "div"})
_HIDDEN: Final = frozenset({"script", "style"})


class MastodonProfiles:
    """Reads profiles. Not trusted: a server tells what it likes of its own accounts, and is asked of no others."""

    def __init__(self, http: GuardedClient, *, read_s: float = READ_S) -> None:
        self._http = http
        self._read_s = read_s

    async def read(self, accounts: Sequence[TargetAccount]) -> Sequence[Profile]:
        """Reads the profiles of those whose servers tell them in time, in any order."""
        places = asyncio.Semaphore(AT_ONCE)
        wanted = [account for account in accounts if isinstance(account, MastodonAccount)]
        tasks = [asyncio.create_task(self._one(account, places)) for account in wanted]
        if not tasks:
            return []
        try:
            done, _ = await asyncio.wait(tasks, timeout=self._read_s)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return [profile for task in done if (profile := task.result()) is not None]

    async def _one(self, account: MastodonAccount, places: asyncio.Semaphore) -> Profile | None:
        """Returns a profile; None where nothing is told."""
        async with places:
            try:
                return await self._told(account)
            except NetworkError:
                return None

    async def _told(self, account: MastodonAccount) -> Profile | None:
        said = await Wire(self._http, account.actor.host).call(
            lambda api: api.account_lookup(account.acct.user), PROFILE_LIMITS
        )
        if said.status == 410:
            return Profile(account, reason=Reason.GONE)
        if said.status != 200:
            # 404 is also what servers without that call answer.
            return None
        told = ApiAccount.read(said.found())
        if told.uri is not None and told.uri != str(account.actor):
            # The name alone is that of another account.
            return None
        profile = profile_of(account, told)
        there = told.moved_acct(account.acct)
        if there is None:
            return profile
        moved_to: MastodonAccount | None = None
        with suppress(SignInError):
            moved_to = await resolve_acct(self._http, there)
        return msgspec.structs.replace(profile, reason=Reason.MOVED, moved_to=moved_to)


def profile_of(account: MastodonAccount, told: ApiAccount) -> Profile:
    """Makes a profile of what the API tells, its texts as plain text."""
    avatar = told.avatar_static or told.avatar or ""
    return Profile(
        account,
        " ".join((told.display_name or "").split()),
        plain_text(told.note or ""),
        avatar if avatar.startswith("https://") else "",
        Reason.LABELLED if told.suspended else Reason.NONE,
    )


def plain_text(html: str) -> str:
    """Returns the text of HTML, a line for each paragraph."""
    reader = _Text()
    reader.feed(html[:MAX_NOTE_CHARS])
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).splitlines())
    return "\n".join(line for line in lines if line)


class _Text(HTMLParser):
    """Collects the text between tags."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begins a line at a break."""
        _ = attrs
        self._hidden += tag in _HIDDEN
        if tag in _BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """Ends a line behind a paragraph."""
        self._hidden = max(0, self._hidden - (tag in _HIDDEN))
        if tag in _BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        """Keeps what is shown."""
        if not self._hidden:
            self.parts.append(data)
