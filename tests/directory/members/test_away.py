"""Who was away for so long that somebody else may answer for the account now."""

from datetime import datetime, timedelta
from typing import Final

import msgspec
import pytest

from directory.accounts import Account, BlueskyAccount, LinkedAccount, ProofState
from directory.identifiers import AtHandle, Did
from directory.members.rechecks import is_away
from tests.directory.members.people import bluesky, linked, mastodon, x_account
from tests.harness.clock import START

MONTH: Final = timedelta(days=30)
SECOND: Final = timedelta(seconds=1)
OF_A_DOMAIN: Final = BlueskyAccount(Did.parse("did:web:alice.example"), AtHandle.parse("alice.example"))


def unwell(account: Account, health: ProofState, since: datetime = START) -> LinkedAccount:
    return msgspec.structs.replace(linked(account), health=health, health_since=since)


@pytest.mark.parametrize("account", [mastodon("alice"), OF_A_DOMAIN])
@pytest.mark.parametrize("health", [ProofState.STALE, ProofState.IN_DOUBT])
def test_an_account_at_a_domain_is_away_after_30_days(account: Account, health: ProofState) -> None:
    """A day later, and a domain that is sold again on the 31st day renews the proof of its former account. On the day
    itself, and a server that was down for a month loses its members."""
    silent = unwell(account, health)
    assert is_away(silent, START + MONTH) is False
    assert is_away(silent, START + MONTH + SECOND) is True


@pytest.mark.parametrize("account", [bluesky("alice"), x_account("alice", 12), x_account("alice")])
@pytest.mark.parametrize("health", [ProofState.STALE, ProofState.IN_DOUBT])
def test_what_no_domain_answers_for_is_never_away(account: Account, health: ProofState) -> None:
    """The directory of did:plc was out of reach for a month, or X was: every member with another account lost the way
    in through this one, though nobody else can answer for it."""
    assert is_away(unwell(account, health), START + 400 * MONTH) is False


@pytest.mark.parametrize("account", [mastodon("alice"), OF_A_DOMAIN])
def test_whose_proof_holds_is_not_away(account: Account) -> None:
    """However long ago it was seen: the re-checks may have stood still here, and then no server was silent."""
    assert is_away(linked(account), START + 400 * MONTH) is False
