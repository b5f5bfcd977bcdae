"""The fixed sentence of a proof post: writes it for a person, and compares the text that a source shows with it.

One sentence a language, all of them here. They are protocol, not texts to translate: a post is compared with its
sentence for as long as its proof lives. The sentence states plainly what posting it means, so that nobody posts it
unawares, and a post counts only where it *is* the sentence: every account name, the instance and the nonce, in full
and in order. So a post that was asked for by another instance, or for another account, proves nothing here. It must
be the whole post, so that a person who shows it around ("look what I was asked to post: …") has proven nothing. Only
the links that X itself adds for pictures or a quoted post may follow it.

Names are written with a middle dot in place of each dot, and without a leading @: X makes links of host names, which
some sources then show as t.co addresses alone, and reads `@alice@example.social` as a mention of its own user
`alice`, a stranger. No identifier has a middle dot, so no two names are written alike. A test holds this against the
library that X publishes for its own rules (https://github.com/twitter/twitter-text).
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Final
from urllib.parse import quote

import msgspec

from directory.proofs.nonce import NONCE_PATTERN, Nonce

MAX_POST_WEIGHT: Final = 280
MAX_TEXT_CHARS: Final = 25_000
"""The longest post that X accepts. A longer text is not read."""
MAX_TARGETS: Final = 4
INTENT_URL: Final = "https://x.com/intent/post"
MIDDLE_DOT: Final = "\N{MIDDLE DOT}"

MAX_ADDED_LINKS: Final = 5
"""Four pictures and a quoted post."""

_ADDED_LINK = re.compile(r"(?:https?://t\.co|pic\.(?:twitter|x)\.com)/[a-z0-9]{1,16}")
_ANY_NONCE = re.compile(rf"(?<![a-z0-9]){NONCE_PATTERN}(?![a-z0-9])")


class Wording(msgspec.Struct, frozen=True):
    """The sentence in one language: «opening» names. «proving» instance «with» nonce."""

    opening: str
    proving: str
    with_: str
    and_: str


# Never change or remove a line: posts with it are re-checked for as long as they prove something.
WORDINGS: Final[dict[str, Wording]] = {
    "en": Wording("This account is also", "I am proving it to", "with", "and"),
    "fr": Wording("Ce compte est aussi", "Je le prouve à", "avec", "et"),
}
DEFAULT_LANGUAGE: Final = "en"


class SentenceTooLong(ValueError):
    """The names are too long for one post on X."""


def write_sentence(language: str, targets: Sequence[str], instance: str, nonce: Nonce) -> str:
    """Writes the sentence to post: `targets` are handles (1 to 4), `instance` our host name.

    No name is ever cut: what is not in the post was not agreed to. Raises SentenceTooLong where the names do not fit
    into a post, ValueError on no target or too many.
    """
    if not 1 <= len(targets) <= MAX_TARGETS:
        raise ValueError(f"a proof names 1 to {MAX_TARGETS} accounts, not {len(targets)}")
    wording = WORDINGS.get(language, WORDINGS[DEFAULT_LANGUAGE])
    names = f" {wording.and_} ".join(map(_unlinked, targets))
    sentence = f"{wording.opening} {names}. {wording.proving} {_unlinked(instance)} {wording.with_} {nonce}"
    if _weigh(sentence) > MAX_POST_WEIGHT:
        raise SentenceTooLong("these names are too long for one post")
    return sentence


def _unlinked(name: str) -> str:
    """Writes a name so that X makes no link of it."""
    return name.replace(".", MIDDLE_DOT)


def _weigh(text: str) -> int:
    """Returns the weight that X gives a text without links. https://docs.x.com/fundamentals/counting-characters"""
    return sum(1 if _is_light(ord(char)) else 2 for char in unicodedata.normalize("NFC", text))


def _is_light(code: int) -> bool:
    return code <= 0x10FF or 0x2000 <= code <= 0x200D or 0x2010 <= code <= 0x201F or 0x2032 <= code <= 0x2037


def compose_url(sentence: str) -> str:
    """Returns the address where X offers the sentence for posting, after sign-in there.

    https://docs.x.com/x-for-websites/post-button/guides/web-intent
    """
    return f"{INTENT_URL}?text={quote(sentence, safe='')}"


def is_sentence(text: str, sentence: str) -> bool:
    """Whether the text of a post is the sentence, whole and alone, but for links that X added after it.

    Letter case, kinds of space, invisible characters and a full stop at the end do not matter. Total.
    """
    if len(text) > MAX_TEXT_CHARS:
        return False
    words, meant = _words(text), _words(sentence)
    added = words[len(meant) :]
    if len(added) > MAX_ADDED_LINKS or not all(map(_ADDED_LINK.fullmatch, added)):
        return False
    shown = words[: len(meant)]
    return shown == meant or shown == [*meant[:-1], f"{meant[-1]}."]


class Said(msgspec.Struct, frozen=True):
    """What a sentence says, whoever it was made for: the accounts and the instance as `written_name` writes them."""

    names: tuple[str, ...]
    instance: str


def written_name(name: str) -> str:
    """Writes a name as it is read from a sentence: without links, in lower case."""
    return unicodedata.normalize("NFC", _unlinked(name)).lower()


def read_sentence(text: str) -> Said | None:
    """Reads the sentence that a post is, whole and alone, in any language and with whatever nonce. Returns None where it
    is none. Total."""
    if len(text) > MAX_TEXT_CHARS:
        return None
    shown = " ".join(_words(text))
    for wording in WORDINGS.values():
        found = _pattern_of(wording).fullmatch(shown)
        if found is not None:
            names = found["names"].split(f" {wording.and_.lower()} ")
            return Said(tuple(names), found["instance"])
    return None


@cache
def _pattern_of(wording: Wording) -> re.Pattern[str]:
    opening, proving, with_, and_ = (re.escape(part.lower()) for part in msgspec.structs.astuple(wording))
    name = r"[^\s.]+"
    return re.compile(
        rf"{opening} (?P<names>{name}(?: {and_} {name}){{0,{MAX_TARGETS - 1}}})\. {proving}"
        rf" (?P<instance>{name}) {with_} {NONCE_PATTERN}\.?(?: {_ADDED_LINK.pattern}){{0,{MAX_ADDED_LINKS}}}"
    )


def find_nonces(text: str) -> frozenset[str]:
    """Returns all that has the form of a nonce in a text: it tells an altered sentence from one left out. Total."""
    return frozenset(_ANY_NONCE.findall(" ".join(_words(text[:MAX_TEXT_CHARS]))))


def _words(text: str) -> list[str]:
    """Splits a text into words, in lower case and without invisible characters (Unicode category Cf)."""
    visible = "".join(char for char in text if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFC", visible).lower().split()
