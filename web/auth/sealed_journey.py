"""What is sealed of a sign-in while its person is elsewhere: at their network, or before a question of ours."""

from typing import Self, TypeVar

import msgspec

from directory.accounts import AccountNetwork, BlueskyAccount, MastodonAccount, ProvenAccount, TargetAccount
from directory.identifiers import Acct, ActorUri, AtHandle, Did
from directory.mappings import Evidence
from directory.networks.sign_in_errors import StateMismatch
from directory.vault import Secret

Step = TypeVar("Step")


class Away(msgspec.Struct, frozen=True, tag="away"):
    """A browser that is at a network: the network's record, and whether a lapsed account is to begin a new
    membership."""

    record: bytes
    afresh: bool = False

    def sealable(self) -> Secret:
        return Secret(msgspec.json.encode(self))

    @classmethod
    def read(cls, secrets: Secret) -> Self:
        """Raises StateMismatch for what is none, such as an account that waits for an answer."""
        return _decode(secrets, cls)


class Asked(msgspec.Struct, frozen=True, tag="asked"):
    """A proven account that waits for its person to say that it is the one they mean."""

    network: AccountNetwork
    id: str
    handle: str
    evidence: Evidence
    moved_to: str | None
    page: str | None
    software: str

    @classmethod
    def of(cls, proven: ProvenAccount) -> Self:
        account, moved = proven.account, proven.moved_to
        moved_to = str(moved) if moved is not None else None
        return cls(
            account.network,
            str(account.id),
            str(account.handle),
            proven.evidence,
            moved_to,
            proven.page,
            proven.software,
        )

    @property
    def proven(self) -> ProvenAccount:
        moved_to = Acct.parse(self.moved_to) if self.moved_to is not None else None
        return ProvenAccount(self._account, self.evidence, moved_to, self.page, self.software)

    def sealable(self) -> Secret:
        return Secret(msgspec.json.encode(self))

    @classmethod
    def read(cls, secrets: Secret) -> Self:
        """Raises StateMismatch for what is none, such as the record of a sign-in under way."""
        return _decode(secrets, cls)

    @property
    def _account(self) -> TargetAccount:
        if self.network is AccountNetwork.BLUESKY:
            return BlueskyAccount(Did.parse(self.id), AtHandle.parse(self.handle))
        return MastodonAccount(ActorUri.parse(self.id), Acct.parse(self.handle))


def _decode(secrets: Secret, kind: type[Step]) -> Step:
    try:
        return msgspec.json.decode(secrets.reveal(), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise StateMismatch("", "what was sealed is of another step of a sign-in") from None
