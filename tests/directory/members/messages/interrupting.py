"""What comes between a message and its receiver: a wait, a refusal, a connection that breaks off."""

import asyncio
from datetime import datetime

from directory.accounts import TargetAccount
from directory.networks.messages import Letter, Messenger
from tests.harness.fake_mastodon.internet import Request, Response


class Holding:
    """A messenger whose letters wait before they are sent, as long as a test wants."""

    def __init__(self, inner: Messenger) -> None:
        self.network = inner.network
        self._inner = inner
        self.is_reached = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def prepare(self, to: TargetAccount, now: datetime) -> "HeldLetter":
        return HeldLetter(self, await self._inner.prepare(to, now))

    async def check(self, now: datetime) -> str:
        return await self._inner.check(now)


class HeldLetter:
    def __init__(self, holding: Holding, inner: Letter) -> None:
        self._holding = holding
        self._inner = inner

    async def send(self, text: str, *, language: str, key: str) -> None:
        self._holding.is_reached.set()
        await self._holding.may_go_on.wait()
        await self._inner.send(text, language=language, key=key)


class Between:
    """A messenger that lets something happen while a message is prepared."""

    def __init__(self, inner: Messenger) -> None:
        self.network = inner.network
        self._inner = inner
        self.may_go_on = asyncio.Event()
        self.is_reached = asyncio.Event()

    async def prepare(self, to: TargetAccount, now: datetime) -> Letter:
        letter = await self._inner.prepare(to, now)
        self.is_reached.set()
        await self.may_go_on.wait()
        return letter

    async def check(self, now: datetime) -> str:
        return await self._inner.check(now)


def answer(status: int, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(
        status, b'{"error": "no", "message": "no"}', {"content-type": "application/json", **named}
    )


def broken_off(_request: Request) -> Response:
    raise ConnectionResetError
