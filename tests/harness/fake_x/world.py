"""The accounts and posts of the fake X."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from directory.identifiers import XHandle, XId
from directory.proofs.post_url import XPostId
from tests.harness.fake_x.post_ids import first_post_id_at

_FIRST_ACCOUNT_ID: Final = 1_500_000_000_000_000_001


@dataclass
class FakeAccount:
    """An account. Its number stays, all else can change."""

    id: XId
    handle: XHandle
    name: str
    is_protected: bool = False
    is_suspended: bool = False
    website: str | None = None


@dataclass
class FakePost:
    """One version of a post. Every edit is a post with its own number; `chain` names all versions.

    https://docs.x.com/x-api/fundamentals/edit-posts
    """

    id: XPostId
    author: FakeAccount
    text: str
    chain: list["FakePost"] = field(default_factory=list, repr=False)
    quoted: "FakePost | None" = None
    parent: "FakePost | None" = None
    has_picture: bool = False
    is_age_gated: bool = False
    is_deleted: bool = False
    full_text: str | None = None
    """The whole text of a post longer than 280 characters, of which `text` is the beginning."""

    @property
    def url(self) -> str:
        """As a browser shows it, with the author's name."""
        return f"https://x.com/{self.author.handle}/status/{self.id}"

    @property
    def is_stale(self) -> bool:
        return self.chain[-1] is not self


class FakeWorld:
    """All accounts and posts. Needs a lock where several threads use it."""

    def __init__(self) -> None:
        self.posts: dict[int, FakePost] = {}
        self.accounts: list[FakeAccount] = []
        self._account_ids: Iterator[int] = itertools.count(_FIRST_ACCOUNT_ID)

    def add_account(self, handle: str, name: str | None = None, x_id: int | None = None) -> FakeAccount:
        number = x_id or next(self._account_ids)
        account = FakeAccount(XId(number), XHandle.parse(handle), name or handle.title())
        self.accounts.append(account)
        return account

    def account_of(self, handle: str) -> FakeAccount | None:
        named = (account for account in self.accounts if account.handle.key == handle.lower())
        return next(named, None)

    def add_post(self, author: FakeAccount, text: str, at: datetime) -> FakePost:
        number = first_post_id_at(at).value
        while number in self.posts:
            number += 1
        post = FakePost(XPostId(number), author, text)
        post.chain.append(post)
        self.posts[number] = post
        return post

    def edit(self, post: FakePost, text: str, at: datetime) -> FakePost:
        """Adds a version. X allows it for 30 minutes, and 5 times."""
        version = self.add_post(post.author, text, at)
        post.chain.append(version)
        version.chain = post.chain
        return version

    def delete(self, post: FakePost) -> None:
        """Deletes a post with all its versions."""
        for version in post.chain:
            version.is_deleted = True
