"""Over many generated worlds, nobody follows somebody else unseen, and the worlds would show it if the rules were less."""

from pathlib import Path
from typing import Any, Final

import pytest

from directory import ranking
from directory.accounts import LinkedAccount, ProvenAccount
from directory.mappings import Evidence, Mapping, Network, Strength
from directory.members import publications
from directory.members.claims import Claim
from directory.members.errors import NotProven
from directory.proofs import judge
from directory.proofs.sentence import find_nonces
from directory.proofs.strength import strength_of
from tests.worlds import instance, ledger
from tests.worlds.instance import Instance
from tests.worlds.ledger import Ledger
from tests.worlds.oracle import Verdict
from tests.worlds.slices import Total, play_slice

SEEDS: Final = Path(__file__).with_name("seeds.txt")
SLICES: Final = {"usual": range(3_000), "quick": range(1_000), "bought": range(1_000)}


def kept_seeds() -> list[tuple[str, int]]:
    """Reads the seeds that once showed a fault: kind, seed, and why."""
    lines = [line.split(maxsplit=2) for line in SEEDS.read_text().splitlines()]
    return [(kind, int(seed)) for kind, seed, _ in (line for line in lines if line and line[0] != "#")]


@pytest.mark.parametrize("kind", SLICES)
def test_nobody_follows_somebody_else_unseen(kind: str) -> None:
    total = play_slice(kind, SLICES[kind])
    assert total.wrong == {}
    assert kind == "quick" or not total.follows[Verdict.NAME_PASSED_ON]
    assert kind == "bought" or not total.follows[Verdict.BOUGHT_UNSEEN]
    _check_that_much_happened(total)


def _check_that_much_happened(total: Total) -> None:
    assert total.follows[Verdict.RIGHT] > 10 * total.worlds, "the worlds are empty"
    assert total.follows["shown with a tick"] > total.worlds / 2
    for event in ("renamed", "resold", "name passed on", "phished", "hijacked", "server died", "left"):
        assert total.happened[event] > total.worlds / 20, event
    for event in ("session stolen", "decided", "moved", "domain bought", "name recycled"):
        assert total.happened[event] > total.worlds / 200, event


@pytest.mark.parametrize(("kind", "seed"), kept_seeds())
def test_a_seed_that_once_showed_a_fault(kind: str, seed: int) -> None:
    assert play_slice(kind, [seed]).wrong == {}


# What follows takes one rule away, as the attack found it.


def _nonce_alone(text: str, sentence: str) -> bool:
    """Attack: a post that names another account and another instance proves mine."""
    return bool(find_nonces(text) & find_nonces(sentence))


def _any_proof(x: LinkedAccount, target: LinkedAccount, now: Any) -> tuple[Evidence, Strength]:
    """Attack: a publication points to an account that the post never named."""
    graded = [
        (piece, strength)
        for piece in x.evidence
        if (strength := strength_of((piece, *target.evidence), Network(target.account.network.value)))
        is not None
    ]
    if not graded:
        raise NotProven
    return max(graded, key=lambda each: (each[1], each[0].at))


def _old_evidence(claim: Claim, seen: object) -> ProvenAccount:
    """Attack: a claim is upheld on the evidence that was stored with it."""
    return ProvenAccount(claim.account, claim.evidence[0])


def _never(*_: object) -> bool:
    return False


def _no_doubt(*_: object) -> None:
    """Attack: a name from an old post counts as today's."""


def _untouched(_self: Instance, _challenge: object) -> None:
    """Attack: a name in the sentence passed to the person who posts it."""


def _for_ever(self: Mapping) -> Any:
    """Attack: the name of an X sign-in answers for as long as the mapping."""
    return self.expires


WITHOUT: Final[dict[str, tuple[object, str, object, str, int, range]]] = {
    "the names in a sentence": (judge, "is_sentence", _nonce_alone, "usual", 9, range(200)),
    "the names of a proof": (publications, "_choose_proof", _any_proof, "usual", 24, range(400)),
    "a second look at a claim": (instance, "judge_claim", _old_evidence, "usual", 760, range(1_500)),
    "lapsed accounts that open nothing": (Ledger, "opens_nothing", _never, "usual", 209, range(1_500)),
    "contests": (Ledger, "is_contested", _never, "quick", 198, range(1_500)),
    "the age of names": (ranking, "doubt_of_name", _no_doubt, "usual", 6, range(400)),
    "the end of names of X sign-ins": (
        Mapping,
        "name_until",
        property(_for_ever),
        "quick",
        978,
        range(1_500),
    ),
    "the present names": (Instance, "_compare_names", _untouched, "usual", 240, range(1_500)),
    "a month away": (ledger, "is_away", _never, "usual", 255, range(1_500)),
}
"""What is taken away: where it is, its name, what stands there instead, the kind of the worlds that show it, the first that did when
this was written, which is tried first, and those that are looked through else."""


@pytest.mark.parametrize("rule", WITHOUT)
def test_without_a_rule_somebody_else_is_followed(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, name, instead, kind, shown, seeds = WITHOUT[rule]
    monkeypatch.setattr(place, name, instead)
    assert any(play_slice(kind, [seed]).wrong for seed in (shown, *seeds)), f"no world needs {rule}"
