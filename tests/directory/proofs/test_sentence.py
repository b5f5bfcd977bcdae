import json
import re
import subprocess
import unicodedata
from itertools import product
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from directory.errors import InvalidIdentifier
from directory.proofs.nonce import NONCE_ALPHABET, NONCE_CHARS, Nonce
from directory.proofs.sentence import (
    MAX_POST_WEIGHT,
    MAX_TARGETS,
    MAX_TEXT_CHARS,
    WORDINGS,
    SentenceTooLong,
    compose_url,
    find_nonces,
    is_sentence,
    write_sentence,
)
from tests.harness.fake_x.links import mentions, rewritten
from tests.harness.node import node_path

NONCE = Nonce.parse("xk7d" * 7)
TWITTER_TEXT = Path(__file__).parents[2] / "js" / "node_modules" / "twitter-text"
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
    """What X counts for a text without links and emoji."""
    return sum(1 if LIGHT.match(char) else 2 for char in unicodedata.normalize("NFC", text))


@st.composite
def sentences(draw: st.DrawFn) -> tuple[str, Nonce]:
    nonce = draw(nonces)
    targets = draw(st.lists(handles, min_size=1, max_size=MAX_TARGETS))
    try:
        return write_sentence(draw(languages), targets, draw(hosts), nonce), nonce
    except SentenceTooLong:
        reject()


def test_what_people_read() -> None:
    one = write_sentence("en", ["alice.bsky.social"], "find.example.org", NONCE)
    assert one == f"This account is also alice·bsky·social. I am proving it to find·example·org with {NONCE}"
    two = write_sentence("fr", ["alice.bsky.social", "alice@mamot.fr"], "ou.example.org", NONCE)
    assert two == (
        f"Ce compte est aussi alice·bsky·social et alice@mamot·fr. Je le prouve à ou·example·org avec {NONCE}"
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
def test_names_are_never_cut(language: str) -> None:
    """What is not in the post was not agreed to: two long names that begin alike would be one."""
    room = MAX_POST_WEIGHT - weigh(write_sentence(language, ["a.b"], "find.example.org", NONCE)) + len("a.b")
    longest = f"{'a' * (room - 4)}.com"
    sentence = write_sentence(language, [longest], "find.example.org", NONCE)
    assert weigh(sentence) == MAX_POST_WEIGHT
    with pytest.raises(SentenceTooLong):
        write_sentence(language, [f"a{longest}"], "find.example.org", NONCE)
    with pytest.raises(SentenceTooLong):
        write_sentence(language, ["a.example"] * 3 + ["b" * 100 + ".example"], "c" * 60 + ".example", NONCE)


def test_four_usual_names_fit() -> None:
    names = ["annemarie.bsky.social", "annemarie@mastodon.social", "am.example.org", "am@chaos.social"]
    for language in WORDINGS:
        assert weigh(write_sentence(language, names, "passerelle.example.org", NONCE)) <= MAX_POST_WEIGHT


@pytest.mark.parametrize("count", [0, MAX_TARGETS + 1])
def test_no_target_and_too_many_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 4"):
        write_sentence("en", ["a.example"] * count, "b.example", NONCE)


@given(sentences())
def test_every_sentence_fits_and_comes_back(made: tuple[str, Nonce]) -> None:
    sentence, nonce = made
    assert weigh(sentence) <= MAX_POST_WEIGHT
    assert is_sentence(sentence, sentence)
    assert find_nonces(sentence) == {str(nonce)}


@given(sentences(), sentences())
def test_a_sentence_is_no_other(one: tuple[str, Nonce], other: tuple[str, Nonce]) -> None:
    assert is_sentence(one[0], other[0]) is (one[0].lower() == other[0].lower())


@given(sentences())
def test_x_makes_no_link_of_a_sentence(made: tuple[str, Nonce]) -> None:
    sentence, _ = made
    assert rewritten(sentence) == sentence
    assert mentions(sentence) == []


def test_the_rules_that_x_publishes_find_no_link_in_a_sentence(tmp_path: Path) -> None:
    """Seen with twitter-text 3.1.0: its own reading of links, mentions, hashtags and weights."""
    cases = [
        write_sentence(language, names, instance, NONCE)
        for language in WORDINGS
        for instance in ("find.example.org", "t.co", "x.com", "localhost:8000")
        for names in (
            ["alice.bsky.social"],
            ["alice@mastodon.social", "al-ice.com"],
            ["_a_@mas.to", "a.b.c@x.co.uk"],
            ["xn--caf-dma.example", "a@xn--p1ai.xn--p1ai", "t.co"],
        )
    ]
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    script = (
        "const tt = require(process.argv[1]); const cases = require(process.argv[2]);"
        "console.log(JSON.stringify(cases.map(c =>"
        " [(tt.default ?? tt).extractEntitiesWithIndices(c), (tt.default ?? tt).parseTweet(c).weightedLength])))"
    )
    done = subprocess.run(
        [str(node_path()), "-e", script, str(TWITTER_TEXT), str(tmp_path / "cases.json")],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert json.loads(done.stdout) == [[[], weigh(case)] for case in cases]


@given(sentences())
def test_the_compose_link_offers_the_very_sentence(made: tuple[str, Nonce]) -> None:
    parts = urlsplit(compose_url(made[0]))
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://x.com/intent/post"
    assert parse_qs(parts.query)["text"] == [made[0]]


NAMES = ["alice.bsky.social", "alice@mastodon.example"]
SENTENCE = write_sentence("en", NAMES, "find.example.org", NONCE)
OTHER_NONCE = Nonce.parse("bcdf" * 7)


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
        f"{SENTENCE}. https://t.co/aBcDeF1234",
        f"{SENTENCE} pic.twitter.com/aBcDeF1234 https://t.co/aBcDeF1234",
        SENTENCE + " https://t.co/a" * 5,
    ],
)
def test_harmless_changes_do_not_matter(text: str) -> None:
    assert is_sentence(text, SENTENCE)


@pytest.mark.parametrize(
    "text",
    [
        write_sentence("en", ["mallory.bsky.social", NAMES[1]], "find.example.org", NONCE),
        write_sentence("en", [NAMES[0], "alice@evil.example"], "find.example.org", NONCE),
        write_sentence("en", list(reversed(NAMES)), "find.example.org", NONCE),
        write_sentence("en", NAMES[:1], "find.example.org", NONCE),
        write_sentence("en", [*NAMES, "mallory.bsky.social"], "find.example.org", NONCE),
        write_sentence("en", NAMES, "evil.example", NONCE),
        write_sentence("en", NAMES, "find.example.org.evil.example", NONCE),
        write_sentence("fr", NAMES, "find.example.org", NONCE),
        SENTENCE.replace("alice@mastodon·example", "@alice @mastodon·example"),
        SENTENCE.replace("alice·bsky·social", "https://t.co/aBcDeF1234"),
        SENTENCE.replace("find·example·org", "https://t.co/aBcDeF1234"),
        SENTENCE.replace("alice·bsky·social", "alice·bsky…"),
        SENTENCE.replace("\N{MIDDLE DOT}", "."),
    ],
)
def test_a_sentence_for_other_names_or_another_instance_proves_nothing(text: str) -> None:
    """A phisher asks an honest instance for a sentence, and shows somebody the same with their own name and the
    phisher's instance: "This account is also *your name*. I am proving it to *evil.example* with CODE". The victim
    posts it, and the phisher hands the post in: their X account would answer as the phisher's account."""
    assert not is_sentence(text, SENTENCE)
    assert find_nonces(text) == {str(NONCE)}


@pytest.mark.parametrize(
    ("text", "nonces"),
    [
        ("", 0),
        ("beware of did:plc:ewvi7nxzyoun6zhxrhs64oiz", 0),
        ("This account is also alice·bsky·social.", 0),
        (str(NONCE), 1),
        (f"look what they want me to post: {SENTENCE}", 1),
        (f"{SENTENCE} lol, never", 1),
        (f"“{SENTENCE}”", 1),
        (f"@mallory {SENTENCE}", 1),
        (f"{SENTENCE} {SENTENCE}", 1),
        (f"{SENTENCE} {OTHER_NONCE}", 2),
        (SENTENCE.replace("also", "not"), 1),
        (SENTENCE.replace("proving it", "joking"), 1),
        (SENTENCE.replace(" with ", " without "), 1),
        (SENTENCE.replace("also", "also not"), 1),
        (SENTENCE + "x", 0),
        (SENTENCE[:-1], 0),
        (f"{SENTENCE}..", 1),
        (f"{SENTENCE} .", 1),
        (f"{SENTENCE} https://evil.example/aBcDeF1234", 1),
        (f"{SENTENCE} https://t.co/{'a' * 17}", 1),
        (f"{SENTENCE}…", 1),
        (SENTENCE + " https://t.co/a" * 6, 1),
        (SENTENCE + " " * 25_000, 1),
    ],
)
def test_anything_more_or_less_than_the_sentence_proves_nothing(text: str, nonces: int) -> None:
    """Who is talked into quoting or mocking another's sentence must not have proven anything by it."""
    assert not is_sentence(text, SENTENCE)
    assert len(find_nonces(text)) == nonces


def test_the_longest_text_that_is_read() -> None:
    assert is_sentence(SENTENCE.ljust(MAX_TEXT_CHARS), SENTENCE)
    assert not is_sentence(SENTENCE.ljust(MAX_TEXT_CHARS + 1), SENTENCE)
    assert find_nonces(" " * (MAX_TEXT_CHARS - 28) + str(NONCE)) == {str(NONCE)}
    assert find_nonces(" " * (MAX_TEXT_CHARS - 27) + str(NONCE)) == frozenset()


@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert not is_sentence(text, SENTENCE)
    find_nonces(text)


@given(st.lists(st.sampled_from([*SENTENCE.split(), "https://t.co/a", ".", str(NONCE)]), max_size=40))
def test_no_mixture_of_its_words_raises(words: list[str]) -> None:
    is_sentence(" ".join(words), SENTENCE)


def test_no_language_reads_as_another() -> None:
    """The words at the same place differ, so no post stands for two sentences."""
    openings = [wording.opening.lower().split() for wording in WORDINGS.values()]
    for one, other in product(openings, openings):
        assert one is other or one[: len(other)] != other
