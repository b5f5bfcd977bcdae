"""Checks for `passerelle doctor` the secrets of the accounts that messages about newcomers are sent from."""

from typing import Final

from deploy.findings import Finding
from deploy.wiring.messages import build_messengers
from directory.clock import SystemClock
from directory.networks.http import GuardedClient, user_agent
from directory.networks.messages import MessageError, Messenger
from directory.settings import Role, Settings

MEND: Final = 'See docs/operations.md, "Messages about newcomers".'


async def look_at_messages(settings: Settings) -> list[Finding]:
    """Asks each network whether it takes the secret. Sends no message. None where the instance has no such account."""
    if Role.WORKER not in settings.roles:
        return []
    client = GuardedClient(user_agent(settings.base_url), allow_loopback=settings.allow_loopback)
    async with client:
        return await check_accounts(list(build_messengers(settings, client).values()))


async def check_accounts(messengers: list[Messenger]) -> list[Finding]:
    """Checks the secret of each account."""
    found = []
    for messenger in messengers:
        name = f"Messages on {messenger.network.title()}"
        try:
            account = await messenger.check(SystemClock().now())
        except MessageError as error:
            found.append(Finding(name, False, str(error), MEND))
        else:
            found.append(Finding(name, True, f"as {account}"))
    return found
