"""What `passerelle doctor` says of the accounts that messages about newcomers are sent from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.findings import Finding
from deploy.message_check import check_accounts, look_at_messages
from deploy.wiring.messages import build_messengers
from directory.networks.http import GuardedClient
from directory.settings import Role, Settings
from tests.harness.fake_mastodon.fixtures import http_fixture
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_messages import BLUESKY_KEY, MASTODON_KEY, FakeChat, FakePosts


@pytest.fixture
def internet() -> Iterator[FakeInternet]:
    with FakeInternet() as fake:
        fake.sites |= {"bot.test": FakePosts(), "pds.test": FakeChat()}
        yield fake


http = http_fixture()


def settings_with(folder: Path, mastodon: str, bluesky: str, *, mode: int = 0o600) -> Settings:
    """Settings with both accounts, whose secrets are in files."""
    folder.chmod(0o700)
    for name, content in (("mastodon", mastodon), ("bluesky", bluesky)):
        (folder / name).write_text(content + "\n")
        (folder / name).chmod(mode)
    return Settings(
        bluesky_account="bot.test",
        bluesky_account_server="https://pds.test/",
        bluesky_password_file=folder / "bluesky",
        mastodon_account="bot@bot.test",
        mastodon_token_file=folder / "mastodon",
    )


async def look(settings: Settings, http: GuardedClient) -> dict[str, Finding]:
    messengers = list(build_messengers(settings, http).values())
    return {each.name: each for each in await check_accounts(messengers)}


async def test_secrets_that_are_taken(tmp_path: Path, http: GuardedClient) -> None:
    found = await look(settings_with(tmp_path, MASTODON_KEY, BLUESKY_KEY), http)
    assert {name: (each.is_good, each.seen) for name, each in found.items()} == {
        "Messages on Bluesky": (True, "as bot.test"),
        "Messages on Mastodon": (True, "as bot@bot.test"),
    }


async def test_secrets_that_are_refused_are_told_and_not_shown(tmp_path: Path, http: GuardedClient) -> None:
    found = await look(settings_with(tmp_path, "sesame-one", "sesame-two"), http)
    for each in found.values():
        assert not each.is_good
        assert "does not take our" in each.seen
        assert "sesame" not in each.seen
        assert "Messages about newcomers" in each.mend


async def test_a_secret_that_others_can_read_is_not_used(tmp_path: Path, http: GuardedClient) -> None:
    found = await look(settings_with(tmp_path, MASTODON_KEY, BLUESKY_KEY, mode=0o644), http)
    assert all("has the mode 0644" in each.seen and not each.is_good for each in found.values())


async def test_without_accounts_and_without_the_role_nothing_is_asked(tmp_path: Path) -> None:
    assert await look_at_messages(Settings()) == []
    settings = settings_with(tmp_path, MASTODON_KEY, BLUESKY_KEY)
    no_worker = Settings(
        roles=frozenset({Role.WEB}),
        mastodon_account=settings.mastodon_account,
        mastodon_token_file=settings.mastodon_token_file,
    )
    assert await look_at_messages(no_worker) == []
