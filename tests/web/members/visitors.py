"""A browser without the browser: keeps cookies, reads the token of a form, sends what a form would send."""

import re
from html import unescape
from typing import Final, Self
from urllib.parse import urlencode

import httpx

from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.visitor import agree
from tests.harness.fake_x import FakeAccount, FakePost, FakeX
from tests.harness.no_tls import NO_TLS
from tests.harness.pages import without_marks
from tests.peers.consent import consent
from tests.peers.pds import Account, Pds
from tests.web.members.instance import MemberInstance

_TOKEN: Final = re.compile(r'name="form_token" value="([0-9a-f]+)"')
_CHALLENGE: Final = re.compile(r'name="challenge" value="([0-9a-f-]+)"')
_CHOICE: Final = re.compile(r'type="radio"[^>]*?name="([^"]+)"[^>]*?value="([0-9a-f-]{36})"', re.DOTALL)
_SENTENCE: Final = re.compile(r'id="sentence">([^<]+)<')
SENTENCE: Final = "/account/prove/sentence"
_OF_THE_BODY: Final = {"content-length", "content-encoding"}
SAME_ORIGIN: Final = {"sec-fetch-site": "same-origin"}


class _Reading(httpx.HTTPTransport):
    """Reads pages as a person does: without the marks around the names in a sentence (tests/web/test_wording.py).

    The page as it was sent is the extension `sent`.
    """

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        if not answer.headers.get("content-type", "").startswith("text/html"):
            return answer
        sent = answer.read().decode()
        page, extensions = without_marks(sent).encode(), {**answer.extensions, "sent": sent}
        headers = [(name, value) for name, value in answer.headers.multi_items() if name not in _OF_THE_BODY]
        return httpx.Response(answer.status_code, headers=headers, content=page, extensions=extensions)


class Visitor:
    """Somebody at a browser of their own."""

    def __init__(self, instance: MemberInstance) -> None:
        self.instance = instance
        self.client = httpx.Client(
            base_url=instance.url,
            timeout=30,
            trust_env=False,
            transport=_Reading(
                verify=NO_TLS,
                trust_env=False,
                # A form refused before it was read ends its connection: a new one for each question.
                limits=httpx.Limits(max_keepalive_connections=0),
            ),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path)

    def send(self, page: str, path: str, **fields: str) -> httpx.Response:
        """Opens a page, and sends a form of it."""
        given = {"form_token": self.form_token(page), **fields}
        return self.client.post(path, data=given, headers=SAME_ORIGIN)

    def form_token(self, page: str) -> str:
        """What the forms of a page carry; empty where it has none."""
        token = _TOKEN.search(self.get(page).text)
        return token[1] if token else ""

    def leave_for(self, typed: str, page: str = "/sign-in") -> str:
        """Where the instance sends this browser."""
        answer = self.send(page, "/sign-in", account=typed)
        assert answer.status_code == 200, answer.text
        return answer.headers["refresh"].partition("url=")[2]

    def way_back(self, pds: Pds, account: Account, page: str = "/sign-in") -> str:
        """The path that the server would send the browser back to, after the person agreed."""
        url = self.leave_for(account.handle, page)
        return f"/oauth/bluesky/callback?{urlencode(consent(pds, url, account, 'atproto'))}"

    def sign_in(self, pds: Pds, account: Account) -> None:
        answer = self.get(self.way_back(pds, account))
        assert answer.status_code == 303, answer.text

    def sign_in_at_mastodon(
        self, internet: FakeInternet, acct: str, page: str = "/sign-in"
    ) -> httpx.Response:
        """Agrees at the fake server, and comes back: signed in, or with another account linked."""
        back = agree(internet, self.leave_for(acct, page), acct)
        return self.get(back.removeprefix(self.instance.settings.base_url))

    def publish(self) -> None:
        """Agrees, and publishes the first choice of the page."""
        page = self.get("/account/publish").text
        choice = _CHOICE.search(page)
        assert choice is not None, page
        sent = self.send("/account/publish", "/account/publish", **{choice[1]: choice[2], "consent": "1"})
        assert sent.status_code == 303, sent.text

    def prove(self, x: FakeX, author: FakeAccount) -> str:
        """Posts the sentence, hands it in, and waits for the worker; the sentence."""
        sentence = self.sentence()
        self.hand_in(x.post(author, sentence, at=self.instance.clock.now()))
        return sentence

    def sentence(self) -> str:
        """What is to be posted now: a new sentence where none is open, or the accounts have changed."""
        page = self.get(SENTENCE)
        if (found := _SENTENCE.search(page.text)) is None or "accounts have changed" in page.text:
            return self.new_sentence()
        return unescape(found[1])

    def new_sentence(self) -> str:
        """Presses the button that makes a sentence."""
        made = self.send(SENTENCE, "/account/prove/new")
        assert made.status_code == 303, made.text
        found = _SENTENCE.search(self.get(made.headers["location"]).text)
        assert found is not None
        return unescape(found[1])

    def challenge(self) -> str:
        """The number of the open sentence, made where there is none."""
        self.sentence()
        found = _CHALLENGE.search(self.get(SENTENCE).text)
        assert found is not None
        return found[1]

    def hand_in(self, post: FakePost) -> None:
        """Has a post held against the sentence of now, by the worker."""
        self.submit(post)
        self.instance.call(self.instance.worker.drain)

    def submit(self, post: FakePost) -> None:
        """Hands it in; nobody looks at it yet."""
        sent = self.send(SENTENCE, "/account/prove", challenge=self.challenge(), post_url=post.url)
        assert sent.status_code == 303, sent.text
