"""A real PDS whose clock a test moves, and an instance that has the same time."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from directory.networks.port import TokenSet
from tests.directory.networks.bluesky.calls import Calls
from tests.directory.networks.bluesky.signing_in import Instance
from tests.directory.networks.bluesky.signing_in import now as real_now

CLOCK: Final = Path(__file__).with_name("clock.mjs")


def clock_settings(clock: Path) -> dict[str, str]:
    """The settings of a PDS whose clock is ahead by the milliseconds that the file holds."""
    return {"NODE_OPTIONS": f"--import={CLOCK.as_uri()}", "PDS_CLOCK_FILE": str(clock)}


class TimedInstance(Instance):
    """An instance and a PDS that agree on what time it is."""

    clock: Path
    ahead = timedelta()

    def wait(self, **time: float) -> None:
        self.ahead += timedelta(**time)
        self.clock.write_text(str(int(self.ahead.total_seconds() * 1000)))

    def now(self) -> datetime:
        return real_now() + self.ahead

    async def refreshed(self, tokens: TokenSet) -> TokenSet:
        return await self.sign_in.refresh(tokens, self.now())

    async def works(self, tokens: TokenSet) -> bool:
        """Whether the account's server takes the access token."""
        pds = Calls(self.requests, self.pds.url, tokens)
        answer = await pds.query("com.atproto.server.getSession", {}, self.now())
        return answer.status == 200
