"""How much a person does on the way, and how long that takes them: counted in a browser, weighed by a model.

The keystroke-level model (Card, Moran and Newell, 1980) gives each act a time; what is read is weighed at the
mean speed of silent reading in English (Brysbaert, 2019). docs/members.md shows the sum.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, Page

KEY_S: Final = 0.28
"""K: one key, by somebody who types 40 words a minute."""
POINT_S: Final = 1.1
"""P: to point at something with a mouse."""
CLICK_S: Final = 0.2
"""BB: to press its button, and let go."""
HOME_S: Final = 0.4
"""H: to move a hand between mouse and keys."""
THINK_S: Final = 1.35
"""M: to make up one's mind, once an act."""
READ_WORDS_PER_S: Final = 238 / 60

_WATCH: Final = """
for (const kind of ['click', 'keydown', 'paste'])
  addEventListener(kind, (event) => {
    // A key that presses a button, or submits a form, makes a click without a place.
    if (event.isTrusted && (kind !== 'click' || event.detail)) acted(location.href, kind)
  }, true)
"""


@dataclass
class Effort:
    """What was done, by the page it was done on: clicks, keys and pastes."""

    origin: str
    acts: dict[str, Counter[str]] = field(default_factory=dict)
    words: dict[str, int] = field(default_factory=dict)

    @classmethod
    async def watching(cls, context: BrowserContext, origin: str) -> "Effort":
        """Counts from now on, in every page of the context."""
        effort = cls(origin)
        await context.expose_function("acted", effort._count)
        await context.add_init_script(_WATCH)
        return effort

    def _count(self, url: str, kind: str) -> None:
        self.acts.setdefault(self.name(url), Counter())[kind] += 1

    def name(self, url: str) -> str:
        """A page of ours by its path, one of somebody else by its host and path."""
        parts = urlsplit(url)
        return parts.path if url.startswith(self.origin) else f"{parts.netloc}{parts.path}"

    async def read(self, page: Page) -> None:
        """Somebody reads all that the page says."""
        text = await page.locator("main, body:not(:has(main))").inner_text()
        name = self.name(page.url)
        self.words[name] = self.words.get(name, 0) + len(text.split())

    @property
    def our_pages(self) -> list[str]:
        """Those of our pages on which something had to be done, in the order in which that was."""
        return [name for name in self.acts if name.startswith("/")]

    @property
    def totals(self) -> Counter[str]:
        return sum(self.acts.values(), Counter())

    @property
    def seconds_acting(self) -> float:
        """Each click is thought about, and its hand comes from the keys, or goes back to them."""
        done = self.totals
        # A paste shows as its two keys too.
        clicks = done["click"] * (THINK_S + HOME_S + POINT_S + CLICK_S)
        return clicks + done["paste"] * THINK_S + done["keydown"] * KEY_S

    @property
    def seconds_reading(self) -> float:
        return sum(self.words.values()) / READ_WORDS_PER_S
