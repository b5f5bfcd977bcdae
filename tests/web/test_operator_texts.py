"""Terms, privacy and legal notice: what the operator wrote, and what the software says of itself."""

from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from directory.networks.bluesky.client import LOGO_PATH, PRIVACY_PATH
from tests.harness.instance import RunningInstance, running_instance

ELSEWHERE = "https://operator.example/impressum?a=1&b=2"
TERMS = "Terms\n\nBe <b>kind</b> & fair.\nSee https://operator.example/more\n\n\n<script>alert(1)</script>\n"


@pytest.fixture(scope="module")
def written(module_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningInstance]:
    """An instance with terms of its own, its own words on privacy, and a notice elsewhere."""
    folder = tmp_path_factory.mktemp("texts")
    (folder / "terms.txt").write_text(TERMS)
    (folder / "privacy.txt").write_text("We keep backups for a week.")
    terms, privacy = str(folder / "terms.txt"), str(folder / "privacy.txt")
    with running_instance(module_dsn, terms=terms, privacy=privacy, notice=ELSEWHERE) as running:
        yield running


@pytest.fixture
def reader(written: RunningInstance) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=written.url, timeout=20, trust_env=False) as opened:
        yield opened


def test_a_text_is_shown_as_text(reader: httpx.Client) -> None:
    """An operator pastes what a lawyer sent: nothing of it is HTML, and nothing becomes a link."""
    page = reader.get("/terms").text
    shown = page.partition("<main")[2].partition("</main>")[0]
    assert "Be &lt;b&gt;kind&lt;/b&gt; &amp; fair.\nSee https://operator.example/more</p>" in shown
    assert shown.count("<p ") == 3
    assert "<script" not in shown
    assert "<a " not in shown
    assert "<h1>Terms of use</h1>" in shown
    assert "Conditions d’utilisation" in reader.get("/terms", headers={"accept-language": "fr"}).text


def test_a_text_elsewhere_is_led_to(reader: httpx.Client) -> None:
    answer = reader.get("/notice")
    assert (answer.status_code, answer.headers["location"]) == (302, ELSEWHERE)


@pytest.mark.parametrize("path", ["/", "/about", "/x/jack", "/no/such/page", "/privacy"])
def test_what_is_set_is_linked_on_every_page(reader: httpx.Client, path: str) -> None:
    foot = unescape(reader.get(path).text.partition("<footer")[2])
    assert 'href="/terms"' in foot
    assert f'href="{PRIVACY_PATH}"' in foot
    assert f'href="{ELSEWHERE}"' in foot


def test_about_links_them_too(reader: httpx.Client) -> None:
    main = reader.get("/about").text.partition("<main")[2].partition("</main>")[0]
    assert 'href="/terms"' in main
    assert 'href="/privacy"' in main


def test_without_any_only_privacy_is_there(client: httpx.Client) -> None:
    assert [client.get(path).status_code for path in ("/terms", "/notice", "/privacy")] == [404, 404, 200]
    foot = client.get("/").text.partition("<footer")[2]
    assert 'href="/privacy"' in foot
    assert "/terms" not in foot
    assert "/notice" not in foot


def test_privacy_tells_what_the_software_keeps(client: httpx.Client, reader: httpx.Client) -> None:
    own, with_words = client.get("/privacy").text, reader.get("/privacy").text
    for page in (own, with_words):
        for said in ("Your language", "30 days without use, or 180 days", "12 months", 'href="/account"'):
            assert said in page
    assert "We keep backups for a week." in with_words
    assert "From who runs this instance" not in own
    french = client.get("/privacy", headers={"accept-language": "fr"}).text
    assert "Ce qui est conservé des membres" in french


def test_the_logo_may_be_shown_where_people_sign_in(client: httpx.Client) -> None:
    """A browser shows no picture of another site that keeps it to itself; everything else stays ours."""
    logo = client.get(LOGO_PATH)
    assert (logo.status_code, logo.headers["content-type"]) == (200, "image/png")
    assert logo.headers.get_list("cross-origin-resource-policy") == ["cross-origin"]
    for path in ("/", "/privacy", "/static/icon-192.png"):
        assert client.get(path).headers.get_list("cross-origin-resource-policy") == ["same-origin"]


def test_a_file_is_read_at_the_start_alone(reader: httpx.Client, written: RunningInstance) -> None:
    """A file that goes away while the instance runs takes no page with it."""
    Path(written.settings.terms).unlink()
    assert "kind" in reader.get("/terms").text
