"""Which host a row talks to, as SQL: derived from what the row holds. Expressions, made of constants of the code."""

from typing import Final

from directory.accounts import AccountNetwork
from directory.store.account_columns import account_network_code

X_STAND_IN: Final = "x.com"
"""For all sources of X together: which of them is asked depends on what the ones before it said."""
PLC_STAND_IN: Final = "plc.directory"
"""For all accounts of the PLC directory: their own servers are known only once it was asked."""
IS_ON_MASTODON: Final = f"network = {account_network_code(AccountNetwork.MASTODON):d}"
_IS_ON_X: Final = f"network = {account_network_code(AccountNetwork.X):d}"


def host_in(column: str) -> str:
    """The host in a column of URLs or of hosts; with its port, where one is named."""
    return f"lower(substring({column} from '^(?:https?://)?([^/?#]+)'))"


HOST_OF_ACCOUNT: Final = (
    f"CASE WHEN {IS_ON_MASTODON} THEN {host_in('account_id')} WHEN {_IS_ON_X} THEN '{X_STAND_IN}'"
    f" ELSE coalesce(substring(account_id from '^did:web:(.+)$'), '{PLC_STAND_IN}') END"
)
"""Of a row of linked_account: whom a re-check asks first."""
