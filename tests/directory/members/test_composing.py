"""Composing a mapping: which proof of the X account it rests on, how long it holds, and when it is said anew."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
import pytest

from directory.accounts import LinkedAccount, ProofState, TargetAccount
from directory.identifiers import Acct, XHandle, XId
from directory.mapping_life import MappingState
from directory.mappings import Evidence, EvidenceKind, Mapping, Network, Strength
from directory.members.errors import (
    AccountMoved,
    MemberError,
    NotNamed,
    NotProven,
    ProofLapsed,
    ProofTooOld,
    UnknownAccount,
)
from directory.members.publications import (
    KEEP_EXPIRED,
    Publication,
    PublicationState,
    Wish,
    compose_mapping,
    is_worth_restating,
)
from directory.moderation.hides import HideReason
from tests.directory.members.people import (
    ORIGIN,
    bluesky,
    linked,
    mastodon,
    names_of,
    x_account,
)
from tests.harness.clock import START

K = EvidenceKind
DAY: Final = timedelta(days=1)
SECOND: Final = timedelta(seconds=1)
VALID: Final = timedelta(days=180)
"""What docs/protocol.md promises to peers: no mapping holds longer."""
HERE: Final = bluesky("ada")
NAMED: Final = names_of(HERE)
OTHERS: Final = names_of(mastodon("ada"))


def piece(
    kind: EvidenceKind, *, age: timedelta = timedelta(0), names: tuple[str, ...] = NAMED, ref: str = "1"
) -> Evidence:
    """A proof of the X account, which names the account that it is published as."""
    return Evidence(kind, START - age, ref, names)


def on_x(*evidence: Evidence, x_id: int | None = 5) -> LinkedAccount:
    return linked(x_account("ada", x_id), *evidence, number=3)


def target(account: TargetAccount = HERE, *, age: timedelta = timedelta(0)) -> LinkedAccount:
    """The account on a new network, whose sign-in was seen that long ago."""
    kind = K.BLUESKY_OAUTH if account is HERE else K.MASTODON_OAUTH
    return linked(account, Evidence(kind, START - age), number=4, checked_at=START - age)


def compose(x: LinkedAccount, there: LinkedAccount | None = None) -> Mapping:
    return compose_mapping(x, there or target(), ORIGIN, START)


BY_POST: Final = piece(K.X_POST_ID)
SAID: Final = Publication(
    id=UUID(int=7),
    member=UUID(int=2),
    x_account=UUID(int=3),
    target_account=UUID(int=4),
    network=Network.BLUESKY,
    published_at=START,
    x_id=XId(5),
    x_handle=XHandle("ada"),
    target_id=HERE.id,
    target_handle=HERE.handle,
    strength=Strength.BOUND,
    mapping_state=MappingState.ACTIVE,
    hidden=None,
    leaf=1,
    issued=START,
    expires=START + VALID,
    name_until=START + VALID,
    is_replacing=False,
    is_logged=True,
    is_stale=False,
    is_contested=False,
)


@pytest.mark.parametrize(
    ("account", "network"), [(HERE, Network.BLUESKY), (mastodon("ada"), Network.MASTODON)]
)
def test_the_whole_mapping(account: TargetAccount, network: Network) -> None:
    """Nothing of another account, and no name that the proof had beside this one, comes to peers."""
    both = names_of(HERE, mastodon("ada"))
    x, new = on_x(piece(K.X_POST_ID, age=DAY, names=both)), target(account, age=2 * DAY)
    assert compose(x, new) == Mapping(
        x_id=XId(5),
        x_handle=XHandle("ada"),
        network=network,
        target_id=account.id,
        target_handle=account.handle,
        strength=Strength.BOUND,
        evidence=(Evidence(K.X_POST_ID, START - DAY, "1"), *new.evidence),
        origin=ORIGIN,
        leaf=None,
        issued=START,
        expires=START + VALID - 2 * DAY,
    )


def moved(account: LinkedAccount) -> LinkedAccount:
    return msgspec.structs.replace(account, moved_to=Acct.parse("ada@new.example"))


def lapsed(account: LinkedAccount) -> LinkedAccount:
    return msgspec.structs.replace(account, health=ProofState.LAPSED)


@pytest.mark.parametrize(
    ("x", "there", "refusal"),
    [
        (target(), target(), UnknownAccount),
        (on_x(BY_POST), on_x(BY_POST), UnknownAccount),
        (lapsed(on_x(BY_POST)), target(), ProofLapsed),
        (on_x(BY_POST), lapsed(target()), ProofLapsed),
        (on_x(BY_POST), moved(target()), AccountMoved),
        (on_x(), target(), NotProven),
        (on_x(piece(K.X_POST_ID, names=())), target(), NotNamed),
        (on_x(piece(K.X_POST_ID, names=OTHERS)), target(), NotNamed),
        (on_x(piece(K.PROFILE_LINK)), target(), NotProven),
        (on_x(piece(K.PROFILE_LINK), piece(K.X_POST_ID, names=OTHERS)), target(), NotProven),
        (on_x(BY_POST, x_id=None), target(), NotProven),
        (on_x(piece(K.X_OAUTH), x_id=None), target(), NotProven),
    ],
)
def test_what_is_not_published(x: LinkedAccount, there: LinkedAccount, refusal: type[MemberError]) -> None:
    """Attack: an account that was bought, moved away, or never named by a proof is said to be the X account's."""
    with pytest.raises(refusal):
        compose(x, there)


OLD: Final = VALID - DAY


@pytest.mark.parametrize(
    ("evidence", "chosen"),
    [
        ([piece(K.X_POST_HANDLE), piece(K.X_POST_ID, age=OLD, ref="2")], "2"),
        ([piece(K.X_POST_ID, age=OLD, ref="2"), piece(K.X_POST_HANDLE)], "2"),
        ([piece(K.X_POST_ID, age=DAY), piece(K.X_OAUTH, ref="2")], "2"),
        ([piece(K.X_OAUTH, ref="2"), piece(K.X_POST_ID, age=DAY)], "2"),
        ([piece(K.X_POST_ID, age=VALID), piece(K.X_POST_HANDLE, age=OLD, ref="2")], "2"),
        ([piece(K.X_POST_HANDLE, age=OLD, ref="2"), piece(K.X_POST_ID, age=VALID)], "2"),
        ([piece(K.X_POST_ID, names=OTHERS), piece(K.X_POST_HANDLE, ref="2")], "2"),
        ([piece(K.PROFILE_LINK, ref="3"), piece(K.X_POST_HANDLE, age=DAY, ref="2")], "2"),
    ],
)
def test_a_mapping_rests_on_the_best_proof_that_holds(evidence: list[Evidence], chosen: str) -> None:
    """An old post of the number is better than a new one of the name, until it has run out; a proof that names
    another account counts for nothing."""
    mapping = compose(on_x(*evidence))
    assert [item.ref for item in mapping.evidence] == [chosen, None]


@pytest.mark.parametrize("kind", [K.X_POST_HANDLE, K.X_CONFIRMED])
def test_a_number_is_told_only_by_what_proves_it(kind: EvidenceKind) -> None:
    """The account's number is known from a post for another account: a mapping by name must not answer for it."""
    mapping = compose(on_x(piece(K.X_POST_ID, names=OTHERS), piece(kind)))
    assert (mapping.x_id, mapping.strength) == (None, Strength.HANDLE)


def test_two_links_carry_a_mapping() -> None:
    """Both profiles link to the member's page, and nobody posted anything."""
    link = Evidence(K.PROFILE_LINK, START, "https://x.com/ada", NAMED)
    back = Evidence(K.PROFILE_LINK, START, "https://bsky.app/profile/ada.bsky.example")
    there = msgspec.structs.replace(target(), evidence=(*target().evidence, back))
    assert compose(on_x(link), there).strength is Strength.LINKED


@pytest.mark.parametrize(
    ("x_age", "age", "left"),
    [
        (DAY, 3 * DAY, VALID - 3 * DAY),
        (3 * DAY, DAY, VALID - 3 * DAY),
        (timedelta(0), timedelta(0), VALID),
        (VALID - SECOND, DAY, SECOND),
        (DAY, VALID - SECOND, SECOND),
        (VALID, DAY, None),
        (DAY, VALID, None),
        (-DAY, -DAY, VALID),
    ],
)
def test_a_mapping_holds_180_days_from_the_older_proof(
    x_age: timedelta, age: timedelta, left: timedelta | None
) -> None:
    """To the second: one that has run out is never said, and one whose proofs a wrong clock dated ahead holds no
    longer, since peers refuse it otherwise."""
    x, there = on_x(piece(K.X_POST_ID, age=x_age)), target(age=age)
    if left is None:
        with pytest.raises(ProofTooOld):
            compose(x, there)
    else:
        mapping = compose(x, there)
        assert (mapping.issued, mapping.expires) == (START, START + left)


def test_times_are_told_in_whole_seconds() -> None:
    """The log counts so: a mapping that was stored with fractions would differ from what its leaf says."""
    later = timedelta(microseconds=700_001)
    x = on_x(Evidence(K.X_POST_ID, START + later, "1", NAMED))
    there = linked(HERE, Evidence(K.BLUESKY_OAUTH, START + later), checked_at=START + later)
    mapping = compose_mapping(x, there, ORIGIN, START + 2 * later)
    assert [item.at for item in mapping.evidence] == [START, START]
    assert (mapping.issued, mapping.expires) == (START + SECOND, START + VALID)


MEANT: Final = compose(on_x(BY_POST))


@pytest.mark.parametrize(
    "changed",
    [
        {"x_id": None},
        {"x_id": XId(6)},
        {"x_handle": XHandle("countess")},
        {"target_id": mastodon("ada").id},
        {"target_handle": bluesky("ada", "ada.example").handle},
        {"strength": Strength.HANDLE},
        {"is_contested": True},
    ],
    ids=str,
)
def test_whatever_changes_is_said_anew(changed: dict[str, object]) -> None:
    """A change that is not said leaves the world at the former name, account or strength, and followed unseen."""
    assert not is_worth_restating(SAID, MEANT)
    assert is_worth_restating(msgspec.structs.replace(SAID, **changed), MEANT)


@pytest.mark.parametrize(
    ("said_left", "left", "is_worth"),
    [
        (VALID, VALID, False),
        (VALID - 29 * DAY, VALID, False),
        (VALID - 30 * DAY + SECOND, VALID, False),
        (VALID - 30 * DAY, VALID, True),
        (VALID - 60 * DAY, VALID, True),
        (VALID, VALID - 60 * DAY, False),
        (SECOND, DAY, False),
        (timedelta(0), DAY, True),
        (-SECOND, DAY, True),
    ],
)
def test_a_mapping_is_renewed_for_30_days_more_or_when_it_has_run_out(
    said_left: timedelta, left: timedelta, *, is_worth: bool
) -> None:
    """Each renewal is a leaf for every peer for ever; one that does not come loses the member."""
    said = msgspec.structs.replace(SAID, expires=START + said_left)
    meant = msgspec.structs.replace(MEANT, expires=START + left)
    assert is_worth_restating(said, meant) is is_worth


@pytest.mark.parametrize(
    ("ahead", "is_worth"), [(timedelta(hours=1), False), (timedelta(hours=1, seconds=1), True)]
)
def test_what_a_clock_that_ran_ahead_issued_is_said_anew(ahead: timedelta, *, is_worth: bool) -> None:
    """It expires later than anything that is said now, and answers to nobody until its time: it was never renewed."""
    said = msgspec.structs.replace(SAID, issued=START + ahead, expires=START + ahead + VALID)
    assert is_worth_restating(said, MEANT) is is_worth


S = PublicationState


@pytest.mark.parametrize(
    ("changed", "left", "state"),
    [
        ({}, DAY, S.ACTIVE),
        ({}, SECOND, S.ACTIVE),
        ({}, timedelta(0), S.EXPIRED),
        ({}, -DAY, S.EXPIRED),
        ({"mapping_state": MappingState.PENDING}, DAY, S.PENDING),
        ({"mapping_state": MappingState.PENDING}, timedelta(0), S.EXPIRED),
        ({"mapping_state": MappingState.PENDING, "is_replacing": True}, DAY, S.ACTIVE),
        ({"is_replacing": True}, DAY, S.ACTIVE),
        ({"issued": START + timedelta(hours=1)}, DAY, S.ACTIVE),
        ({"issued": START + timedelta(hours=1, seconds=1)}, DAY, S.PENDING),
        ({"hidden": HideReason.WRONG_ACCOUNT}, DAY, S.HIDDEN),
        ({"hidden": HideReason.WRONG_ACCOUNT}, timedelta(0), S.HIDDEN),
        ({"hidden": HideReason.WRONG_ACCOUNT, "mapping_state": MappingState.PENDING}, DAY, S.HIDDEN),
    ],
)
def test_members_see_what_the_world_sees(
    changed: dict[str, object], left: timedelta, state: PublicationState
) -> None:
    """One who is told that an expired or hidden mapping answers waits for followers who never come."""
    said = msgspec.structs.replace(SAID, expires=START + left, **changed)
    assert said.state(START) is state


def test_pages_and_exports_tell_each_state_by_its_word() -> None:
    """The page shows a state whose word it does not know as run out: the member takes back what answers."""
    assert [state.value for state in S] == ["pending", "active", "hidden", "expired"]


def test_an_expired_publication_is_kept_for_30_days() -> None:
    """The member can renew it for that long, as docs/members.md says."""
    assert timedelta(days=30) == KEEP_EXPIRED


def test_a_wish_agrees_to_nothing_by_itself() -> None:
    assert Wish(UUID(int=3), UUID(int=4)).consent is None
