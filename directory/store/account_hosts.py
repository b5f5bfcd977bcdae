"""SQL expressions for the host that a job on a row talks to, derived from the row's columns. Made of constants."""

from typing import Final

from directory.accounts import AccountNetwork
from directory.store.account_columns import account_network_code

X_STAND_IN: Final = "x.com"
"""Stands for all sources of X: which of them is asked depends on the results of those before it."""
PLC_STAND_IN: Final = "plc.directory"
"""Stands for the servers of all PLC accounts: they are known only after the PLC directory was asked."""
IS_ON_MASTODON: Final = f"network = {account_network_code(AccountNetwork.MASTODON):d}"
_IS_ON_X: Final = f"network = {account_network_code(AccountNetwork.X):d}"


def host_in(column: str) -> str:
    """Returns the expression for the host in a column of URLs or of hosts, with its port where one is named."""
    return f"lower(substring({column} from '^(?:https?://)?([^/?#]+)'))"


HOST_OF_ACCOUNT: Final = (
    f"CASE WHEN {IS_ON_MASTODON} THEN {host_in('account_id')} WHEN {_IS_ON_X} THEN '{X_STAND_IN}'"
    f" ELSE coalesce(substring(account_id from '^did:web:(.+)$'), '{PLC_STAND_IN}') END"
)
"""The host that a re-check of a row of `linked_account` asks first."""
