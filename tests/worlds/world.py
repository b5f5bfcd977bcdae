"""The ground truth of a generated world: who holds which account since when, and what stands on X."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from directory.accounts import BlueskyAccount, MastodonAccount, TargetAccount, XAccount
from directory.identifiers import Acct, ActorUri, AtHandle, Did, XHandle, XId
from directory.members.rechecks import Gone, Moved, Present, TargetSeen
from directory.proofs.challenge import Challenge
from directory.proofs.judge import judge, judge_again
from directory.proofs.post_url import XPostId
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import CheckResult, PostSeen, Unreachable
from directory.x_time import X_EPOCH_MS
from tests.harness.clock import START

Person = int
MALLORY: Final[Person] = 0
SEQUENCE_BITS: Final = 22
EPOCH_MS: Final = int(START.timestamp() * 1000) - X_EPOCH_MS

X_HANDLES: Final = [
    XHandle(name) for name in ("ada", "ada_", "adaa", "bob", "b0b", "eve", "eva", "cleo", "dan")
]
AT_HANDLES: Final = [
    AtHandle(f"{name}.bsky.example") for name in ("ada", "adaa", "bob", "eve", "cleo", "dan", "fay")
]
HOSTS: Final = ("social.example", "tiny.example", "club.example")
USERS: Final = ("ada", "bob", "eve", "cleo")
DIDS: Final = [Did(f"did:plc:{letter * 24}") for letter in "abcdefghijklmnop"]
X_IDS: Final = [XId(number) for number in range(1001, 1017)]


@dataclass(slots=True, eq=False)
class OnX:
    """An account on X. `owners` tells who had it since when."""

    id: XId
    handle: XHandle
    owners: list[tuple[datetime, Person]]
    is_there: bool = True

    @property
    def owner(self) -> Person:
        return self.owners[-1][1]

    @property
    def account(self) -> XAccount:
        return XAccount(self.id, self.handle)

    def owner_at(self, time: datetime) -> Person:
        return _at(self.owners, time)


@dataclass(slots=True, eq=False)
class Place:
    """An account on a new network. `owners` tells who could sign in as it since when."""

    account: TargetAccount
    owners: list[tuple[datetime, Person]]
    is_there: bool = True
    moved_to: MastodonAccount | None = None
    is_bought_unseen: bool = False
    """Passed to another person while the instance held it for sound."""

    @property
    def owner(self) -> Person:
        return self.owners[-1][1]

    @property
    def host(self) -> str | None:
        return self.account.actor.host if isinstance(self.account, MastodonAccount) else None

    def owner_at(self, time: datetime) -> Person:
        return _at(self.owners, time)


@dataclass(slots=True, eq=False)
class Post:
    """A post on X. `said_by` is who wrote it, whoever the account belongs to. An edit has an id of its own."""

    id: XPostId
    author: OnX
    said_by: Person
    text: str
    at: datetime
    is_deleted: bool = False
    edited: tuple[XPostId, str] | None = None


@dataclass(slots=True, eq=False)
class World:
    """Everything that is true, whoever knows it. `shows` is what the sources of X can show at this moment."""

    now: datetime = START
    xs: list[OnX] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    posts: dict[int, Post] = field(default_factory=dict)
    bearers: dict[str, list[tuple[datetime, OnX | None]]] = field(default_factory=dict)
    labels: dict[str, Place] = field(default_factory=dict)
    dead_hosts: dict[str, datetime] = field(default_factory=dict)
    shows: str = "id"
    told: dict[str, tuple[datetime, OnX]] = field(default_factory=dict)
    """Who has last proven a handle to the instance, and when."""
    agreed: list[tuple[OnX, tuple[str, ...], datetime, Person]] = field(default_factory=list)
    """Sign-ins at X for accounts that the person was shown."""

    def pass_time(self, **units: float) -> None:
        """Lets time pass. A second at least lies between any two acts."""
        self.now += timedelta(**units)

    def new_x(self, owner: Person, handle: XHandle) -> OnX:
        x = OnX(X_IDS[len(self.xs)], handle, [(self.now, owner)])
        self.xs.append(x)
        self._bear(x, handle)
        return x

    def rename_x(self, x: OnX, handle: XHandle) -> None:
        """Gives an account another handle. The former one is free."""
        self.bearers[x.handle.key].append((self.now, None))
        x.handle = handle
        self._bear(x, handle)

    def end_x(self, x: OnX) -> None:
        """Ends an account: its posts go, and its handle is free."""
        x.is_there = False
        self.bearers[x.handle.key].append((self.now, None))
        for post in self.posts.values():
            post.is_deleted |= post.author is x

    def free_since(self, handle: XHandle) -> datetime | None:
        """Returns since when nobody bears a handle. None where somebody does."""
        history = self.bearers.get(handle.key)
        if not history:
            return START - timedelta(days=10_000)
        since, bearer = history[-1]
        return since if bearer is None else None

    def bearer_at(self, key: str, time: datetime) -> OnX | None:
        """Returns who bore a handle at a time."""
        bearer = None
        for since, each in self.bearers.get(key, ()):
            if since <= time:
                bearer = each
        return bearer

    def tell(self, x: OnX) -> None:
        """Notes that an account has just proven its handle to the instance."""
        self.told[x.handle.key] = (self.now, x)

    def new_place(self, owner: Person, label: AtHandle | Acct, actor: ActorUri | None = None) -> Place:
        """Makes an account on a new network. `actor` is the address of a Mastodon account's actor."""
        account: TargetAccount
        if isinstance(label, AtHandle):
            from_pool = DIDS[sum(place.host is None for place in self.places)]
            account = BlueskyAccount(from_pool, label)
        else:
            account = MastodonAccount(actor or ActorUri(f"https://{label.host}/users/{label.user}"), label)
        place = Place(account, [(self.now, owner)])
        self.places.append(place)
        self.labels[str(label)] = place
        return place

    def rename_place(self, place: Place, label: AtHandle) -> AtHandle:
        """Gives an account on Bluesky another handle. Returns the former one, which is free."""
        former = place.account.handle
        assert isinstance(place.account, BlueskyAccount)
        assert isinstance(former, AtHandle)
        self.labels.pop(str(former), None)
        place.account = BlueskyAccount(place.account.did, label)
        self.labels[str(label)] = place
        return former

    def place_of(self, account_id: object) -> Place:
        """Returns who is there under the lasting id of an account."""
        return next(place for place in self.places if place.account.id == account_id)

    def post(self, author: OnX, said_by: Person, text: str) -> Post:
        """Posts on X."""
        post = Post(self._post_id(), author, said_by, text, self.now)
        self.posts[post.id.value] = post
        return post

    def edit(self, post: Post, text: str) -> None:
        post.edited = (self._post_id(), text)

    def read_post(self, post_id: int, challenge: Challenge, known: XId | None, is_first: bool) -> CheckResult:
        """Tells what the sources of X show of a post, judged as the instance judges it."""
        post = self.posts[post_id]
        if self.shows == "nothing":
            return Unreachable(UnreachableReason.NO_ANSWER)
        tells_id = self.shows == "id"
        if post.is_deleted:
            return Unreachable(UnreachableReason.DELETED if tells_id else UnreachableReason.WITHHELD)
        number, text = post.edited or (post.id, post.text)
        author = post.author
        seen = PostSeen(
            id=number,
            latest=number,
            author_id=author.id if tells_id else None,
            author_handle=author.handle,
            text=text,
        )
        return judge(challenge, seen, self.now) if is_first else judge_again(challenge, seen, self.now, known)

    def read_target(self, account: TargetAccount) -> TargetSeen:
        """Tells what an account's own server says of it."""
        place = self.place_of(account.id)
        if place.host in self.dead_hosts:
            return Unreachable(UnreachableReason.NO_ANSWER)
        if not place.is_there:
            return Gone()
        if place.moved_to is not None:
            return Moved(place.moved_to)
        return Present(place.account, None, None)

    def _bear(self, x: OnX, handle: XHandle) -> None:
        self.bearers.setdefault(handle.key, []).append((self.now, x))

    def _post_id(self) -> XPostId:
        passed_ms = int((self.now - START).total_seconds() * 1000) + 1_000
        return XPostId((EPOCH_MS + passed_ms) << SEQUENCE_BITS | len(self.posts))


def _at(history: list[tuple[datetime, Person]], time: datetime) -> Person:
    person = history[0][1]
    for since, each in history:
        if since <= time:
            person = each
    return person
