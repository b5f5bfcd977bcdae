"""The modules that decide who is who, and the tests of each that have to notice a change."""

from typing import Final

import msgspec


class Tests(msgspec.Struct, frozen=True):
    """The test files of a module. Those without a database come first, since they take a second."""

    pure: tuple[str, ...] = ()
    stored: tuple[str, ...] = ()

    def stages(self) -> list[tuple[str, ...]]:
        """Returns what is run one after the other, until a test fails."""
        return [stage for stage in (self.pure, self.stored) if stage]


_MEMBERS: Final = "tests/directory/members"
_PROOFS: Final = "tests/directory/proofs"

TABLE: Final[dict[str, Tests]] = {
    "directory/answers.py": Tests(
        stored=("tests/directory/test_answers.py", "tests/directory/test_answers_races.py")
    ),
    "directory/choosing.py": Tests(pure=("tests/directory/test_choosing.py",)),
    "directory/doubts.py": Tests(pure=("tests/directory/test_doubts.py",)),
    "directory/mapping_life.py": Tests(
        stored=("tests/directory/test_mapping_life.py", "tests/directory/test_answers.py")
    ),
    "directory/members/claims.py": Tests(
        pure=(f"{_MEMBERS}/test_claim_rules.py",),
        stored=(f"{_MEMBERS}/test_claims.py", "tests/directory/jobs/test_claims.py"),
    ),
    "directory/members/publications.py": Tests(
        pure=(f"{_MEMBERS}/test_composing.py",),
        stored=(f"{_MEMBERS}/test_publishing.py", f"{_MEMBERS}/test_life_of_a_publication.py"),
    ),
    "directory/members/rechecks.py": Tests(
        pure=(
            f"{_MEMBERS}/test_recheck_rules.py",
            f"{_MEMBERS}/test_recheck_pieces.py",
            f"{_MEMBERS}/test_away.py",
        ),
        stored=(f"{_MEMBERS}/test_rechecks.py",),
    ),
    "directory/members/renewal.py": Tests(
        pure=(f"{_MEMBERS}/test_renewal.py", f"{_MEMBERS}/test_recheck_rules.py"),
        stored=(f"{_MEMBERS}/test_accounts.py", f"{_MEMBERS}/test_rechecks.py"),
    ),
    "directory/proofs/judge.py": Tests(
        pure=(f"{_PROOFS}/test_x_post.py", f"{_PROOFS}/test_x_post_later.py", f"{_PROOFS}/test_sources.py")
    ),
    "directory/proofs/sentence.py": Tests(
        pure=(f"{_PROOFS}/test_sentence.py", f"{_PROOFS}/test_challenge.py", f"{_PROOFS}/test_x_post.py")
    ),
    "directory/proofs/strength.py": Tests(pure=(f"{_PROOFS}/test_strength.py",)),
    "directory/ranking.py": Tests(
        pure=(
            "tests/directory/test_ranking.py",
            "tests/directory/test_ranking_peers.py",
            "tests/directory/test_ranking_rivals.py",
            "tests/directory/test_ranking_shortcuts.py",
            "tests/directory/test_doubts.py",
        ),
        stored=(
            "tests/directory/test_lookup.py",
            "tests/directory/test_name_life.py",
            "tests/web/test_api.py",
        ),
    ),
    "directory/services/written_lists.py": Tests(stored=("tests/web/test_written_lists.py",)),
    "directory/store/account_linking.py": Tests(
        stored=(
            f"{_MEMBERS}/test_accounts.py",
            f"{_MEMBERS}/test_claims.py",
            f"{_MEMBERS}/test_claim_standing.py",
            f"{_MEMBERS}/test_claim_locks.py",
            f"{_MEMBERS}/test_lapsed.py",
            f"{_MEMBERS}/test_proving.py",
            f"{_MEMBERS}/test_races.py",
        )
    ),
    "directory/store/claim_rows.py": Tests(
        stored=(
            f"{_MEMBERS}/test_claims.py",
            f"{_MEMBERS}/test_claim_standing.py",
            f"{_MEMBERS}/test_claim_locks.py",
            f"{_MEMBERS}/test_accounts.py",
            f"{_MEMBERS}/test_lapsed.py",
            "tests/directory/jobs/test_claims.py",
        )
    ),
    "directory/store/claims.py": Tests(
        stored=(
            f"{_MEMBERS}/test_claims.py",
            f"{_MEMBERS}/test_claim_standing.py",
            f"{_MEMBERS}/test_claim_locks.py",
            f"{_MEMBERS}/test_accounts.py",
            f"{_MEMBERS}/test_leaving.py",
            "tests/directory/jobs/test_claims.py",
        )
    ),
    "directory/store/rivals.py": Tests(
        stored=(
            f"{_MEMBERS}/test_claims.py",
            f"{_MEMBERS}/test_rivals.py",
            f"{_MEMBERS}/test_claim_standing.py",
            f"{_MEMBERS}/test_claim_locks.py",
            f"{_MEMBERS}/test_rechecks.py",
        )
    ),
    "federation/tlog/merkle.py": Tests(
        pure=(
            "tests/federation/tlog/test_merkle.py",
            "tests/federation/tlog/test_proof.py",
            "tests/federation/tlog/test_tiles.py",
        )
    ),
}
