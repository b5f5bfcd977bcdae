"""Accounts of every kind, as they come out of the parsers."""

from hypothesis import strategies as st

from directory.accounts import Account, BlueskyAccount, MastodonAccount, TargetAccount, XAccount
from directory.identifiers import Acct, ActorUri, AtHandle, Did, XHandle, XId

_labels = st.from_regex(r"[a-z][a-z0-9]{0,10}", fullmatch=True)
_hosts = st.builds("{}.{}".format, _labels, _labels)
_users = st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,20}[A-Za-z0-9_])?", fullmatch=True)
_plc = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=24, max_size=24).map("did:plc:{}".format)
_x_names = st.from_regex(r"[A-Za-z0-9_]{1,20}", fullmatch=True)

x_accounts: st.SearchStrategy[XAccount] = st.builds(
    XAccount, st.none() | st.builds(XId, st.integers(1, 2**63 - 1)), _x_names.map(XHandle.parse)
)
bluesky_accounts: st.SearchStrategy[BlueskyAccount] = st.builds(
    BlueskyAccount, (_plc | _hosts.map("did:web:{}".format)).map(Did.parse), _hosts.map(AtHandle.parse)
)
mastodon_accounts: st.SearchStrategy[MastodonAccount] = st.builds(
    MastodonAccount,
    st.builds("https://{}/users/{}".format, _hosts, _users).map(ActorUri.parse),
    st.builds("{}@{}".format, _users, _hosts).map(Acct.parse),
)
targets: st.SearchStrategy[TargetAccount] = bluesky_accounts | mastodon_accounts
accounts: st.SearchStrategy[Account] = x_accounts | targets
