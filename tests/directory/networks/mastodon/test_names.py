"""Whatever is typed is an account, a server, or an error of ours."""

from hypothesis import given
from hypothesis import strategies as st

from directory.errors import InvalidIdentifier
from directory.identifiers import Acct, ActorUri
from directory.networks.mastodon.names import Host, parse_typed
from directory.networks.mastodon.servers import _TEMPLATE

pieces = st.sampled_from(
    [
        "https://",
        "http://",
        "@",
        "alice",
        "social.test",
        "/",
        ":",
        "?",
        "#",
        "[",
        "]",
        "acct:",
        ".",
        "é",
        "\n",
    ]
)


@given(st.one_of(st.text(max_size=60), st.lists(pieces, max_size=8).map("".join)))
def test_any_text(text: str) -> None:
    try:
        named = parse_typed(text)
    except InvalidIdentifier:
        return
    assert isinstance(named, Acct | ActorUri | Host)
    host = named.name if isinstance(named, Host) else named.host
    assert host == host.lower()
    assert not set(host) & set("/:@?#[] \n")


@given(st.binary(max_size=200))
def test_any_host_meta(body: bytes) -> None:
    found = _TEMPLATE.search(body)
    assert found is None or len(found.group(1)) <= 253
