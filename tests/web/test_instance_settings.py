"""Instance settings that change while it runs: pages, API and documents show the new values at once."""

from collections.abc import Iterator
from html import unescape

import httpx
import pytest

from directory.instance_settings import KEYS
from tests.harness.instance import RunningInstance

RULES = "Be <kind>.\n\nPublish only yourself."


@pytest.fixture(autouse=True)
def _as_before(instance: RunningInstance) -> Iterator[None]:
    yield
    for key in KEYS:
        instance.set(key, None)


def page(client: httpx.Client, path: str, language: str = "en") -> str:
    return unescape(client.get(path, headers={"accept-language": language}).text)


def test_a_new_name_is_everywhere(instance: RunningInstance, client: httpx.Client) -> None:
    for name in ("Find them", "Retrouvez & vous"):
        instance.set("name", name)
        for path in ("/", "/about", "/api/docs", "/x/jack", "/no/such/page"):
            assert name in page(client, path), path
        assert client.get("/api/v1/instance").json()["name"] == name
        assert client.get("/nodeinfo/2.1").json()["metadata"]["nodeName"] == name


def test_description_contact_and_rules(instance: RunningInstance, client: httpx.Client) -> None:
    instance.set("description", "For <everybody>.")
    instance.set("contact", "ada@find.example")
    instance.set("rules", RULES)
    raw = client.get("/about").text
    assert "For &lt;everybody&gt;." in raw, "it is text, whatever an operator pastes"
    assert "Reach the operator: <bdi>ada@find.example</bdi>" in raw
    assert RULES in unescape(raw)
    assert "Règles" in page(client, "/about", "fr")
    said = client.get("/api/v1/instance").json()
    assert (said["description"], said["contact"], said["rules"]) == (
        "For <everybody>.",
        "ada@find.example",
        RULES,
    )


def test_the_languages_are_those_that_are_offered(instance: RunningInstance, client: httpx.Client) -> None:
    assert 'lang="en"' in page(client, "/", "de"), "the first one, for who asks for none of ours"
    instance.set("languages", "fr,en")
    assert '<html lang="fr"' in page(client, "/", "de")
    assert '<html lang="en"' in page(client, "/", "en")
    instance.set("languages", "fr")
    for answer in (client.get("/", headers={"accept-language": "en"}), client.get("/?lang=en")):
        assert '<html lang="fr"' in answer.text
        assert "?lang=en" not in answer.text
        assert "set-cookie" not in answer.headers
    assert client.get("/api/v1/instance").json()["languages"] == ["fr"]


@pytest.mark.parametrize(("key", "text"), [("registration", "closed"), ("read_only", "true")])
def test_programs_are_told_that_nobody_can_join(
    instance: RunningInstance, client: httpx.Client, key: str, text: str
) -> None:
    assert client.get("/nodeinfo/2.1").json()["openRegistrations"] is True
    instance.set(key, text)
    assert client.get("/nodeinfo/2.1").json()["openRegistrations"] is False
    said = client.get("/api/v1/instance").json()
    assert (said["registration"], said["read_only"]) == (
        ("closed", False) if key == "registration" else ("open", True)
    )
    assert client.get("/api/v1/lookup?x=jack").status_code == 200, "answers go on"
