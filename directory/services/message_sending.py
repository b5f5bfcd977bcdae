"""Sends the next message about newcomers to one member, at most once."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog

from directory.accounts import AccountNetwork
from directory.clock import Clock
from directory.failures import Failing, failures_noted
from directory.members.newcomer_messages import (
    EVERY,
    SEALED_TIMES,
    UNSEEN_TIMES,
    MessageEnd,
    MessageJob,
    Tiding,
    Trouble,
    delay_before_writing,
    message_context,
    show_code,
)
from directory.networks.messages import (
    Letter,
    MaybeSent,
    MessageError,
    Messenger,
    OwnAccountRefused,
    RecipientBlocked,
    RecipientError,
    RecipientGone,
    RecipientUnseen,
)
from directory.services.message_texts import MessageTexts
from directory.store.newcomer_messages import NewcomerMessageStore
from directory.vault import BrokenSeal, Vault
from directory.vault_keys import UnknownKey, VaultError

NO_ACCOUNT_PAUSE: Final = timedelta(days=1)
"""While the instance has no account on the network any more."""

log = structlog.get_logger(__name__)


class MessageSending:
    """The messages of this instance, one at a time."""

    def __init__(
        self,
        messages: NewcomerMessageStore,
        messengers: Mapping[AccountNetwork, Messenger],
        texts: MessageTexts,
        vault: Vault,
        clock: Clock,
    ) -> None:
        self._messages = messages
        self._messengers = messengers
        self._texts = texts
        self._vault = vault
        self._clock = clock

    async def claim_due(self, busy: Collection[str]) -> MessageJob | None:
        """Claims the message that has been due longest. Returns None where none is."""
        return await self._messages.claim_due(self._clock.now(), busy)

    async def release(self, job: MessageJob) -> None:
        """Releases a message whose attempt was broken off, unless it may have gone out."""
        await self._messages.release(job, self._clock.now())

    async def run(self, job: MessageJob) -> None:
        """Sends the message, or skips it where nobody came."""
        now = self._clock.now()
        messenger = self._messengers.get(job.messages.network)
        if messenger is None:
            await self._messages.skip(job, now + NO_ACCOUNT_PAUSE)
            return
        if job.messages.last_sent_at is not None and job.messages.last_sent_at > now:
            await self._messages.wait_anew(job, now)
            return
        tiding = await self._messages.find_tiding(job, now)
        if tiding is None:
            return
        if not tiding.is_test and not tiding.people:
            await self._messages.skip(job, now + EVERY)
            return
        text = await self._open_text(tiding)
        letter = await self._prepare(messenger, tiding) if text is not None else None
        if (
            text is not None
            and letter is not None
            and await self._messages.mark_sent(tiding, self._clock.now())
        ):
            await self._send(letter, tiding, text)

    async def _prepare(self, messenger: Messenger, tiding: Tiding) -> Letter | None:
        """Prepares a message. Returns None where it cannot be sent now, or never."""
        target = tiding.account.target
        if target is None:
            return None
        try:
            with failures_noted(Failing.MESSAGE, MessageError):
                return await messenger.prepare(target, self._clock.now())
        except RecipientError as error:
            await self._messages.end(tiding.job, _end_of(error))
        except RecipientUnseen as error:
            if tiding.job.times(Trouble.UNSEEN) >= UNSEEN_TIMES:
                await self._messages.end(tiding.job, MessageEnd.GONE)
            else:
                await self._messages.fail(tiding.job, self._due_after(error, tiding.job), Trouble.UNSEEN)
        except MessageError as error:
            await self._messages.fail(tiding.job, self._due_after(error, tiding.job))
        return None

    async def _send(self, letter: Letter, tiding: Tiding, text: str) -> None:
        """Sends a marked message. The mark is taken back only where nothing was sent."""
        try:
            with failures_noted(Failing.MESSAGE, MessageError):
                await letter.send(text, language=tiding.job.messages.language, key=tiding.key)
        except MaybeSent:
            return
        except RecipientError as error:
            await self._messages.end(tiding.job, _end_of(error))
        except MessageError as error:
            await self._messages.take_back(tiding, self._due_after(error, tiding.job))

    async def _open_text(self, tiding: Tiding) -> str | None:
        """Returns the text of a message. None where its code cannot be opened: it is tried again for weeks, as the operator
        may find the key, and the messages of others go on."""
        job, due = tiding.job, self._clock.now() + delay_before_writing(tiding.job.failures)
        try:
            return self._text_of(tiding)
        except (UnknownKey, BrokenSeal) as error:
            log.warning(
                "the code in a message cannot be opened", message=str(job.messages.id), reason=str(error)
            )
            if job.times(Trouble.SEALED) >= SEALED_TIMES:
                await self._messages.end(job, MessageEnd.SEALED)
            else:
                await self._messages.fail(job, due, Trouble.SEALED)
        except VaultError as error:
            log.warning("a message waits for the key file", reason=str(error))
            await self._messages.fail(job, due)
        return None

    def _text_of(self, tiding: Tiding) -> str:
        messages = tiding.job.messages
        code = show_code(self._vault.unseal(tiding.job.sealed, message_context(messages.id)).reveal())
        if tiding.is_test:
            return self._texts.test_message(messages.language, code)
        return self._texts.news(messages.language, code, tiding.people)

    def _due_after(self, error: MessageError, job: MessageJob) -> datetime:
        if isinstance(error, OwnAccountRefused):
            log.warning(
                "the instance's own account is refused: `passerelle doctor` tells more", host=error.host
            )
        asked = timedelta(seconds=error.retry_after_s or 0)
        return self._clock.now() + max(delay_before_writing(job.failures), asked)


def _end_of(error: RecipientError) -> MessageEnd:
    if isinstance(error, RecipientBlocked):
        return MessageEnd.BLOCKED
    return MessageEnd.GONE if isinstance(error, RecipientGone) else MessageEnd.CLOSED
