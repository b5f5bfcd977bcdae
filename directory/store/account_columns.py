"""Stores accounts as columns. Only this file, and the look-ups of `directory.store.accounts`, know what they
hold.

`network` is a number. `account_id` stays with the person: a DID, an actor URI or an X id. It is NULL for an X
account whose id no proof told. `handle` is the label as it is written, `handle_key` is what labels are compared
by. A challenge keeps its targets in two arrays, ids and handles, in the same order. Values were parsed before
they were stored, and are trusted when they are read.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from directory.accounts import (
    Account,
    AccountNetwork,
    BlueskyAccount,
    MastodonAccount,
    TargetAccount,
    XAccount,
)
from directory.identifiers import Acct, ActorUri, AtHandle, Did, XHandle, XId

_CODE: Final = {AccountNetwork.BLUESKY: 1, AccountNetwork.MASTODON: 2, AccountNetwork.X: 3}
_NETWORK_OF_CODE: Final = {code: network for network, code in _CODE.items()}
X_CODE: Final = _CODE[AccountNetwork.X]
_DID: Final = "did:"

TARGETS_ARE_LINKED: Final = (
    "targets <@ ARRAY(SELECT account_id FROM linked_account"
    f" WHERE member = challenge.member AND network <> {X_CODE})"
)
"""SQL: whether all accounts that a row of `challenge` names are still linked to its member."""


class AccountColumns(NamedTuple):
    """An account as a row of `linked_account`; `contested_claim` has the id and the handle of an X account."""

    network: int
    account_id: str | None
    handle: str
    handle_key: str


def account_network_code(network: AccountNetwork) -> int:
    """Returns the number a network is stored as: the mappings' numbers, and one for X."""
    return _CODE[network]


def account_network_of_code(code: int) -> AccountNetwork:
    """Returns the network that a stored number stands for."""
    return _NETWORK_OF_CODE[code]


def columns_of(account: Account) -> AccountColumns:
    """Returns the columns of an account."""
    account_id = str(account.id) if account.id is not None else None
    return AccountColumns(_CODE[account.network], account_id, str(account.handle), account.handle.key)


def read_account(network: int, account_id: str | None, handle: str) -> Account:
    """Reads an account from its columns: the inverse of `columns_of`."""
    if network == X_CODE or account_id is None:
        return read_x_account(account_id, handle)
    return _read_target(_NETWORK_OF_CODE[network], account_id, handle)


def read_target_account(network: int, account_id: str, handle: str) -> TargetAccount:
    """Reads an account that a mapping can lead to."""
    return _read_target(_NETWORK_OF_CODE[network], account_id, handle)


def read_x_account(account_id: str | None, handle: str) -> XAccount:
    """Reads an X account from columns that hold X accounts only."""
    return XAccount(XId(int(account_id)) if account_id is not None else None, XHandle(handle))


def target_columns(targets: Sequence[TargetAccount]) -> tuple[list[str], list[str]]:
    """Returns the ids and the handles of a challenge's targets."""
    return [str(target.id) for target in targets], [str(target.handle) for target in targets]


def read_targets(ids: Sequence[str], handles: Sequence[str]) -> tuple[TargetAccount, ...]:
    """Reads a challenge's targets: the inverse of `target_columns`."""
    return tuple(
        _read_target(
            AccountNetwork.BLUESKY if target_id.startswith(_DID) else AccountNetwork.MASTODON,
            target_id,
            handle,
        )
        for target_id, handle in zip(ids, handles, strict=True)
    )


def _read_target(network: AccountNetwork, account_id: str, handle: str) -> TargetAccount:
    if network is AccountNetwork.BLUESKY:
        return BlueskyAccount(Did(account_id), AtHandle(handle))
    user, _, host = handle.partition("@")
    return MastodonAccount(ActorUri(account_id), Acct(user, host))
