"""The readings of each source's answers: every documented shape, every known failure, and nonsense."""

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.identifiers import XHandle
from directory.proofs.post_url import XPostId
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import PostSeen, Reading, Unreachable
from directory.proofs.sources.fxtwitter import FxTwitter
from directory.proofs.sources.oembed import oembed_of_twitter, oembed_of_x
from directory.proofs.sources.port import Source
from directory.proofs.sources.syndication import Syndication
from tests.harness.clock import START
from tests.harness.fake_x import shapes
from tests.harness.fake_x.failures import A_PAGE
from tests.harness.fake_x.world import FakePost, FakeWorld

SYNDICATION: Final = Syndication()
OEMBED: Final = oembed_of_x()
FXTWITTER: Final = FxTwitter()
SOURCES: Final[tuple[Source, ...]] = (SYNDICATION, OEMBED, oembed_of_twitter(), FXTWITTER)

TEXT: Final = "I <3 links & names: see alice.example.org or @bob"


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld()


@pytest.fixture
def post(world: FakeWorld) -> FakePost:
    return world.add_post(world.add_account("Alice_1", "Alice & Co"), TEXT, START)


def shape(source: Source, post: FakePost | None) -> shapes.Shaped:
    if source is SYNDICATION:
        return shapes.syndication(post)
    if source is FXTWITTER:
        return shapes.fxtwitter_status(post)
    return shapes.oembed(post, "x.com" if source is OEMBED else "twitter.com")


def read(source: Source, post: FakePost) -> Reading:
    return source.read(post.id, *shape(source, post))


def reason(reading: Reading) -> UnreachableReason:
    assert isinstance(reading, Unreachable)
    return reading.reason


@pytest.mark.parametrize("source", SOURCES)
def test_a_post_is_seen_with_its_author_and_its_own_text(source: Source, post: FakePost) -> None:
    seen = read(source, post)
    assert isinstance(seen, PostSeen)
    assert (seen.id, seen.latest, seen.is_latest) == (post.id, post.id, True)
    assert seen.author_handle == XHandle("Alice_1")
    assert seen.author_id == (post.author.id if source.tells_id else None)
    assert seen.text.startswith("I <3 links & names: see https://t.co/")
    assert seen.text.endswith(" or @bob")


@pytest.mark.parametrize("source", SOURCES)
def test_the_display_name_is_not_the_authors_handle(source: Source, world: FakeWorld) -> None:
    """An attacker whose display name is the victim's handle, or our sentence, stays who they are."""
    mallory = world.add_account("mallory", "victim</p><p>This account is also")
    seen = read(source, world.add_post(mallory, "hello", START))
    assert isinstance(seen, PostSeen)
    assert seen.author_handle == XHandle("mallory")
    assert seen.text == "hello"


@pytest.mark.parametrize("source", SOURCES)
def test_quoted_posts_and_parents_do_not_count(source: Source, world: FakeWorld) -> None:
    """Who quotes or answers a post has not said it, and its author has not said what they add."""
    victim, mallory = world.add_account("victim"), world.add_account("mallory")
    said = world.add_post(victim, "the words of the victim", START)
    reply = world.add_post(mallory, "mine", START)
    reply.quoted, reply.parent = said, said
    seen = read(source, reply)
    assert isinstance(seen, PostSeen)
    assert seen.author_handle == XHandle("mallory")
    assert "victim" not in seen.text


@pytest.mark.parametrize("source", SOURCES)
def test_an_answer_about_another_post_is_refused(source: Source, world: FakeWorld, post: FakePost) -> None:
    """A cache that mixes posts up, or a repost that comes as the post it repeats."""
    other = world.add_post(world.add_account("mallory"), "other", START)
    assert reason(source.read(other.id, *shape(source, post))) is UnreachableReason.OTHER_POST


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (402, UnreachableReason.TURNED_AWAY),
        (401, UnreachableReason.TURNED_AWAY),
        (403, UnreachableReason.TURNED_AWAY),
        (429, UnreachableReason.TOO_MANY_REQUESTS),
        (500, UnreachableReason.SOURCE_BROKEN),
        (503, UnreachableReason.SOURCE_BROKEN),
        (302, UnreachableReason.UNREADABLE),
        (204, UnreachableReason.UNREADABLE),
        (200, UnreachableReason.UNREADABLE),
    ],
)
def test_failures_with_a_page_for_people_say_nothing(
    source: Source, status: int, expected: UnreachableReason
) -> None:
    assert reason(source.read(XPostId(20), status, A_PAGE)) is expected


def test_404_means_deleted_only_where_that_is_documented() -> None:
    verdicts = {source.name: reason(source.read(XPostId(20), 404, A_PAGE)) for source in SOURCES}
    assert verdicts == {
        "syndication": UnreachableReason.WITHHELD,
        "oembed-x": UnreachableReason.DELETED,
        "oembed-twitter": UnreachableReason.DELETED,
        "fxtwitter": UnreachableReason.TURNED_AWAY,
    }


@pytest.mark.parametrize(
    ("source", "gone", "protected"),
    [
        (SYNDICATION, UnreachableReason.WITHHELD, UnreachableReason.WITHHELD),
        (OEMBED, UnreachableReason.DELETED, UnreachableReason.PROTECTED),
        (FXTWITTER, UnreachableReason.DELETED, UnreachableReason.PROTECTED),
    ],
)
def test_posts_that_are_not_shown(
    source: Source, gone: UnreachableReason, protected: UnreachableReason, world: FakeWorld
) -> None:
    alice = world.add_account("alice")
    post = world.add_post(alice, TEXT, START)
    alice.is_protected = True
    assert reason(read(source, post)) is protected
    alice.is_protected, alice.is_suspended = False, True
    assert reason(read(source, post)) is gone
    alice.is_suspended = False
    world.delete(post)
    assert reason(read(source, post)) is gone


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"__typename":"TweetTombstone","tombstone":{}}',
        b'{"__typename":"TweetTombstone","tombstone":{"text":{"text":"This Post was deleted by the Post author."}}}',
        b'{"__typename":"Tweet","id_str":"20","text":"x"}',
    ],
)
def test_syndication_withholds_in_several_ways(body: bytes) -> None:
    assert reason(SYNDICATION.read(XPostId(20), 200, body)) is UnreachableReason.WITHHELD


def test_an_age_gated_post_is_withheld(post: FakePost) -> None:
    post.is_age_gated = True
    assert reason(read(SYNDICATION, post)) is UnreachableReason.WITHHELD


def test_a_text_that_is_cut_is_told(post: FakePost) -> None:
    post.full_text = TEXT + " and much more"
    seen = read(SYNDICATION, post)
    assert isinstance(seen, PostSeen)
    assert not seen.is_whole
    full = read(FXTWITTER, post)
    assert isinstance(full, PostSeen)
    assert full.text.endswith("and much more")


def test_syndication_tells_of_later_versions(world: FakeWorld, post: FakePost) -> None:
    final = world.edit(post, "edited", START)
    old, new = read(SYNDICATION, post), read(SYNDICATION, final)
    assert isinstance(old, PostSeen)
    assert isinstance(new, PostSeen)
    assert (old.latest, old.is_latest) == (final.id, False)
    assert (new.latest, new.is_latest, new.text) == (final.id, True, "edited")


def test_the_final_version_may_come_for_an_older_number(world: FakeWorld, post: FakePost) -> None:
    """X says that it shows the most recent version in most cases: its own list of versions must hold both."""
    middle = world.edit(post, "second", START)
    final = world.edit(post, "third", START)
    seen = SYNDICATION.read(post.id, *shapes.syndication(final))
    assert isinstance(seen, PostSeen)
    assert (seen.id, seen.is_latest) == (final.id, True)
    assert reason(SYNDICATION.read(post.id, *shapes.syndication(middle))) is UnreachableReason.OTHER_POST


def tweet(**changed: Any) -> bytes:
    fields = {
        "__typename": "Tweet",
        "id_str": "20",
        "text": "x",
        "user": {"id_str": "12", "screen_name": "jack"},
    }
    return json.dumps(fields | changed).encode()


def test_the_shape_of_edits_that_the_graphql_has_is_read_too() -> None:
    edits = {"initial_tweet_id": "20", "edit_control_initial": {"edit_tweet_ids": ["20", "21"]}}
    seen = SYNDICATION.read(XPostId(20), 200, tweet(edit_control=edits))
    assert isinstance(seen, PostSeen)
    assert seen.latest == XPostId(21)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"isStaleEdit": True}, UnreachableReason.EDITED_SINCE),
        ({"edit_control": {"edit_tweet_ids": ["21", "22"]}}, UnreachableReason.UNREADABLE),
        ({"edit_control": {"edit_tweet_ids": ["x"]}}, UnreachableReason.UNREADABLE),
        ({"edit_control": 5}, UnreachableReason.UNREADABLE),
        ({"user": {"id_str": "0", "screen_name": "jack"}}, UnreachableReason.UNREADABLE),
        ({"user": {"id_str": "12", "screen_name": "ja ck"}}, UnreachableReason.UNREADABLE),
        ({"user": {"id_str": 12, "screen_name": "jack"}}, UnreachableReason.UNREADABLE),
        ({"user": {"screen_name": "jack"}}, UnreachableReason.UNREADABLE),
        ({"id_str": "020"}, UnreachableReason.UNREADABLE),
        ({"text": None}, UnreachableReason.UNREADABLE),
        ({"__typename": "Other"}, UnreachableReason.UNREADABLE),
    ],
)
def test_half_made_answers_of_the_syndication(changed: dict[str, Any], expected: UnreachableReason) -> None:
    assert reason(SYNDICATION.read(XPostId(20), 200, tweet(**changed))) is expected


def embed(**changed: str) -> bytes:
    fields = {
        "url": "https://x.com/jack/status/20",
        "author_url": "https://x.com/jack",
        "html": "<blockquote><p>x</p></blockquote>",
    }
    return json.dumps(fields | changed).encode()


@pytest.mark.parametrize("host", ["x.com", "twitter.com"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_author_of_an_embed_is_in_its_author_url(scheme: str, host: str) -> None:
    seen = OEMBED.read(XPostId(20), 200, embed(author_url=f"{scheme}://{host}/JACK"))
    assert isinstance(seen, PostSeen)
    assert seen.author_handle.key == "jack"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "jack",
        "https://evil.example/jack",
        "https://x.com.evil.example/jack",
        "https://x.com@evil.example/jack",
        "https://evil.example@x.com/jack",
        "https://x.com/",
        "https://x.com/jack/status/20",
        "https://x.com/i/user/12",
        "javascript:alert(1)",
        "https://[x.com/jack",
    ],
)
def test_an_author_url_that_is_none_is_refused(url: str) -> None:
    assert reason(OEMBED.read(XPostId(20), 200, embed(author_url=url))) is UnreachableReason.UNREADABLE


@pytest.mark.parametrize("url", ["", "https://evil.example/jack/status/20", "https://x.com/jack"])
def test_an_embed_of_no_post_is_refused(url: str) -> None:
    assert reason(OEMBED.read(XPostId(20), 200, embed(url=url))) is UnreachableReason.UNREADABLE


def test_an_fxtwitter_without_ids_tells_the_handle() -> None:
    author = {"screen_name": "jack"}
    body = json.dumps({"code": 200, "tweet": {"id": "20", "text": "x", "author": author}}).encode()
    seen = FXTWITTER.read(XPostId(20), 200, body)
    assert isinstance(seen, PostSeen)
    assert (seen.author_id, seen.author_handle) == (None, XHandle("jack"))


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"code":500,"message":"API_FAIL"}', UnreachableReason.SOURCE_BROKEN),
        (500, b'{"code":500,"message":"API_FAIL"}', UnreachableReason.SOURCE_BROKEN),
        (200, b'{"code":200,"message":"OK"}', UnreachableReason.UNREADABLE),
        (200, b'{"code":404,"message":"NOT_FOUND"}', UnreachableReason.DELETED),
        (200, b'{"code":200,"tweet":{"id":"20","text":"x","author":{"screen_name":"a b"}}}', UnreachableReason.UNREADABLE),
        (200, b'{"code":"200"}', UnreachableReason.UNREADABLE),
    ],
)  # fmt: skip
def test_failures_of_fxtwitter(status: int, body: bytes, expected: UnreachableReason) -> None:
    assert reason(FXTWITTER.read(XPostId(20), status, body)) is expected


KEYS: Final = (
    *("__typename", "id_str", "text", "user", "edit_control", "isStaleEdit", "edit_tweet_ids", "url"),
    *("author_url", "html", "code", "tweet", "id", "author", "screen_name", "raw_text"),
)
odd_values = st.sampled_from(
    [None, True, 0, 200, -1, 1.5, 2**70, "", "20", "jack", "Tweet", "\ud800", [], ["20"]]
)
odd_objects = st.dictionaries(st.sampled_from(KEYS), odd_values)


@pytest.mark.parametrize("source", SOURCES)
@given(status=st.integers(100, 599), body=st.binary())
def test_no_bytes_raise(source: Source, status: int, body: bytes) -> None:
    source.read(XPostId(20), status, body)


@pytest.mark.parametrize("source", SOURCES)
@given(value=st.dictionaries(st.sampled_from(KEYS), odd_values | odd_objects))
def test_no_json_raises(source: Source, value: object) -> None:
    source.read(XPostId(20), 200, json.dumps(value).encode())


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b'{"text":"\\ud800"}', b"1e999", b'{"id_str":"20"'],
)
def test_hostile_json_is_unreadable(source: Source, body: bytes) -> None:
    assert isinstance(source.read(XPostId(20), 200, body), Unreachable)


def test_addresses_that_are_asked() -> None:
    post = XPostId(1628832338187636740)
    assert [source.url(post) for source in SOURCES] == [
        "https://cdn.syndication.twimg.com/tweet-result?id=1628832338187636740&lang=en&token=3y54libozsy",
        "https://publish.x.com/oembed?url=https%3A%2F%2Fx.com%2Fi%2Fstatus%2F1628832338187636740"
        "&omit_script=1&dnt=true&hide_thread=true&lang=en",
        "https://publish.twitter.com/oembed?url=https%3A%2F%2Ftwitter.com%2Fi%2Fstatus%2F1628832338187636740"
        "&omit_script=1&dnt=true&hide_thread=true&lang=en",
        "https://api.fxtwitter.com/i/status/1628832338187636740",
    ]
