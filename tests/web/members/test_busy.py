"""Somebody keeps our requests to other servers waiting: who is honest signs in, or reads that it is us who are busy."""

import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest

from directory.networks.answers import Answer
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.networks.places import Room
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import Visitor
from tests.web.members.worlds import TwoWorlds, enrol

BUSY: Final = "We are busy right now: please try again in a minute."
BUSY_FR: Final = "Nous sommes très occupés en ce moment : réessayez dans une minute."
SPELLING: Final = "please check the spelling"
NETWORKS: Final = [f"2a0{number}:1:2:3::9" for number in range(1, 6)]
"""Five /64s, each of another network."""
FROM_EACH: Final = 14
HONEST: Final = "2a0a:5::1"
PATIENCE_S: Final = 20
SILENT: Final = (".evil.test", ".slow.test")
HASTY: Final = Limits(connect_s=1.5, first_byte_s=3.0, total_s=9.0)
"""What silent servers are waited for: a third of the real times, in which places are waited for half as long as an
answer, too. Who is honest has the real ones."""


class Hasty(TwoWorlds):
    """Waits less long for the silent servers."""

    async def request(self, method: str, url: str, **more: Any) -> Answer:
        if (urlsplit(url).hostname or "").endswith(SILENT):
            more["limits"] = HASTY
        return await super().request(method, url, **more)


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, internet: FakeInternet) -> Iterator[MemberInstance]:
    @asynccontextmanager
    async def open_client() -> AsyncIterator[GuardedClient]:
        async with internet.client() as inner, Hasty(inner) as client:
            yield client

    with member_instance(module_dsn, data, open_client=open_client, jobs=False, trusted_proxies=1) as running:
        yield running


def from_address(instance: MemberInstance, address: str) -> Visitor:
    visitor = Visitor(instance)
    visitor.client.headers["x-forwarded-for"] = address
    return visitor


def test_the_names_of_one_domain_from_many_addresses(
    instance: MemberInstance, internet: FakeInternet
) -> None:
    """Attack: `a1.evil.test`, `a2.evil.test` and so on, all of them one silent server, from five /64s. They took all
    64 places, each for half a minute, and an honest person read that they had misspelled their server."""
    honest = enrol(internet, "honest")
    names = [f"a{number}.evil.test" for number in range(len(NETWORKS) * FROM_EACH)]
    assert len(names) > Room().places
    internet.sites |= dict.fromkeys(names, internet.hang)

    def attack(number: int) -> httpx.Response:
        with from_address(instance, NETWORKS[number % len(NETWORKS)]) as visitor:
            return visitor.send("/sign-in", "/sign-in", account=f"@x@{names[number]}")

    with ThreadPoolExecutor(len(names)) as pool:
        attacks = [pool.submit(attack, number) for number in range(len(names))]
        deadline = time.monotonic() + PATIENCE_S
        while sum(request.host in names for request in internet.requests) < Room().per_domain:
            assert time.monotonic() < deadline, "the attack does not fill its share"
            time.sleep(0.01)
        with from_address(instance, HONEST) as visitor:
            assert visitor.leave_for(honest).startswith("https://social.test/oauth/authorize?")
        answers = [each.result() for each in attacks]
    assert sum(request.host in names for request in internet.requests) <= 2 * Room().per_domain
    turned_away = [answer for answer in answers if answer.status_code == 503]
    assert turned_away
    for answer in turned_away:
        said = unescape(answer.text)
        assert BUSY in said
        assert SPELLING not in said
        assert answer.headers["retry-after"] == "60"
    assert all(answer.status_code in {400, 503} for answer in answers)


def test_who_is_turned_away_reads_that_it_is_us(instance: MemberInstance, internet: FakeInternet) -> None:
    """In the language of the page, and whatever the second network says of a name that looks like both."""
    names = [f"b{number}.slow.test" for number in range(2 * Room().per_domain)]
    internet.sites |= dict.fromkeys(names, internet.hang)

    def ask(name: str) -> httpx.Response:
        with from_address(instance, HONEST) as visitor:
            visitor.client.headers["accept-language"] = "fr"
            return visitor.send("/sign-in", "/sign-in", account=f"@x@{name}")

    with ThreadPoolExecutor(len(names)) as pool:
        answers = list(pool.map(ask, names))
    said = {unescape(answer.text).count(BUSY_FR) for answer in answers if answer.status_code == 503}
    assert said == {1}
