"""An address is asked only if it is https, on a name, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.networks.errors import Refused
from directory.networks.urls import Target, parse_target


def test_an_address_is_taken_apart() -> None:
    target = parse_target("HTTPS://Host.Example.net:443/a/b?c=%20d#e", allow_loopback=False)
    assert target == Target("https", "host.example.net", 443, "/a/b?c=%20d")
    assert str(target) == "https://host.example.net/a/b?c=%20d"
    assert parse_target("https://host.example.net", allow_loopback=False).path == "/"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host.example.net",
        "http://host.example.net/",
        "ftp://host.example.net/",
        "file:///etc/passwd",
        "gopher://host.example.net/",
        "https:///path",
        "https://host.example.net:80/",
        "https://host.example.net:8443/",
        "https://host.example.net:0/",
        "https://host.example.net:99999/",
        "https://host.example.net:x/",
        "https://user@host.example.net/",
        "https://host.example.net@10.0.0.1/",
        "https://host.example.net\\@10.0.0.1/",
        "https://host.example.net\\.evil.example/",
        "https://localhost/",
        "https://db/",
        "https://host.example.net./",
        "https://.example.net/",
        "https://-host.example.net/",
        "https://a..example.net/",
        "https://127.0.0.1/",
        "https://8.8.8.8/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://1.2.3.4.5/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://[v1.x]/",
        "https://１２７.0.0.1/",
        "https://ⓛocalhost.example/",
        "https://host.example.net/ä",
        "https://host.example.net/a b",
        "https://host.example.net/\r\nhost: x",
        "https://ho\tst.example.net/",
        "https://host.example.net/\x00",
        " https://host.example.net/",
        pytest.param("https://host.example.net/" + "a" * 8_192, id="long"),
        pytest.param("https://" + "a." * 130 + "net/", id="long-name"),
        "https://" + "a" * 64 + ".example.net/",
    ],
)
def test_a_strange_address_is_refused(url: str) -> None:
    """Each of these leads inside with some client: a port, a number for a name, a name before an @."""
    with pytest.raises(Refused):
        parse_target(url, allow_loopback=False)


@pytest.mark.parametrize("url", ["http://localhost:8123/", "http://127.0.0.1:1/", "http://[::1]:8123/"])
def test_this_machine_is_allowed_only_where_a_setting_says_so(url: str) -> None:
    assert str(parse_target(url, allow_loopback=True)) == url
    with pytest.raises(Refused):
        parse_target(url, allow_loopback=False)


@pytest.mark.parametrize(
    "url", ["http://127.1/", "http://0/", "http://10.0.0.1/", "http://[::]/", "http://0x7f.1/"]
)
def test_the_setting_allows_no_other_numbers(url: str) -> None:
    with pytest.raises(Refused):
        parse_target(url, allow_loopback=True)


URL_PIECES = st.lists(
    st.sampled_from([*"/:@?#[]%\\.-0aZ é\t", "https://", "localhost", "::1", "127.0.0.1", "xn--"])
)


@given(st.text() | URL_PIECES.map("".join) | URL_PIECES.map(lambda pieces: "https://" + "".join(pieces)))
def test_any_text_is_an_address_or_refused(url: str) -> None:
    try:
        target = parse_target(url, allow_loopback=False)
    except Refused:
        return
    assert (target.scheme, target.port) == ("https", 443)
    assert parse_target(str(target), allow_loopback=False) == target
