"""Rewrites links and names in a post as X does.

- Every address, and every bare host name with a known ending, becomes `https://t.co/<10 characters>`.
- `@name` is a mention wherever it does not follow a letter, digit or `_`: in `@alice@example.social`,
  X finds `@alice`. https://github.com/twitter/twitter-text (extractUrls, extractMentions)
- `&`, `<` and `>` are escaped in the answers of the API and the syndication.
"""

import hashlib
import html
import re
from typing import Final

_ENDINGS: Final = "com|org|net|social|app|dev|example|fr|test"
_LINK = re.compile(
    rf"(?<![@\w.])(?:https?://[^\s<>]+|(?:[a-z0-9-]+\.)+(?:{_ENDINGS})(?:/[^\s<>]*)?\b)", re.IGNORECASE
)
_MENTION = re.compile(r"(?<![\w@])@([A-Za-z0-9_]{1,20})")


def short_link(url: str) -> str:
    """Makes the t.co address of a link, the same one each time."""
    return f"https://t.co/{hashlib.sha256(url.encode()).hexdigest()[:10]}"


def _address(link: str) -> str:
    return link if "://" in link else f"http://{link}"


def rewritten(text: str) -> str:
    """Makes the text as X stores it, with its links shortened."""
    return _LINK.sub(lambda link: short_link(_address(link[0])), text)


def url_entities(text: str) -> list[dict[str, str]]:
    """Lists the links of a text, as the syndication does."""
    return [
        {
            "url": short_link(_address(link[0])),
            "expanded_url": _address(link[0]),
            "display_url": _address(link[0]).partition("://")[2][:25],
        }
        for link in _LINK.finditer(text)
    ]


def mentions(text: str) -> list[str]:
    """Lists the handles that X takes for mentioned."""
    return _MENTION.findall(text)


def escaped(text: str) -> str:
    """Escapes a text as the API and the syndication do: only these three characters."""
    return html.escape(text, quote=False)


def as_html(text: str, host: str) -> str:
    """Makes the content of the `<p>` of an oEmbed answer."""
    shown = escaped(rewritten(text)).replace("\n", "<br>")
    shown = re.sub(r"https://t\.co/\w+", lambda link: f'<a href="{link[0]}">{link[0]}</a>', shown)
    shown = _MENTION.sub(
        lambda name: f'<a href="https://{host}/{name[1]}?ref_src=twsrc%5Etfw">@{name[1]}</a>', shown
    )
    return re.sub(
        r"(?<![\w&])#(\w+)",
        lambda tag: (
            f'<a href="https://{host}/hashtag/{tag[1]}?src=hash&amp;ref_src=twsrc%5Etfw">#{tag[1]}</a>'
        ),
        shown,
    )
