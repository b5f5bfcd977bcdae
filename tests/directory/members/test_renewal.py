"""What a new proof, or a re-check that holds, changes of an account, and what it leaves as it was."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
import pytest

from directory.accounts import Account, LinkedAccount, ProofState, ProvenAccount
from directory.identifiers import Acct
from directory.mappings import Evidence, EvidenceKind
from directory.members.renewal import (
    MAX_EVIDENCE,
    add_link,
    drop_link,
    list_checkable,
    merge_evidence,
    prove_again,
    see_again,
)
from tests.directory.members.people import at_mastodon, bluesky, linked, mastodon, names_of, x_account
from tests.harness.clock import START

K = EvidenceKind
DAY: Final = timedelta(days=1)
NOW: Final = START + 100 * DAY
ADA: Final = names_of(bluesky("ada"))
HOME: Final = names_of(mastodon("ada"))
BOTH: Final = names_of(bluesky("ada"), mastodon("ada"))


def piece(kind: EvidenceKind, day: int = 0, names: tuple[str, ...] = ADA, ref: str | None = None) -> Evidence:
    """Evidence that was seen on a day of the test."""
    return Evidence(kind, START + day * DAY, ref, names)


def ada(*evidence: Evidence, x_id: int | None = 5, checked_at: datetime = START) -> LinkedAccount:
    return linked(x_account("ada", x_id), *evidence, checked_at=checked_at)


def lapsed(account: LinkedAccount) -> LinkedAccount:
    return msgspec.structs.replace(account, health=ProofState.LAPSED, health_since=START)


POST: Final = piece(K.X_POST_ID, 1, ref="1")
BY_NAME: Final = piece(K.X_POST_HANDLE, 1, ref="1")
SIGN_IN: Final = piece(K.X_OAUTH, 1)


@pytest.mark.parametrize(
    ("held", "new", "kept"),
    [
        ([POST], piece(K.X_POST_ID, 2, ref="2"), ["2 x-post-id 2"]),
        ([POST], piece(K.X_POST_ID, 2, BOTH, "2"), ["2 x-post-id 2"]),
        ([POST], piece(K.X_POST_ID, 2, HOME, "2"), ["2 x-post-id 2", "1 x-post-id 1"]),
        (
            [piece(K.X_POST_ID, 1, BOTH, "1")],
            piece(K.X_POST_ID, 2, ref="2"),
            ["2 x-post-id 2", "1 x-post-id 1"],
        ),
        ([BY_NAME], piece(K.X_POST_ID, 2, ref="1"), ["2 x-post-id 1"]),
        ([BY_NAME], piece(K.X_POST_ID, 2, ref="2"), ["2 x-post-id 2", "1 x-post-handle 1"]),
        ([BY_NAME], piece(K.X_POST_ID, 2, HOME, ref="1"), ["2 x-post-id 1", "1 x-post-handle 1"]),
        ([POST], piece(K.X_POST_HANDLE, 2, ref="1"), ["2 x-post-handle 1", "1 x-post-id 1"]),
        ([POST, SIGN_IN], piece(K.X_POST_ID, 2, ref="2"), ["2 x-post-id 2", "1 x-oauth None"]),
        ([POST], piece(K.X_POST_HANDLE, 0, ref="0"), ["1 x-post-id 1", "0 x-post-handle 0"]),
    ],
)
def test_a_new_proof_replaces_what_it_says_as_well(
    held: Sequence[Evidence], new: Evidence, kept: Sequence[str]
) -> None:
    """A proof that is replaced though it named another account leaves that one without any: the member's mapping to
    it ends. The newest stands first."""
    after = prove_again(ada(*held), ProvenAccount(x_account("ada", 5), new), NOW)
    assert [f"{(item.at - START).days} {item.kind} {item.ref}" for item in after.evidence] == kept


@pytest.mark.parametrize(
    ("held", "new", "kept"),
    [
        ([SIGN_IN], piece(K.X_OAUTH, 3, ()), [(3, ()), (1, ADA)]),
        ([SIGN_IN, piece(K.X_OAUTH, 2, HOME)], piece(K.X_OAUTH, 3, ()), [(3, ()), (1, ADA), (2, HOME)]),
        ([piece(K.X_OAUTH, 1, ())], piece(K.X_OAUTH, 3, ()), [(3, ())]),
        ([], piece(K.X_OAUTH, 3, ()), [(3, ())]),
        ([SIGN_IN], piece(K.X_OAUTH, 3, HOME), [(3, HOME), (1, ADA)]),
        ([SIGN_IN], piece(K.X_OAUTH, 3, BOTH), [(3, BOTH)]),
        ([POST], piece(K.X_OAUTH, 3, ()), [(3, ()), (1, ADA)]),
        ([piece(K.X_POST_ID, 1, ADA)], piece(K.X_POST_ID, 3, ()), [(3, ()), (1, ADA)]),
    ],
)
def test_signing_in_at_x_renews_only_what_it_names(
    held: Sequence[Evidence], new: Evidence, kept: Sequence[tuple[int, tuple[str, ...]]]
) -> None:
    """Who bought the X account signs in with it, and would keep alive what the seller named."""
    after = merge_evidence(ada(*held), x_account("ada", 5), [new])
    assert sorted(((item.at - START).days, item.names) for item in after) == sorted(kept)


def test_of_sign_ins_that_name_nothing_the_newest_is_kept() -> None:
    """With the place where it can be seen now, and not that of a former one."""
    new = piece(K.X_OAUTH, 3, (), "new")
    assert merge_evidence(ada(piece(K.X_OAUTH, 1, (), "old")), x_account("ada", 5), [new]) == (new,)


@pytest.mark.parametrize("by_link", [True, False])
def test_sign_ins_and_other_proofs_of_one_look_are_all_merged(*, by_link: bool) -> None:
    """A re-check that sees two pieces anew keeps both, whichever comes first."""
    new = [
        piece(K.X_OAUTH, 3, ()),
        piece(K.PROFILE_LINK, 3, HOME) if by_link else piece(K.X_POST_ID, 3, ref="2"),
    ]
    for order in (new, new[::-1]):
        kept = merge_evidence(ada(SIGN_IN, POST), x_account("ada", 5), order)
        assert {(item.kind, (item.at - START).days) for item in kept} == {
            (K.X_OAUTH, 3),
            (K.X_OAUTH, 1),
            (new[1].kind, 3),
            (K.X_POST_ID, 1 if by_link else 3),
        }


@pytest.mark.parametrize("seen", ["countess", "ADA"])
def test_what_proved_a_name_goes_with_the_name(seen: str) -> None:
    """The name is somebody else's by now: whoever posted for it as its bearer proves nothing of the account."""
    every = [piece(kind) for kind in (K.X_POST_ID, K.X_OAUTH, K.X_POST_HANDLE, K.X_CONFIRMED, K.PROFILE_LINK)]
    after = merge_evidence(ada(*every), x_account(seen, 5))
    assert [item.kind for item in after] == [item.kind for item in every][: 2 if seen == "countess" else 5]


def test_a_new_account_keeps_its_evidence_under_a_new_handle() -> None:
    """Its own id is what was proven: a new label is no other account."""
    here = linked(bluesky("ada"), Evidence(K.BLUESKY_OAUTH, START))
    after = see_again(here, bluesky("ada", "ada.example"), (), NOW)
    assert after is not None
    assert (after.account, after.evidence) == (bluesky("ada", "ada.example"), here.evidence)


def test_a_lapsed_account_begins_anew() -> None:
    """Attack: an account lapsed since its post was refuted; a new proof, of another kind and for another account,
    brought the refuted one back with it."""
    before = lapsed(ada(POST, SIGN_IN))
    new = piece(K.X_OAUTH, 9, HOME)
    assert prove_again(before, ProvenAccount(x_account("ada", 5), new), NOW).evidence == (new,)
    by_sign_in = piece(K.X_OAUTH, 9, ())
    assert merge_evidence(before, x_account("ada", 5), [by_sign_in]) == (by_sign_in,)
    assert set(merge_evidence(before, x_account("ada", 5))) == set(before.evidence), (
        "nothing new, nothing lost"
    )
    held = prove_again(ada(POST, SIGN_IN), ProvenAccount(x_account("ada", 5), new), NOW)
    assert set(held.evidence) == {new, POST, SIGN_IN}


def test_the_oldest_of_too_many_proofs_goes() -> None:
    """A member who proves every account apart keeps a proof of each, as many as they can link."""
    assert MAX_EVIDENCE == 20
    held = [
        piece(K.X_POST_ID, day, names_of(bluesky(f"ada{'abcdefghijklmnopqrst'[day]}"))) for day in range(20)
    ]
    after = merge_evidence(ada(*held), x_account("ada", 5), [piece(K.X_POST_ID, 50)])
    assert [(item.at - START).days for item in after] == [50, *range(19, 0, -1)]


@pytest.mark.parametrize(
    ("known", "seen", "is_known_then"),
    [(5, 5, True), (5, None, True), (None, 5, True), (None, None, False)],
)
def test_a_proof_of_the_name_does_not_remove_the_number(
    known: int | None, seen: int | None, *, is_known_then: bool
) -> None:
    """A source that tells no number would else turn what was proven for good into a name, which X can sell."""
    expected = x_account("ADA", 5 if is_known_then else None)
    proven = ProvenAccount(x_account("ADA", seen), piece(K.X_POST_HANDLE, 2))
    assert prove_again(ada(POST, x_id=known), proven, NOW).account == expected
    after = see_again(ada(POST, x_id=known), proven.account, (), NOW)
    assert after is not None
    assert after.account == expected


@pytest.mark.parametrize(
    ("account", "seen"),
    [
        (ada(POST), x_account("ada", 6)),
        (ada(BY_NAME, x_id=None), x_account("countess", 5)),
        (ada(BY_NAME, x_id=None), x_account("countess")),
        (ada(BY_NAME, x_id=None), bluesky("ada")),
        (linked(bluesky("ada")), bluesky("eve", "ada.bsky.example")),
        (linked(mastodon("ada")), bluesky("ada")),
        (linked(bluesky("ada")), x_account("ada", 5)),
        (linked(bluesky("ada")), x_account("ada")),
    ],
)
def test_another_account_is_never_seen_again(account: LinkedAccount, seen: Account) -> None:
    """X sold the name, or a domain was bought: what is seen there now renews nothing of the former bearer."""
    assert see_again(account, seen, (piece(K.X_POST_ID, 9),), NOW) is None


@pytest.mark.parametrize("health", [ProofState.IN_DOUBT, ProofState.STALE, ProofState.LAPSED])
def test_a_new_proof_ends_every_doubt(health: ProofState) -> None:
    """And it says where the server says that the account moved to, which the former sign-in may have known."""
    before = msgspec.structs.replace(
        linked(mastodon("ada"), at_mastodon("ada").evidence),
        health=health,
        health_since=START,
        moved_to=Acct.parse("ada@old.example"),
    )
    proven = at_mastodon("ada", acct="ada@social.example", at=NOW)
    after = prove_again(before, proven, NOW)
    assert (after.health, after.health_since, after.moved_to) == (ProofState.HOLDS, None, None)
    assert (after.proven_at, after.checked_at, after.evidence) == (NOW, NOW, (proven.evidence,))
    assert (after.id, after.member, after.linked_at) == (before.id, before.member, before.linked_at)
    moved = msgspec.structs.replace(proven, moved_to=Acct.parse("ada@new.example"))
    assert prove_again(before, moved, NOW).moved_to == Acct.parse("ada@new.example")
    again = see_again(before, before.account, (), NOW)
    assert again is not None
    assert (again.health, again.health_since, again.checked_at) == (ProofState.HOLDS, None, NOW)
    assert (again.proven_at, again.moved_to) == (START, before.moved_to)


@pytest.mark.parametrize(
    ("evidence", "new", "checked"),
    [
        ((), piece(K.X_POST_ID, 9), 9),
        ((piece(K.X_POST_ID, 3, HOME),), piece(K.X_POST_ID, 9), 3),
        ((piece(K.X_POST_ID, 3),), piece(K.X_POST_ID, 9), 9),
        ((piece(K.X_POST_ID, 3, HOME), piece(K.X_POST_HANDLE, 4)), piece(K.X_POST_ID, 9), 3),
        ((piece(K.X_POST_ID, 3),), piece(K.X_OAUTH, 9), 3),
        ((piece(K.X_OAUTH, 3),), piece(K.X_OAUTH, 9), 9),
        ((piece(K.X_OAUTH, 3, HOME),), piece(K.X_OAUTH, 9), 9),
        ((), piece(K.X_POST_ID, 200), 100),
        ((), piece(K.X_OAUTH, 200), 100),
        ((), piece(K.X_OAUTH, -9), 0),
    ],
)
def test_an_account_is_as_fresh_as_what_was_seen_longest_ago(
    evidence: tuple[Evidence, ...], new: Evidence, checked: int
) -> None:
    """Else a new post for one account put off the look at the post of another, again and again. A sign-in cannot be
    looked at, and a time in the future is not believed."""
    after = prove_again(ada(*evidence), ProvenAccount(x_account("ada", 5), new), NOW)
    assert after.checked_at == START + checked * DAY


LINK: Final = piece(K.PROFILE_LINK, 2)


@pytest.mark.parametrize(
    ("evidence", "checkable"),
    [
        ([], []),
        ([POST], [POST]),
        ([BY_NAME], [BY_NAME]),
        ([SIGN_IN], []),
        ([piece(K.X_CONFIRMED)], []),
        ([LINK], [LINK]),
        ([LINK, POST], [POST]),
        ([LINK, SIGN_IN], []),
        ([LINK, piece(K.X_CONFIRMED)], []),
        ([LINK, piece(K.X_POST_ID, 1, HOME, "1")], [LINK, piece(K.X_POST_ID, 1, HOME, "1")]),
        ([piece(K.PROFILE_LINK, 2, BOTH), POST], [piece(K.PROFILE_LINK, 2, BOTH), POST]),
        ([piece(K.PROFILE_LINK, 2, BOTH), POST, piece(K.X_OAUTH, 1, HOME)], [POST]),
        ([POST, piece(K.X_POST_ID, 3, HOME, "2")], [piece(K.X_POST_ID, 3, HOME, "2"), POST]),
        ([LINK, piece(K.PROFILE_LINK, 1, HOME), POST], [POST, piece(K.PROFILE_LINK, 1, HOME)]),
    ],
)
def test_what_can_be_seen_without_the_member(
    evidence: Sequence[Evidence], checkable: Sequence[Evidence]
) -> None:
    """A link is looked at where it alone carries a mapping; else its loss would put a post in doubt that stands."""
    assert list_checkable(ada(*evidence)) == checkable


def test_a_new_account_is_seen_by_its_network_and_not_by_posts() -> None:
    assert list_checkable(linked(bluesky("ada"), LINK, POST)) == []


def test_the_link_of_a_profile_comes_and_goes_alone() -> None:
    """A link that is seen says nothing of the sign-in, which would else count as new for as long as it stands."""
    before = linked(bluesky("ada"), Evidence(K.BLUESKY_OAUTH, START))
    link = Evidence(K.PROFILE_LINK, NOW, "https://bsky.app/profile/ada.bsky.example")
    with_link = add_link(before, link)
    assert with_link == msgspec.structs.replace(before, evidence=(link, *before.evidence))
    assert add_link(with_link, msgspec.structs.replace(link, at=NOW + DAY)).evidence[0].at == NOW + DAY
    assert len(add_link(with_link, link).evidence) == 2
    assert drop_link(with_link) == before
    assert drop_link(before) == before


@pytest.mark.parametrize(("names", "health"), [((), ProofState.IN_DOUBT), (ADA, ProofState.HOLDS)])
def test_a_sign_in_that_names_nothing_lifts_no_doubt(names: tuple[str, ...], health: ProofState) -> None:
    """The post was seen edited, and what it names is contested. Whoever has the X account signs in with it: that
    lifted the doubt, and what the edited post had named was followed unseen again."""
    before = msgspec.structs.replace(ada(POST), health=ProofState.IN_DOUBT, health_since=START)
    after = prove_again(before, ProvenAccount(x_account("ada", 5), piece(K.X_OAUTH, 3, names)), NOW)
    assert after.health is health
    assert after.health_since == (START if health is ProofState.IN_DOUBT else None)


@pytest.mark.parametrize("health", [ProofState.STALE, ProofState.LAPSED])
@pytest.mark.parametrize("x_id", [None, 5])
def test_what_is_no_doubt_ends_with_any_proof(health: ProofState, x_id: int | None) -> None:
    """Whoever signs in at X again after their proof lapsed, or after a source was out of reach for a while, would be
    told that it was in vain."""
    before = msgspec.structs.replace(ada(POST, x_id=x_id), health=health, health_since=START)
    after = prove_again(before, ProvenAccount(x_account("ada", 5), piece(K.X_OAUTH, 3, ())), NOW)
    assert (after.health, after.health_since) == (ProofState.HOLDS, None)


@pytest.mark.parametrize(
    ("account", "new", "has_rival"),
    [
        (ada(POST), piece(K.X_OAUTH, 3, ()), True),
        (ada(POST), SIGN_IN, False),
        (ada(POST), piece(K.X_POST_ID, 3), False),
        (linked(bluesky("ada")), Evidence(K.BLUESKY_OAUTH, NOW), False),
    ],
)
def test_a_sign_in_that_names_nothing_puts_no_rival_aside(
    account: LinkedAccount, new: Evidence, *, has_rival: bool
) -> None:
    """Attack: the X account was sold, its buyer was seen to prove it, and what the seller had named was followed unseen
    again as soon as somebody signed in with it. What names an account settles whose it is."""
    rivalled = msgspec.structs.replace(account, has_rival=True)
    proven = ProvenAccount(account.account, new)
    assert prove_again(rivalled, proven, NOW).has_rival is has_rival
    assert prove_again(account, proven, NOW).has_rival is False


def test_a_recheck_that_holds_puts_the_rival_aside() -> None:
    """Else one wrong claim of somebody else would leave a member's mappings contested until they prove it all again,
    and have the account re-checked without end."""
    seen = see_again(msgspec.structs.replace(ada(POST), has_rival=True), x_account("ada", 5), (), NOW)
    assert seen is not None
    assert seen.has_rival is False
