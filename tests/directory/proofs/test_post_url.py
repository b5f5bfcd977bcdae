import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.errors import InvalidIdentifier
from directory.proofs.post_url import MAX_POST_ID, XPostId, parse_post_url

post_ids = st.integers(1, MAX_POST_ID).map(XPostId)
names = st.from_regex(r"[A-Za-z0-9_]{1,20}", fullmatch=True)


@pytest.mark.parametrize(
    "typed",
    [
        "https://x.com/alice/status/1234567890123456789",
        "http://x.com/alice/status/1234567890123456789",
        "https://twitter.com/alice/status/1234567890123456789?s=20&t=abc",
        "https://www.twitter.com/alice/status/1234567890123456789#top",
        "https://mobile.twitter.com/alice/statuses/1234567890123456789/photo/1",
        "https://mobile.x.com/alice/Status/1234567890123456789/",
        "https://m.twitter.com/alice/status/1234567890123456789",
        "https://x.com/i/status/1234567890123456789",
        "https://x.com/i/web/status/1234567890123456789",
        "https://X.COM/alice/status/1234567890123456789",
        "x.com/alice/status/1234567890123456789",
        "  https://x.com/alice/status/1234567890123456789\n",
        "1234567890123456789",
    ],
)
def test_every_way_to_name_a_post_gives_its_number(typed: str) -> None:
    assert parse_post_url(typed) == XPostId(1234567890123456789)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "https://x.com/alice",
        "https://x.com/alice/status/",
        "https://x.com/alice/status/12a",
        "https://x.com/alice/status/+12",
        "https://x.com/alice/status/012",
        "https://x.com/alice/status/９",
        f"https://x.com/alice/status/{MAX_POST_ID + 1}",
        "https://x.com/alice/likes/12",
        "https://x.com.evil.example/alice/status/12",
        "https://evil.example/x.com/alice/status/12",
        "https://x.com@evil.example/alice/status/12",
        "https://x.com:8443/alice/status/12",
        "https://notx.com/alice/status/12",
        "https://t.co/abcdef",
        "javascript://x.com/alice/status/12",
        "https://[x.com/alice/status/12",
        "https://x.com/" + "a" * 3_000 + "/status/12",
        "0",
    ],
)
def test_what_names_no_post_of_x_is_refused(typed: str) -> None:
    with pytest.raises(InvalidIdentifier):
        parse_post_url(typed)


@given(post_ids, names, names)
def test_the_name_in_the_address_does_not_matter(post: XPostId, one: str, other: str) -> None:
    """X ignores the name: an attacker's own post can be handed in under the victim's name."""
    urls = (f"https://x.com/{name}/status/{post}" for name in (one, other, "i"))
    assert {parse_post_url(url) for url in urls} == {post}


@given(post_ids)
def test_ids_and_canonical_addresses_come_back(post: XPostId) -> None:
    assert XPostId.parse(str(post)) == post == parse_post_url(post.url)


@given(st.text() | st.binary() | st.none() | st.integers())
def test_no_input_raises_anything_else(typed: object) -> None:
    try:
        parse_post_url(typed)
    except InvalidIdentifier:
        return


@given(st.text(alphabet="htps:/x.comtwier@?#[]0123456789 \t\r%status", max_size=60))
def test_no_near_address_raises_anything_else(typed: str) -> None:
    try:
        parse_post_url(typed)
    except InvalidIdentifier:
        return
