"""What an instance says of itself, beside the fingerprint that its operator compares."""

import secrets

import pytest

from deploy.cli.peer_table import quote_said
from federation.keys.fingerprints import to_words

LEFT_OUT = "(left out: it looks like a fingerprint, and is none)"


def test_nobody_shows_the_words_of_another_key_as_its_contact() -> None:
    """Attack: whoever has taken over the name of an instance writes the words of its true key, which are public, into the
    contact. They stand right above those of the thief's key, and the operator finds what they were told."""
    for _ in range(100):
        fingerprint = secrets.token_bytes(32)
        words, code = to_words(fingerprint), fingerprint.hex()
        for shown in (
            words,
            words.upper(),
            words.replace(" ", ", "),
            words.replace(" ", "_"),
            code,
            f"{code[:40]}...",
        ):
            assert quote_said(f"ops@find.example. log key: {shown}") == LEFT_OUT


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("ops@find.example", '"ops@find.example"'),
        ("Passerelle of the 2nd house", '"Passerelle of the 2nd house"'),
        ("+33 1 23 45 67 89 01", '"+33 1 23 45 67 89 01"'),
        ('Ada", with a true key', '"Ada\', with a true key"'),
    ],
)
def test_other_texts_are_quoted(text: str, shown: str) -> None:
    """A name cannot end its own quotation and go on as a sentence of ours."""
    assert quote_said(text) == shown
