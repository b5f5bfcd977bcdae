import re
import unicodedata
from itertools import product
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.errors import InvalidIdentifier
from directory.proofs.nonce import NONCE_ALPHABET, NONCE_CHARS, Nonce
from directory.proofs.sentence import (
    MAX_POST_WEIGHT,
    MAX_TARGETS,
    WORDINGS,
    compose_url,
    find_nonce,
    holds_a_nonce,
    write_sentence,
)
from tests.harness.fake_x.links import mentions, rewritten

NONCE = Nonce.parse("xk7d" * 7)
LONGEST_HOST = ".".join(["a" * 63] * 3 + ["b" * 57, "com"])
LONGEST_ACCT = "u" * 64 + "@" + LONGEST_HOST

nonces = st.text(NONCE_ALPHABET, min_size=NONCE_CHARS, max_size=NONCE_CHARS).map(Nonce.parse)
letters = st.sampled_from("abyz09")
labels = st.builds("{}{}".format, st.sampled_from("abyz"), st.text(letters, max_size=20))
hosts = st.lists(labels, min_size=2, max_size=5).map(".".join)
users = st.text(st.sampled_from("aZ0_"), min_size=1, max_size=30)
handles = hosts | st.builds("{}@{}".format, users, hosts)
languages = st.sampled_from(sorted(WORDINGS))


# https://docs.x.com/fundamentals/counting-characters: what counts as one; all else counts as two.
LIGHT = re.compile("[\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")


def weigh(text: str) -> int:
    """At most what X counts for a post: it may take any word with a dot in it for a link, which counts as 23.

    Without its discount for emoji.
    """
    return sum(map(weigh_word, text.split(" "))) + text.count(" ")


def weigh_word(word: str) -> int:
    core = word.rstrip(".")
    plain = sum(1 if LIGHT.match(char) else 2 for char in unicodedata.normalize("NFC", core))
    return (max(plain, 23) if "." in core else plain) + len(word) - len(core)


@st.composite
def sentences(draw: st.DrawFn) -> tuple[str, Nonce]:
    nonce = draw(nonces)
    targets = draw(st.lists(handles, min_size=1, max_size=MAX_TARGETS))
    return write_sentence(draw(languages), targets, draw(hosts), nonce), nonce


def test_what_people_read() -> None:
    one = write_sentence("en", ["alice.bsky.social"], "find.example.org", NONCE)
    assert one == f"This account is also alice.bsky.social. I am proving it to find.example.org with {NONCE}"
    two = write_sentence("fr", ["alice.bsky.social", "alice@mamot.fr"], "ou.example.org", NONCE)
    assert two == (
        f"Ce compte est aussi alice.bsky.social et alice@mamot.fr. Je le prouve à ou.example.org avec {NONCE}"
    )
    assert write_sentence("xx", ["a.example"], "b.example", NONCE).startswith("This account")


def test_a_nonce_has_more_than_128_bits_and_nothing_that_looks_alike() -> None:
    assert len(set(NONCE_ALPHABET)) ** NONCE_CHARS > 2**128
    assert not set(NONCE_ALPHABET) & set("aeiou01l")
    assert len({Nonce.new() for _ in range(1_000)}) == 1_000
    for wrong in ("", str(NONCE)[1:], str(NONCE).upper(), str(NONCE) + "x", "0" * NONCE_CHARS, None):
        with pytest.raises(InvalidIdentifier):
            Nonce.parse(wrong)


@pytest.mark.parametrize("language", sorted(WORDINGS))
@pytest.mark.parametrize("count", range(1, MAX_TARGETS + 1))
def test_the_longest_names_fit_into_a_post(language: str, count: int) -> None:
    sentence = write_sentence(language, [LONGEST_ACCT] * count, LONGEST_HOST, NONCE)
    assert weigh(sentence) <= MAX_POST_WEIGHT
    assert find_nonce(sentence) == NONCE


@pytest.mark.parametrize("count", [0, MAX_TARGETS + 1])
def test_no_target_and_too_many_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 4"):
        write_sentence("en", ["a.example"] * count, "b.example", NONCE)


@given(sentences())
def test_every_sentence_fits_and_comes_back(made: tuple[str, Nonce]) -> None:
    sentence, nonce = made
    assert weigh(sentence) <= MAX_POST_WEIGHT
    assert find_nonce(sentence) == nonce
    assert holds_a_nonce(sentence)


@given(sentences())
def test_what_x_makes_of_a_sentence_holds_its_nonce(made: tuple[str, Nonce]) -> None:
    sentence, nonce = made
    assert find_nonce(rewritten(sentence)) == nonce
    assert mentions(sentence) == []


@given(sentences())
def test_the_compose_link_offers_the_very_sentence(made: tuple[str, Nonce]) -> None:
    parts = urlsplit(compose_url(made[0]))
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://x.com/intent/post"
    assert parse_qs(parts.query)["text"] == [made[0]]


SENTENCE = write_sentence("en", ["alice.bsky.social", "alice@mastodon.example"], "find.example.org", NONCE)


@pytest.mark.parametrize(
    "text",
    [
        SENTENCE,
        f"  {SENTENCE}\n",
        f"{SENTENCE}.",
        SENTENCE.replace(" ", "\u00a0"),
        SENTENCE.replace(" ", "\n"),
        SENTENCE.upper(),
        "\u200b".join(SENTENCE),
        f"{SENTENCE} https://t.co/aBcDeF1234",
        f"{SENTENCE} pic.twitter.com/aBcDeF1234 https://t.co/aBcDeF1234",
        SENTENCE.replace("alice@mastodon.example", "@alice @mastodon.example"),
        SENTENCE.replace("find.example.org", "https://t.co/aBcDeF1234"),
    ],
)
def test_harmless_changes_do_not_matter(text: str) -> None:
    assert find_nonce(text) == NONCE


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", False),
        ("beware of did:plc:ewvi7nxzyoun6zhxrhs64oiz", False),
        ("This account is also alice.bsky.social.", False),
        (str(NONCE), True),
        (f"look what they want me to post: {SENTENCE}", True),
        (f"{SENTENCE} lol, never", True),
        (f"“{SENTENCE}”", True),
        (f"@mallory {SENTENCE}", True),
        (f"{SENTENCE} {SENTENCE}", True),
        (SENTENCE.replace("also", "not"), True),
        (SENTENCE.replace("proving it", "joking"), True),
        (SENTENCE.replace(" with ", " without "), True),
        (SENTENCE.replace("alice.bsky.social and alice@mastodon.example", ""), True),
        (
            SENTENCE.replace(
                "alice@mastodon.example", "what a liar like mallory will tell you about me here"
            ),
            True,
        ),
        (SENTENCE.replace("also", "also not"), True),
        (SENTENCE.replace("alice.bsky.social", "nobody"), True),
        (SENTENCE + "x", False),
        (SENTENCE[:-1], False),
        (f"{SENTENCE} https://evil.example/aBcDeF1234", True),
        (f"{SENTENCE}…", True),
        (SENTENCE + " https://t.co/a" * 6, True),
        (SENTENCE + " " * 30_000, True),
    ],
)
def test_anything_more_or_less_than_the_sentence_proves_nothing(text: str, *, holds: bool) -> None:
    """Who is talked into quoting or mocking another's sentence must not have proven anything by it."""
    assert find_nonce(text) is None
    assert holds_a_nonce(text) is holds


@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert find_nonce(text) is None
    holds_a_nonce(text)


@given(st.lists(st.sampled_from([*SENTENCE.split(), "https://t.co/a", ".", str(NONCE)]), max_size=40))
def test_no_mixture_of_its_words_raises(words: list[str]) -> None:
    find_nonce(" ".join(words))


def test_no_language_reads_as_another() -> None:
    """The words at the same place differ, so no post stands for two sentences."""
    openings = [wording.opening.lower().split() for wording in WORDINGS.values()]
    for one, other in product(openings, openings):
        assert one is other or one[: len(other)] != other


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("", 0),
        ("abc", 3),
        ("é", 1),
        ("e\u0301", 1),
        ("日本", 4),
        ("…", 2),
        ("see a.co now", 3 + 1 + 23 + 1 + 3),
        ("a.co.", 24),
    ],
)
def test_weights(text: str, weight: int) -> None:
    assert weigh(text) == weight
