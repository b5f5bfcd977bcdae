"""Makes the files of an invented archive, as X writes them, in pieces."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

import msgspec

from directory.demo.world import X_EPOCH_MS, snowflake

ROW_KEYS: Final = {"following": "following", "follower": "follower", "block": "blocking", "mute": "muting"}
_ROWS_A_PIECE: Final = 500
_LINK_HOSTS: Final = ("twitter.com", "x.com")

TWEET_BYTES: Final = 1_100
"""About the size of a tweet."""
_TWEETS_A_PIECE: Final = 64
_OLDEST_TWEET: Final = timedelta(days=13 * 365)
_LONGEST_PAUSE_MS: Final = 3_600_000
_ONE_REPLY_IN: Final = 3

README: Final = (
    "This archive was made by `passerelle demo`.\n"
    "Nobody in it exists, and none of the servers can: their names are reserved (RFC 2606).\n"
)

_TALK: Final = (
    "the bridge was quiet this morning and the river carried a little fog "
    "so we walked across slowly and talked about gardens maps trains and bread"
)


def list_file(name: str, part: int, ids: Iterable[int]) -> Iterator[bytes]:
    """Yields `window.YTD.<name>.part<N> = [ … ]`; links are on twitter.com and on x.com, by turns."""
    key = ROW_KEYS[name]
    yield f"window.YTD.{name}.part{part} = [".encode()
    rows: list[str] = []
    separator = ""
    for number, x_id in enumerate(ids):
        host = _LINK_HOSTS[number & 1]
        rows.append(
            f'{separator}\n  {{\n    "{key}" : {{\n      "accountId" : "{x_id}",\n'
            f'      "userLink" : "https://{host}/intent/user?user_id={x_id}"\n    }}\n  }}'
        )
        separator = ","
        if len(rows) == _ROWS_A_PIECE:
            yield "".join(rows).encode()
            rows = []
    yield "".join(rows).encode()
    yield b"\n]" if separator else b" ]"


def decoy_file(name: str, key: str, ids: Iterable[int]) -> bytes:
    """Makes a file that looks like a list and is none: requests to follow, members of lists."""
    rows = [{key: {"accountId": str(x_id), "userLink": _link(x_id)}} for x_id in ids]
    return f"window.YTD.{name.replace('-', '_')}.part0 = ".encode() + _pretty(rows)


def account_file(x_id: int, handle: str, joined: datetime) -> bytes:
    """Makes `account.js`, with an e-mail address that readers must not use."""
    account = {
        "email": f"{handle.lower()}@mail.example",
        "createdVia": "web",
        "username": handle,
        "accountId": str(x_id),
        "createdAt": _iso(joined),
        "accountDisplayName": handle.replace("_", " ").rstrip("0123456789"),
    }
    return b"window.YTD.account.part0 = " + _pretty([{"account": account}])


def manifest_file(
    x_id: int, handle: str, made: datetime, size: int, files: dict[str, list[tuple[str, str, int]]]
) -> bytes:
    """Makes `manifest.js`. `files` has for each type of data the name, the JavaScript name and the number of rows of
    each file."""
    manifest = {
        "userInfo": {"accountId": str(x_id), "userName": handle, "displayName": handle},
        "archiveInfo": {
            "sizeBytes": str(size),
            "generationDate": _iso(made),
            "isPartialArchive": False,
            "maxPartSizeBytes": "53687091200",
        },
        "readmeInfo": {
            "fileName": "data/README.txt",
            "directory": "data/",
            "name": "README.txt",
        },
        "dataTypes": {
            data_type: {
                "files": [
                    {"fileName": name, "globalName": global_name, "count": str(count)}
                    for name, global_name, count in found
                ]
            }
            for data_type, found in files.items()
        },
    }
    return b"window.__THAR_CONFIG = " + _pretty(manifest)


class TweetWriter:
    """Writes tweets from the newest to the oldest: first `replies` with two mentions each, then one such in three."""

    def __init__(
        self, mentions: Iterator[tuple[int, str]], made: datetime, *, count: int, replies: int
    ) -> None:
        """`count` is about the number of tweets, which are spread over the years before `made`."""
        self._mentions = mentions
        self._replies = replies
        self._at_ms = int(made.timestamp() * 1000)
        self._pause_ms = max(
            1, min(_LONGEST_PAUSE_MS, int(_OLDEST_TWEET.total_seconds() * 1000) // max(1, count))
        )
        self._number = 0

    def file(self, part: int, min_bytes: int, min_tweets: int) -> Iterator[bytes]:
        """Yields `tweets.js` with at least so many bytes and so many tweets."""
        yield f"window.YTD.tweets.part{part} = [\n  ".encode()
        written = tweets = 0
        while written < min_bytes or tweets < min_tweets:
            count = min(_TWEETS_A_PIECE, max(1, (min_bytes - written) // TWEET_BYTES, min_tweets - tweets))
            piece = ",\n  ".join(self._tweet() for _ in range(count)).encode()
            yield b",\n  " + piece if tweets else piece
            written += len(piece)
            tweets += count
        yield b"\n]"

    def _tweet(self) -> str:
        self._number += 1
        self._at_ms = max(X_EPOCH_MS + 1, self._at_ms - self._pause_ms)
        tweet_id = snowflake(self._at_ms, self._number * 7919)
        at = datetime.fromtimestamp(self._at_ms / 1000, UTC)
        is_reply = self._number <= self._replies or self._number % _ONE_REPLY_IN == 0
        pair = list(islice(self._mentions, 2)) if is_reply else []
        called = "".join(f"@{handle} " for _, handle in pair)
        start = self._number % 71
        text = called + _TALK[start : start + 70]
        listed = ",\n".join(_mention(x_id, handle, text) for x_id, handle in pair)
        return _TWEET % (
            tweet_id,
            _iso(at),
            f"[\n{listed}\n        ]" if listed else "[ ]",
            len(text),
            self._number % 17,
            tweet_id,
            self._number % 5,
            tweet_id,
            at.strftime("%a %b %d %H:%M:%S +0000 %Y"),
            text,
        )


_TWEET: Final = """{
    "tweet" : {
      "edit_info" : {
        "initial" : {
          "editTweetIds" : [
            "%d"
          ],
          "editableUntil" : "%s",
          "editsRemaining" : "5",
          "isEditEligible" : true
        }
      },
      "retweeted" : false,
      "source" : "<a href=\\"https://mobile.twitter.com\\" rel=\\"nofollow\\">Twitter Web App</a>",
      "entities" : {
        "user_mentions" : %s,
        "urls" : [ ],
        "symbols" : [ ],
        "hashtags" : [ ]
      },
      "display_text_range" : [
        "0",
        "%d"
      ],
      "favorite_count" : "%d",
      "id_str" : "%d",
      "truncated" : false,
      "retweet_count" : "%d",
      "id" : "%d",
      "created_at" : "%s",
      "favorited" : false,
      "full_text" : "%s",
      "lang" : "en"
    }
  }"""


def _mention(x_id: int, handle: str, text: str) -> str:
    start = text.index("@" + handle)
    return (
        f'          {{\n            "name" : "{handle.replace("_", " ")}",\n'
        f'            "screen_name" : "{handle}",\n            "indices" : [\n'
        f'              "{start}",\n              "{start + len(handle) + 1}"\n            ],\n'
        f'            "id_str" : "{x_id}",\n            "id" : "{x_id}"\n          }}'
    )


def _link(x_id: int) -> str:
    return f"https://{_LINK_HOSTS[x_id & 1]}/intent/user?user_id={x_id}"


def _pretty(document: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
