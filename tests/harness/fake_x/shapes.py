"""Makes the answer of each service about a post: (status, body)."""

import json
from typing import Any, Final

from directory.proofs.snowflake import post_time
from tests.harness.fake_x.failures import A_PAGE
from tests.harness.fake_x.links import as_html, escaped, mentions, rewritten, url_entities
from tests.harness.fake_x.world import FakeAccount, FakePost

Shaped = tuple[int, bytes]

_PICTURE: Final = "https://t.co/aPictureOf"
_QUOTED: Final = "https://t.co/quotedPost"


def _json(status: int, value: Any) -> Shaped:
    return status, json.dumps(value, ensure_ascii=False).encode()


def _text(post: FakePost) -> str:
    """Makes the text with its links shortened, and what X adds: the links of a picture and of a quoted post."""
    parts = [rewritten(post.text)]
    if post.quoted is not None:
        parts.append(_QUOTED)
    if post.has_picture:
        parts.append(_PICTURE)
    return " ".join(parts)


def syndication(post: FakePost | None) -> Shaped:
    """Answers cdn.syndication.twimg.com/tweet-result. Undocumented.

    Fields: the types of vercel/react-tweet (packages/react-tweet/src/api/types). A post that does not
    exist: 404 with a page, or a tombstone. Age-gated: a tombstone without text. Suspended: no `user`
    (react-tweet, issue 144).
    """
    if post is None:
        return 404, A_PAGE
    if post.is_deleted:
        words = "This Post was deleted by the Post author."
        return _json(200, {"__typename": "TweetTombstone", "tombstone": {"text": {"text": words}}})
    if post.is_age_gated or post.author.is_protected:
        return _json(200, {"__typename": "TweetTombstone", "tombstone": {}})
    return _json(200, {"__typename": "Tweet", **_tweet(post), "news_action_type": "conversation"})


def _tweet(post: FakePost) -> dict[str, Any]:
    text = escaped(_text(post))
    tweet: dict[str, Any] = {
        "lang": "en",
        "created_at": post_time(post.id).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "display_text_range": [0, len(text)],
        "entities": {
            "hashtags": [],
            "urls": url_entities(post.text),
            "user_mentions": [{"screen_name": name} for name in mentions(post.text)],
            "symbols": [],
        },
        "id_str": str(post.id),
        "text": text,
        "edit_control": {
            "edit_tweet_ids": [str(version.id) for version in post.chain],
            "editable_until_msecs": str(int(post_time(post.chain[0].id).timestamp() * 1000) + 1_800_000),
            "is_edit_eligible": True,
            "edits_remaining": str(6 - len(post.chain)),
        },
        "conversation_count": 0,
        "favorite_count": 0,
        "isEdited": len(post.chain) > 1,
        "isStaleEdit": post.is_stale,
    }
    if not post.author.is_suspended:
        tweet["user"] = _user(post.author)
    if post.full_text is not None:
        tweet["note_tweet"] = {"id": "Tm90ZVR3ZWV0OjE="}
    if post.quoted is not None:
        tweet["quoted_tweet"] = _tweet(post.quoted)
    if post.parent is not None:
        tweet["in_reply_to_screen_name"] = str(post.parent.author.handle)
        tweet["in_reply_to_status_id_str"] = str(post.parent.id)
        tweet["parent"] = _tweet(post.parent)
    return tweet


def _user(account: FakeAccount) -> dict[str, Any]:
    return {
        "id_str": str(account.id),
        "name": account.name,
        "screen_name": str(account.handle),
        "profile_image_url_https": "https://pbs.twimg.com/profile_images/1/face_normal.jpg",
        "profile_image_shape": "Circle",
        "verified": False,
        "is_blue_verified": False,
    }


def oembed(post: FakePost | None, host: str) -> Shaped:
    """Answers publish.x.com/oembed and publish.twitter.com/oembed.

    https://developer.x.com/en/docs/tweets/post-and-engage/api-reference/get-statuses-oembed
    403 where the posts are protected, with this body; 404 where there is none.
    """
    if post is None or post.is_deleted or post.author.is_suspended:
        return 404, A_PAGE
    path = f"/oembed?url=https%3A%2F%2F{host}%2Fi%2Fstatus%2F{post.id}"
    if post.author.is_protected:
        return _json(403, {"error": "Sorry, you are not authorized to see this status.", "request": path})
    handle, name = str(post.author.handle), escaped(post.author.name)
    date = f"{post_time(post.id):%B %d, %Y}"
    inside = as_html(post.text, host)
    if post.quoted is not None:
        inside += f' <a href="{_QUOTED}">{_QUOTED}</a>'
    if post.has_picture:
        inside += f' <a href="{_PICTURE}">pic.twitter.com/aPictureOf</a>'
    html = (
        f'<blockquote class="twitter-tweet" data-dnt="true"><p lang="en" dir="ltr">{inside}</p>'
        f"&mdash; {name} (@{handle}) "
        f'<a href="https://{host}/{handle}/status/{post.id}?ref_src=twsrc%5Etfw">{date}</a></blockquote>\n'
    )
    return _json(
        200,
        {
            "url": f"https://{host}/{handle}/status/{post.id}",
            "author_name": post.author.name,
            "author_url": f"https://{host}/{handle}",
            "html": html,
            "width": 550,
            "height": None,
            "type": "rich",
            "cache_age": "3153600000",
            "provider_name": "Twitter",
            "provider_url": f"https://{host}",
            "version": "1.0",
        },
    )


def fxtwitter_status(post: FakePost | None) -> Shaped:
    """Answers api.fxtwitter.com/<anybody>/status/<id>.

    https://docs.fxembed.com/api/introduction and FxEmbed's api-schemas.ts: `code` mirrors the status.
    Its `text` has links expanded and entities decoded, `raw_text` is X's own.
    """
    if post is None or post.is_deleted or post.author.is_suspended:
        return _json(404, {"code": 404, "message": "NOT_FOUND", "tweet": None})
    if post.author.is_protected:
        return _json(401, {"code": 401, "message": "PRIVATE_TWEET", "tweet": None})
    tweet = {
        "url": post.url,
        "id": str(post.id),
        "text": post.full_text or post.text,
        "raw_text": {"text": escaped(post.full_text or _text(post)), "facets": []},
        "author": _fx_user(post.author),
        "created_timestamp": int(post_time(post.id).timestamp()),
        "is_note_tweet": post.full_text is not None,
        "lang": "en",
        "replying_to": None if post.parent is None else str(post.parent.author.handle),
        "source": "Twitter Web App",
    }
    if post.quoted is not None:
        quote = json.loads(fxtwitter_status(post.quoted)[1])["tweet"]
        tweet["quote"] = quote
    return _json(200, {"code": 200, "message": "OK", "tweet": tweet})


def fxtwitter_profile(account: FakeAccount | None) -> Shaped:
    """Answers api.fxtwitter.com/<handle>. FxEmbed's profile.ts: `website` is null where there is none."""
    if account is None or account.is_suspended:
        return _json(404, {"code": 404, "message": "User not found"})
    return _json(200, {"code": 200, "message": "OK", "user": _fx_user(account)})


def _fx_user(account: FakeAccount) -> dict[str, Any]:
    website = account.website
    return {
        "id": str(account.id),
        "name": account.name,
        "screen_name": str(account.handle),
        "description": "",
        "website": website and {"url": website, "display_url": website.partition("://")[2][:25]},
        "protected": account.is_protected,
    }
