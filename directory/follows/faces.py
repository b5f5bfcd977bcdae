"""How an account looks, so that a person recognises a person. Pure.

All of it was written by strangers: texts are cut and shown as text, and a picture is what its first bytes say it is.
"""

from typing import Final

import msgspec

from directory.accounts import TargetAccount
from directory.follows.reasons import Reason

MAX_NAME_CHARS: Final = 100
MAX_DESCRIPTION_CHARS: Final = 300
MAX_URL_CHARS: Final = 1_024
MAX_PICTURE_BYTES: Final = 512 * 1024

_RIFF_HEAD_BYTES: Final = 12


class Profile(msgspec.Struct, frozen=True):
    """What a network tells of an account. `avatar_url` is empty where it has no picture. `reason` is MOVED, GONE, LABELLED
    or NONE; `moved_to` is where it moved, if that can be told."""

    account: TargetAccount
    name: str = ""
    description: str = ""
    avatar_url: str = ""
    reason: Reason = Reason.NONE
    moved_to: TargetAccount | None = None


class Face(msgspec.Struct, frozen=True):
    """A profile that is kept. `code` names its picture in addresses: drawn by lot, so that only whoever was shown the
    face can ask for it."""

    profile: Profile
    code: str

    @property
    def has_picture(self) -> bool:
        return bool(self.profile.avatar_url)


class Picture(msgspec.Struct, frozen=True):
    """A picture of a type that browsers only paint."""

    content: bytes
    media_type: str


def trimmed(profile: Profile) -> Profile:
    """Returns a profile whose texts are no longer than what is kept."""
    is_short = len(profile.avatar_url) <= MAX_URL_CHARS
    return msgspec.structs.replace(
        profile,
        name=_plain(profile.name)[:MAX_NAME_CHARS],
        description=_plain(profile.description)[:MAX_DESCRIPTION_CHARS],
        avatar_url=profile.avatar_url if is_short and "\0" not in profile.avatar_url else "",
    )


def picture_type(content: bytes) -> str:
    """Returns the media type by the first bytes: PNG, JPEG, GIF or WebP. Empty for all else, and so for SVG, which can
    hold scripts."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    head = content[:_RIFF_HEAD_BYTES]
    return "image/webp" if head[:4] == b"RIFF" and head[8:] == b"WEBP" else ""


def _plain(text: str) -> str:
    """Returns a text without what cannot be seen, nor stored."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
