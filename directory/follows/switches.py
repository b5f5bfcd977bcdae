"""The operators' switches over follows. Pure."""

import msgspec

from directory.accounts import MastodonAccount, TargetAccount
from directory.mappings import Network


class Switches(msgspec.Struct, frozen=True):
    """Whether anybody is followed at all, to which hosts nobody, and on which networks nobody."""

    is_on: bool = True
    not_to: frozenset[str] = frozenset()
    """Hosts in lower case; each means what is below it, too."""
    not_on: frozenset[Network] = frozenset()

    def stop_run(self, network: Network, host: str) -> bool:
        """Tells whether a run of a member on this host follows nobody now."""
        return not self.is_on or network in self.not_on or self._is_closed(host)

    def stop_target(self, account: TargetAccount) -> bool:
        """Tells whether this account is followed by nobody."""
        if isinstance(account, MastodonAccount):
            actor_host = str(account.actor).split("/")[2]
            return self._is_closed(account.acct.host) or self._is_closed(actor_host)
        return self._is_closed(str(account.handle))

    def _is_closed(self, host: str) -> bool:
        parts = host.lower().rstrip(".").partition(":")[0].split(".")
        return any(".".join(parts[start:]) in self.not_to for start in range(len(parts)))
