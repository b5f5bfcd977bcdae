"""Compares tokens with those of Node, which writes numbers as browsers do."""

import json
import random
import subprocess
from pathlib import Path
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from directory.proofs.post_url import MAX_POST_ID, XPostId
from directory.proofs.syndication_token import syndication_token, to_base_36
from tests.harness.node import node_path

DATA: Final = Path(__file__).parent / "data"
FRESH_IDS: Final = 2_000


def test_vectors_written_by_node() -> None:
    vectors = json.loads((DATA / "syndication-tokens.json").read_text())
    assert len(vectors) > 1_400
    assert [[number, syndication_token(XPostId.parse(number))] for number, _ in vectors] == vectors


def test_fresh_numbers_against_node() -> None:
    ids = [str(random.getrandbits(random.randint(1, 63)) or 1) for _ in range(FRESH_IDS)]  # noqa: S311 - it protects nothing
    script = DATA / "syndication-tokens.mjs"
    written = subprocess.run([node_path(), script, *ids], capture_output=True, check=True, text=True).stdout
    assert [[number, syndication_token(XPostId.parse(number))] for number in ids] == json.loads(written)


def test_numbers_at_the_edges_as_node_writes_them() -> None:
    assert to_base_36(0.0) == "0"
    assert to_base_36(36.5) == "10.i"
    assert to_base_36(35.99999999999999) == "z.zzzzzzzzz"
    assert to_base_36(1 - 2**-53) == "0.zzzzzzzzzza"
    assert to_base_36(2 - 2**-52) == "1.zzzzzzzzzz"


@given(st.integers(1, MAX_POST_ID).map(XPostId))
def test_any_post_has_a_token_without_zeros_and_point(post: XPostId) -> None:
    token = syndication_token(post)
    assert token.isalnum()
    assert token.islower() or token.isdecimal()
    assert "0" not in token
