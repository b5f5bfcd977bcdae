"""The table of pasted accounts at the doors of members: the sign-in, the proof, the names on X."""

from collections.abc import Callable, Iterator
from functools import partial
from html import unescape
from pathlib import Path
from typing import Final

import pytest

from directory.accounts import AccountNetwork
from directory.errors import InvalidIdentifier
from directory.networks.bluesky.names import parse_typed as parse_at_bluesky
from directory.networks.mastodon.names import Host
from directory.networks.mastodon.names import parse_typed as parse_at_mastodon
from directory.pasted.x_account import parse_x_handle
from directory.proofs.post_url import parse_pasted_post
from tests.cases.accounts import wrong
from tests.harness.fake_mastodon.internet import FakeInternet, nobody
from tests.harness.fake_x import FakeX
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import SENTENCE, Visitor
from tests.web.members.worlds import client_of, enrol
from web.auth.typed import likely_networks

PARSERS: Final[dict[AccountNetwork, Callable[[str], object]]] = {
    AccountNetwork.BLUESKY: parse_at_bluesky,
    AccountNetwork.MASTODON: parse_at_mastodon,
}


def read_by(parse: Callable[[str], object], text: str) -> str | None:
    try:
        name = parse(text)
    except InvalidIdentifier:
        return None
    return name.name if isinstance(name, Host) else str(name)


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, x: FakeX, internet: FakeInternet) -> Iterator[MemberInstance]:
    """With a source of X profiles, and jobs by hand."""
    client = client_of(internet)
    with member_instance(
        module_dsn, data, x=x, open_client=client, jobs=False, x_fxtwitter=x.sources().fxtwitter
    ) as running:
        yield running


def test_sign_in() -> None:
    """The first of the likely networks that can read it is tried first."""

    def read(text: str) -> str | None:
        names = (read_by(PARSERS[network], text) for network in likely_networks(text))
        return next((name for name in names if name is not None), None)

    assert wrong("sign-in", read) == []


def test_a_server() -> None:
    assert wrong("mastodon", partial(read_by, parse_at_mastodon)) == []


def test_a_post() -> None:
    assert wrong("proof", partial(read_by, parse_pasted_post)) == []


@pytest.mark.parametrize("door", ["links", "confirm"])
def test_a_name_on_x(door: str) -> None:
    """`4242` alone is a name where no number will do."""

    def read(text: str) -> str | None:
        name = read_by(parse_x_handle, text)
        return None if name is None else f"@{name}"

    assert wrong(door, read) == []


def test_the_forms_of_members(visitor: Visitor, internet: FakeInternet) -> None:
    """Each form with a handful, through the page: a long address that is cut off is no other account."""
    visitor.sign_in_at_mastodon(internet, enrol(internet, "typist"))
    long = "https://x.com/intent/user?" + "a" * 2_010 + "&screen_name=ada_lovell"
    for typed in ("", "ada lovell", "x.com/ada_lov…", long, "https://x.com/i/user/4242"):
        assert visitor.send("/account/prove/links", "/account/prove/links", x_handle=typed).status_code == 400
    challenge = visitor.challenge()
    for typed in (
        "https://x.com/ada",
        "https://x.com/ada/status/2…",
        "https://x.com/a/status/20?" + "a" * 3_000,
    ):
        sent = visitor.send(SENTENCE, "/account/prove", challenge=challenge, post_url=typed)
        assert sent.status_code == 400
        assert "not the link of a post" in sent.text
    for typed in ("ada lovell", "bea@fern.exam…", "x.com/ada"):
        assert visitor.send("/account", "/sign-in", account=typed).status_code == 400
    sent = visitor.send(
        SENTENCE,
        "/account/prove",
        challenge=challenge,
        post_url="\u202ahttps://fxtwitter.com/ada/status/20\u202c.",
    )
    assert sent.status_code == 303
    assert "status/20<" in visitor.get("/account/prove").text.replace('"', "<")


@pytest.mark.parametrize(
    ("host", "sentences"),
    [
        ("wrong.test", ("That server has no certificate", "Ce serveur n’a pas de certificat")),
        ("absent.test", ("That server does not answer", "Ce serveur ne répond pas")),
        ("shop.test", ("We cannot sign people in at that server", "serveur")),
    ],
)
def test_why_a_server_signs_nobody_in(
    visitor: Visitor, internet: FakeInternet, host: str, sentences: tuple[str, str]
) -> None:
    """A certificate for another name, a host that does not answer, and a host that is no such server were one
    sentence, which told people to check the spelling."""
    internet.sites["wrong.test"] = internet.sites["shop.test"] = nobody
    internet._contexts["wrong.test"] = internet.server_tls("other.test")
    for language, sentence in zip(("en", "fr"), sentences, strict=True):
        visitor.client.headers["accept-language"] = language
        answer = visitor.send("/sign-in", "/sign-in", account=f"https://{host}", network="mastodon")
        assert answer.status_code == 400
        assert sentence in unescape(answer.text)
