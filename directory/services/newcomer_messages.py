"""Lets a member choose the account that messages about newcomers go to, and stops them: by the link in each message, too."""

from uuid import UUID

from directory.accounts import AccountNetwork
from directory.clock import Clock
from directory.members.consents import PRESENT_VERSION, ConsentKind
from directory.members.errors import MemberGone, UnknownAccount
from directory.members.newcomer_messages import (
    MessageState,
    NewcomerMessages,
    code_hash,
    message_context,
    new_code,
    read_code,
)
from directory.store.consents import ConsentStore
from directory.store.newcomer_messages import NewcomerMessageStore
from directory.vault import Secret, Vault


class MessageChoices:
    """What members choose. `offered` are the networks on which the instance has an account of its own."""

    def __init__(
        self,
        messages: NewcomerMessageStore,
        consents: ConsentStore,
        vault: Vault,
        clock: Clock,
        offered: frozenset[AccountNetwork],
    ) -> None:
        self._messages = messages
        self._consents = consents
        self._vault = vault
        self._clock = clock
        self.offered = offered

    async def choose(self, member: UUID, account: UUID, version: int, language: str) -> NewcomerMessages:
        """Gives the consent and chooses an account; a test message to it is due now, unless it had one.

        Raises MemberGone, UnknownAccount, ConsentOutdated.
        """
        code = new_code()
        return await self._messages.choose(
            member,
            account,
            version=version,
            language=language,
            networks=self.offered,
            code_hash=code_hash(code),
            seal=lambda row: self._vault.seal(Secret(code), message_context(row)),
            now=self._clock.now(),
        )

    async def of_member(self, member: UUID) -> NewcomerMessages | None:
        """Returns the messages of a member. None where they chose no account."""
        return await self._messages.find_of_member(member)

    async def of_code(self, shown: str) -> NewcomerMessages | None:
        """Returns the messages that the code in a link stops. None where it stops none."""
        code = read_code(shown)
        return await self._messages.find_by_code(code_hash(code)) if code is not None else None

    async def stop(self, messages: NewcomerMessages) -> None:
        """Stops messages and ends their consent. Repeated, it changes nothing."""
        if messages.state is MessageState.ACTIVE:
            await self._withdraw(messages.member)

    async def resume(self, member: UUID, language: str) -> None:
        """Takes a stop back: the messages go on as before. Raises MemberGone, UnknownAccount."""
        messages = await self._messages.find_of_member(member)
        if messages is None:
            raise UnknownAccount
        version = PRESENT_VERSION[ConsentKind.ANNOUNCE_NEWCOMERS]
        await self.choose(member, messages.account, version, language)

    async def _withdraw(self, member: UUID) -> None:
        try:
            await self._consents.withdraw_consent(member, ConsentKind.ANNOUNCE_NEWCOMERS, self._clock.now())
        except MemberGone:
            return  # nothing is left that could be sent
