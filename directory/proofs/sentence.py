"""The fixed sentence of a proof post: writes it for a person, and finds it in the text that X made of it.

One sentence a language, all of them here. They are protocol, not texts to translate: a post is compared with them
for as long as its proof lives. The sentence states plainly what posting it means, so that nobody posts it
unawares. It must be the whole post, so that a person who shows it around ("look what I was asked to post: …") has
proven nothing. Only the links that X itself adds for pictures or a quoted post may follow it. It has no hashtag: X
would make a link of it.

Only the nonce is compared. The names are for the reader: X turns host names into t.co links, so in their places a few
words are accepted that have the marks of a name (a dot, an @, a slash): "not" and "never" have none. Names are
written without a leading @, since X would read `@alice@example.social` as a mention of its own user `alice`, a
stranger.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from directory.proofs.nonce import NONCE_PATTERN, Nonce

MAX_POST_WEIGHT: Final = 280
MAX_TEXT_CHARS: Final = 25_000
"""The longest post that X accepts. A longer text is not read."""
MAX_TARGETS: Final = 4
LINK_WEIGHT: Final = 23
"""The weight that X gives any link; it also links bare host names."""
INTENT_URL: Final = "https://x.com/intent/post"

MAX_ADDED_LINKS: Final = 5
"""Four pictures and a quoted post."""
MAX_TARGET_WORDS: Final = 3 * MAX_TARGETS
MAX_INSTANCE_WORDS: Final = 2
_MIN_SHOWN_CHARS: Final = 8
_ELLIPSIS: Final = "…"

_ADDED_LINK = re.compile(r"(?:https?://t\.co|pic\.(?:twitter|x)\.com)/[a-z0-9]{1,16}")
_NAME_MARK = re.compile(r"[.@/…]")
_ANY_NONCE = re.compile(rf"(?<![a-z0-9]){NONCE_PATTERN}(?![a-z0-9])")
_NONCE = re.compile(rf"({NONCE_PATTERN})\.?")


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


def write_sentence(language: str, targets: Sequence[str], instance: str, nonce: Nonce) -> str:
    """Writes the sentence to post: `targets` are handles (1 to 4), `instance` our host name.

    The longest names are cut where they would not fit into a post; they are never read back.
    Raises ValueError on no target or too many.
    """
    if not 1 <= len(targets) <= MAX_TARGETS:
        raise ValueError(f"a proof names 1 to {MAX_TARGETS} accounts, not {len(targets)}")
    wording = WORDINGS.get(language, WORDINGS[DEFAULT_LANGUAGE])
    room = MAX_POST_WEIGHT - _weigh_plain(_join(wording, [""] * len(targets), "", nonce))
    *shown, shown_instance = _fit([*targets, instance], room)
    return _join(wording, shown, shown_instance, nonce)


def _join(wording: Wording, targets: Sequence[str], instance: str, nonce: Nonce) -> str:
    names = f" {wording.and_} ".join(targets)
    return f"{wording.opening} {names}. {wording.proving} {instance} {wording.with_} {nonce}"


def _fit(names: Sequence[str], room: int) -> list[str]:
    """Cuts the longest names until all together weigh no more than `room`."""
    shown = list(names)
    limit = max(map(len, shown))
    while sum(map(_weigh_name, shown)) > room and limit > _MIN_SHOWN_CHARS:
        limit -= 1
        shown = [name if len(name) <= limit else name[: limit - 1] + _ELLIPSIS for name in names]
    return shown


def _weigh_name(name: str) -> int:
    return max(_weigh_plain(name), LINK_WEIGHT)


def _weigh_plain(text: str) -> int:
    return sum(1 if _is_light(ord(char)) else 2 for char in unicodedata.normalize("NFC", text))


def _is_light(code: int) -> bool:
    return code <= 0x10FF or 0x2000 <= code <= 0x200D or 0x2010 <= code <= 0x201F or 0x2032 <= code <= 0x2037


def compose_url(sentence: str) -> str:
    """Returns the address where X offers the sentence for posting, after sign-in there.

    https://docs.x.com/x-for-websites/post-button/guides/web-intent
    """
    return f"{INTENT_URL}?text={quote(sentence, safe='')}"


def find_nonce(text: str) -> Nonce | None:
    """Returns the nonce where the text is the fixed sentence, in any language, whole and alone; None where it is not.

    Letter case, kinds of space and invisible characters do not matter. Total.
    """
    if len(text) > MAX_TEXT_CHARS:
        return None
    words = _words(text)
    for _ in range(MAX_ADDED_LINKS):
        if words and _ADDED_LINK.fullmatch(words[-1]):
            words.pop()
    nonce = _NONCE.fullmatch(words.pop()) if words else None
    if nonce and any(_is_sentence(words, wording) for wording in WORDINGS.values()):
        return Nonce.parse(nonce[1])
    return None


def holds_a_nonce(text: str) -> bool:
    """Whether the text contains anything in the form of a nonce: then the sentence was altered, not left out."""
    return _ANY_NONCE.search(" ".join(_words(text[:MAX_TEXT_CHARS]))) is not None


def _is_sentence(words: list[str], wording: Wording) -> bool:
    """Whether the words before the nonce are those of the sentence, with any names in their places."""
    opening, proving, with_ = _words(wording.opening), _words(wording.proving), _words(wording.with_)
    if words[: len(opening)] != opening or words[-len(with_) :] != with_:
        return False
    named = words[len(opening) : -len(with_)]
    for instance_words in range(1, MAX_INSTANCE_WORDS + 1):
        count = len(named) - instance_words - len(proving)
        if count >= 1 and named[count : count + len(proving)] == proving:
            return _are_names(named[:count], wording.and_)
    return False


def _are_names(words: list[str], and_: str) -> bool:
    *names, last = words
    return len(words) <= MAX_TARGET_WORDS and all(
        word == and_ or _NAME_MARK.search(word) for word in (*names, last.removesuffix("."))
    )


def _words(text: str) -> list[str]:
    """Splits a text into words, in lower case and without invisible characters (Unicode category Cf)."""
    visible = "".join(char for char in text if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFC", visible).lower().split()
