"""Builds the instance's own accounts, from which messages about newcomers are sent."""

from collections.abc import Mapping
from pathlib import Path

from directory.accounts import AccountNetwork
from directory.identifiers import Acct
from directory.networks.bluesky.messages import BlueskyMessenger, OwnBlueskyAccount
from directory.networks.http import GuardedClient
from directory.networks.mastodon.messages import MastodonMessenger, OwnMastodonAccount
from directory.networks.messages import Messenger, OwnAccountRefused
from directory.secret_files import SecretFileError, SecretFolder
from directory.settings import Settings


def build_messengers(settings: Settings, http: GuardedClient) -> Mapping[AccountNetwork, Messenger]:
    """Builds a messenger for each network on which the settings name an account of the instance."""
    found: dict[AccountNetwork, Messenger] = {}
    if settings.bluesky_account and settings.bluesky_password_file is not None:
        found[AccountNetwork.BLUESKY] = _bluesky(settings, settings.bluesky_password_file, http)
    if settings.mastodon_account and settings.mastodon_token_file is not None:
        found[AccountNetwork.MASTODON] = _mastodon(settings, settings.mastodon_token_file, http)
    return found


def _bluesky(settings: Settings, file: Path, http: GuardedClient) -> BlueskyMessenger:
    own = OwnBlueskyAccount(
        settings.bluesky_account_server.rstrip("/"),
        settings.bluesky_account,
        lambda: read_secret(file),
        allow_loopback=settings.allow_loopback,
    )
    return BlueskyMessenger(http, own)


def _mastodon(settings: Settings, file: Path, http: GuardedClient) -> MastodonMessenger:
    acct = Acct.parse(settings.mastodon_account)
    return MastodonMessenger(http, OwnMastodonAccount(acct.host, acct.user, lambda: read_secret(file)))


def read_secret(file: Path) -> str:
    """Reads the secret of an own account, at each use. Raises OwnAccountRefused."""
    try:
        return SecretFolder(path=file.parent).read_text(file.name).strip()
    except SecretFileError as error:
        raise OwnAccountRefused("", str(error)) from error
