"""The events of a world, drawn from its seed: acts of honest people, of an attacker, of moderators, and of time.

A story is a generator of `Step`s for an instance, and each is answered with what the instance returned. The world
changes as the story goes on, so a step has to be done, on however many instances, before the next is drawn.
"""

from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from directory.accounts import MastodonAccount, ProvenAccount, TargetAccount
from directory.identifiers import Acct, ActorUri, XHandle
from directory.mappings import Evidence, EvidenceKind
from directory.members.claims import WAITING
from directory.proofs.challenge import Challenge
from directory.proofs.sentence import write_sentence
from directory.queries import Query
from tests.worlds.instance import Instance
from tests.worlds.oracle import Asked
from tests.worlds.world import (
    AT_HANDLES,
    HOSTS,
    MALLORY,
    USERS,
    X_HANDLES,
    X_IDS,
    OnX,
    Person,
    Place,
    Post,
    World,
)

Step = tuple[Any, ...]
Acts = Generator[Step, Any, None]

ASK: Final = "ask-around"
"""Not a step of the instance: the followers ask."""
NAME_REST: Final = timedelta(days=366)
"""How long a name is borne by nobody before another takes it, unless the world is quick."""
KNOWN_DEAD_AFTER: Final = timedelta(days=30)
"""A server that the instance has not reached for this long may have passed to somebody else, and the instance knows."""
MAX_ACTS: Final = 14
QUESTIONS: Final = 3


@dataclass(frozen=True, slots=True)
class Rules:
    """What a world allows. Quick: names pass on at once. Bought: domains pass on before anybody saw them dead."""

    is_quick: bool = False
    is_bought: bool = False


@dataclass(slots=True, eq=False)
class Someone:
    """A person: what is theirs, and their session, if any."""

    number: Person
    xs: list[OnX] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    session: int | None = None

    @property
    def is_honest(self) -> bool:
        return self.number != MALLORY

    @property
    def present(self) -> list[Place]:
        return [place for place in self.places if place.is_there and place.owner == self.number]


class Story:
    """One world, and what happens in it."""

    def __init__(self, seed: int, rules: Rules, world: World, view: Instance) -> None:
        self.random = Random(seed)  # noqa: S311 - worlds are chosen, not kept secret
        self.rules = rules
        self.world = world
        self.happened: Counter[str] = Counter()
        self.spans: list[tuple[OnX, XHandle, datetime]] = []
        self._view = view
        self._people: list[Someone] = []

    def run(self) -> Acts:
        """Yields the steps of the whole story."""
        for number in range(self.random.choice((3, 3, 4))):
            someone = Someone(number)
            self._people.append(someone)
            self._settle(someone)
            if number != MALLORY or self.random.random() < 0.6:
                yield from self._enroll(someone)
        acts, weights = _ACTS
        for _ in range(self.random.randint(6, MAX_ACTS)):
            self._pass_time()
            yield ("work",)
            chosen = self.random.choices(acts, cum_weights=weights)[0]
            yield from chosen(self)
            if self.random.random() < 0.3:
                self._pass_time()
                yield ("work",)
            yield (ASK, self._questions())
        self._pass_time()
        yield ("work",)
        yield (ASK, self._questions())

    # Time, people, questions

    def _pass_time(self) -> None:
        chance = self.random.random()
        days = self.random.random() * (1.5 if chance < 0.35 else 35 if chance < 0.75 else 250)
        self.world.pass_time(days=days)
        self.world.shows = self.random.choices(("id", "handle", "nothing"), cum_weights=(60, 88, 100))[0]

    def _tick(self) -> None:
        self.world.now += _SECOND

    def _settle(self, someone: Someone) -> None:
        if handle := self._free_handle():
            self._join_x(someone, handle)
            former = self._free_handle()
            if former and former.key not in self.world.bearers and self.random.random() < 0.4:
                self._bore_before(someone.xs[-1], former)
        for _ in range(self.random.choice((1, 1, 2))):
            self._take_place(someone)

    def _join_x(self, someone: Someone, handle: XHandle) -> OnX | None:
        if len(self.world.xs) >= len(X_IDS):
            return None
        self._tick()
        x = self.world.new_x(someone.number, handle)
        someone.xs.append(x)
        self.spans.append((x, handle, self.world.now))
        return x

    def _bore_before(self, x: OnX, former: XHandle) -> None:
        """Lets an account have had another handle, long before the story."""
        until = self.world.now - timedelta(days=self.random.randint(370, 900))
        since = until - timedelta(days=400)
        x.owners.insert(0, (since, x.owner))
        self.world.bearers[former.key] = [(since, x), (until, None)]
        self.spans.append((x, former, since))

    def _take_place(self, someone: Someone) -> Place | None:
        """Opens an account on a new network, under a label that nobody bears."""
        world, random = self.world, self.random
        if random.random() < 0.5:
            labels = [label for label in AT_HANDLES if str(label) not in world.labels]
            if not labels or len(world.places) > 12:
                return None
            place = world.new_place(someone.number, random.choice(labels))
        else:
            host, user = random.choice(HOSTS), random.choice(USERS)
            acct = Acct(user, host)
            if str(acct) in world.labels or host in world.dead_hosts or len(world.places) > 12:
                return None
            uri = f"https://{host}/users/{user}"
            is_used = any(str(place.account.id) == uri for place in world.places)
            actor = ActorUri(f"https://{host}/ap/{len(world.places)}" if is_used else uri)
            place = world.new_place(someone.number, acct, actor)
        someone.places.append(place)
        return place

    def _free_handle(self) -> XHandle | None:
        rest = timedelta(0) if self.rules.is_quick else NAME_REST
        start = self.random.randrange(len(X_HANDLES))
        for handle in (*X_HANDLES[start:], *X_HANDLES[:start]):
            since = self.world.free_since(handle)
            if since is not None and self.world.now - since >= rest:
                return handle
        return None

    def _anyone(self) -> Someone:
        return self.random.choice(self._people)

    def _honest(self) -> Someone:
        return self.random.choice(self._people[1:])

    @property
    def _mallory(self) -> Someone:
        return self._people[MALLORY]

    def _questions(self) -> list[Asked]:
        return [self._question() for _ in range(QUESTIONS)]

    def _question(self) -> Asked:
        random, world = self.random, self.world
        index = random.randrange(len(self.spans))
        x, handle, since = self.spans[index]
        chance = random.random()
        if chance < 0.25:
            return Asked(Query(x.id), x)
        if chance < 0.3:
            return Asked(Query(x.id, handle), x)
        if chance < 0.5:
            bearer = world.bearer_at(handle.key, world.now)
            if bearer is not None:
                return Asked(Query(None, handle), bearer)
        until = next((at for at, _ in world.bearers[handle.key] if at > since), world.now)
        seen = (since + (until - since) * random.random()).date()
        return Asked(Query(x.id if chance < 0.8 else None, handle, seen=seen), x)

    # Steps of one person

    def _enter(self, someone: Someone) -> Acts:
        """Signs in with each account of theirs, or links it."""
        for place in someone.present:
            if place.host in self.world.dead_hosts:
                continue
            self._tick()
            proven = self._at_place(place)
            if someone.session is None or not self._is_in(someone.session):
                someone.session = yield ("sign_in", proven)
            else:
                yield ("link", someone.session, proven)

    def _is_in(self, session: int) -> bool:
        return self._view.member_of(session, self.world.now) is not None

    def _at_place(self, place: Place) -> ProvenAccount:
        is_at = isinstance(place.account, MastodonAccount)
        kind = EvidenceKind.MASTODON_OAUTH if is_at else EvidenceKind.BLUESKY_OAUTH
        moved = place.moved_to.acct if place.moved_to is not None else None
        return ProvenAccount(place.account, Evidence(kind, self.world.now), moved)

    def _enroll(self, someone: Someone) -> Acts:
        """Signs in, proves an X account and publishes it."""
        yield from self._enter(someone)
        if someone.session is None or not self._is_in(someone.session):
            return
        xs = [x for x in someone.xs if x.is_there and x.owner == someone.number]
        if xs and self.random.random() < 0.93:
            x = self.random.choice(xs)
            if self.random.random() < 0.2:
                yield from self._prove_by_sign_in(someone, someone.session, x)
            else:
                yield from self._prove_by_post(someone, someone.session, x)
        yield from self._publish_all(someone.session)

    def _prove_by_post(self, someone: Someone, session: int, x: OnX) -> Acts:
        challenge = yield from self._ask(session)
        if challenge is None or not self._would_say(someone, challenge.targets):
            return
        self._tick()
        post = self.world.post(x, someone.number, challenge.sentence)
        yield from self._submit(session, post)

    def _prove_by_sign_in(self, someone: Someone, session: int, x: OnX) -> Acts:
        """Proves an X account by a sign-in there, for the accounts that the person is shown."""
        member = self._view.member_of(session, self.world.now)
        if member is None:
            return
        shown: dict[str, TargetAccount] = {}
        for account in self._view.accounts(member):
            if account.target is not None and not account.is_lapsed:
                shown.setdefault(account.network, account.target)
        if not self._would_say(someone, tuple(shown.values())):
            return
        self._tick()
        names = tuple(sorted(str(target.id) for target in shown.values()))
        evidence = Evidence(EvidenceKind.X_OAUTH, self.world.now, None, names)
        self.world.agreed.append((x, names, self.world.now, someone.number))
        result = yield ("link", session, ProvenAccount(x.account, evidence))
        if result in {"linked", "contested"}:
            self.world.tell(x)

    def _would_say(self, someone: Someone, targets: tuple[TargetAccount, ...]) -> bool:
        """Whether a person says that these names are theirs: an honest one where they are, as they read them."""
        if not someone.is_honest:
            return True
        return all(
            (place := self.world.labels.get(str(target.handle))) is not None
            and place.owner == someone.number
            and place.is_there
            for target in targets
        )

    def _ask(self, session: int) -> Generator[Step, Any, Challenge | None]:
        self._tick()
        number = yield ("ask", session)
        return self._view.challenges[number][1] if number is not None else None

    def _submit(self, session: int, post: Post) -> Acts:
        self._tick()
        result = yield ("submit", session, post.id.value)
        if result == "waiting":
            self.world.shows = self.random.choice(("id", "handle"))
            self._tick()
            result = yield ("submit", session, post.id.value)
        if result in {"verified", "contested"}:
            self.world.tell(post.author)

    def _publish_all(self, session: int) -> Acts:
        """Publishes every X account as every account, in some order: the last of a network stays."""
        member = self._view.member_of(session, self.world.now)
        if member is None:
            return
        accounts = self._view.accounts(member)
        xs = [i for i, account in enumerate(accounts) if account.target is None]
        targets = [i for i, account in enumerate(accounts) if account.target is not None]
        self.random.shuffle(targets)
        for x in xs:
            for target in targets:
                self._tick()
                yield ("publish", session, x, target)

    # Acts of honest people

    def enroll(self) -> Acts:
        self.happened["enrolled"] += 1
        yield from self._enroll(self._anyone())

    def rename_x(self) -> Acts:
        """Renames an X account; sometimes somebody else takes the former handle."""
        yield from ()
        someone = self._anyone()
        if (x := self._x_of(someone)) and (handle := self._free_handle()):
            self._tick()
            self.happened["renamed"] += 1
            self.world.rename_x(x, handle)
            self.spans.append((x, handle, self.world.now))

    def take_free_handle(self) -> Acts:
        """Somebody takes a handle that another gave up, and proves it."""
        given_up = [
            handle for handle in X_HANDLES if handle.key in self.world.bearers and self._is_rested(handle)
        ]
        someone = self._anyone()
        if not given_up or self._join_x(someone, self.random.choice(given_up)) is None:
            return
        self.happened["name passed on"] += 1
        yield from self._enter(someone)
        if someone.session is not None and self._is_in(someone.session) and self.random.random() < 0.8:
            yield from self._prove_by_post(someone, someone.session, someone.xs[-1])
            yield from self._publish_all(someone.session)

    def _is_rested(self, handle: XHandle) -> bool:
        since = self.world.free_since(handle)
        rest = timedelta(0) if self.rules.is_quick else NAME_REST
        return since is not None and self.world.now - since >= rest

    def sell_x(self) -> Acts:
        """An X account passes to another person, who may prove it."""
        seller, buyer = self._anyone(), self._anyone()
        x = self._x_of(seller)
        if x is None or buyer is seller:
            return
        self._tick()
        self.happened["resold"] += 1
        x.owners.append((self.world.now, buyer.number))
        buyer.xs.append(x)
        if self.random.random() < 0.7:
            yield from self._enter(buyer)
            if buyer.session is not None and self._is_in(buyer.session):
                yield from self._prove_by_post(buyer, buyer.session, x)
                yield from self._publish_all(buyer.session)

    def rename_place(self) -> Acts:
        """Renames an account on Bluesky; sometimes another person takes the former handle."""
        yield from ()
        someone = self._anyone()
        bluesky = [place for place in someone.present if place.host is None]
        free = [label for label in AT_HANDLES if str(label) not in self.world.labels]
        if not bluesky or not free:
            return
        self._tick()
        place = self.random.choice(bluesky)
        former = self.world.rename_place(place, self.random.choice(free))
        self.happened["label renamed"] += 1
        other = self._anyone()
        theirs = [each for each in other.present if each.host is None and each is not place]
        if theirs and self.random.random() < 0.6:
            self.world.rename_place(self.random.choice(theirs), former)
            self.happened["label passed on"] += 1

    def delete_or_edit(self) -> Acts:
        yield from ()
        posts = [post for post in self.world.posts.values() if post.author.is_there and not post.is_deleted]
        if not posts:
            return
        self._tick()
        post = self.random.choice(posts)
        if self.random.random() < 0.6:
            post.is_deleted = True
            self.happened["post deleted"] += 1
        else:
            self.world.edit(post, "hello")
            self.happened["post edited"] += 1

    def end_x(self) -> Acts:
        yield from ()
        if x := self._x_of(self._anyone()):
            self._tick()
            self.world.end_x(x)
            self.happened["x ended"] += 1

    def leave(self) -> Acts:
        someone = self._anyone()
        if someone.session is not None:
            self._tick()
            self.happened["left"] += 1
            yield ("leave", someone.session)

    def unlink(self) -> Acts:
        someone = self._anyone()
        if someone.session is not None:
            self._tick()
            self.happened["unlinked"] += 1
            yield ("unlink", someone.session, self.random.randrange(4))

    def withdraw(self) -> Acts:
        someone = self._anyone()
        if someone.session is not None:
            self._tick()
            self.happened["withdrawn"] += 1
            yield ("withdraw", someone.session)

    def move(self) -> Acts:
        """A Mastodon account says that it moved to another, which says the same: its owner's, or an attacker's who
        has the server."""
        yield from ()
        places = [place for place in self.world.places if place.host is not None and place.is_there]
        homes = [place for place in places if place.host not in self.world.dead_hosts]
        if len(homes) < 2:
            return
        old, new = self.random.sample(homes, 2)
        if old.owner == new.owner and isinstance(new.account, MastodonAccount):
            self._tick()
            old.moved_to = new.account
            self.happened["moved"] += 1

    # Acts of the attacker

    def phish(self) -> Acts:
        """Mallory asks for a sentence and shows it to a victim: as it is, or with the victim's names and another
        instance, and the same code."""
        mallory, victim = self._mallory, self._honest()
        x = self._x_of(victim)
        if x is None:
            return
        yield from self._enter(mallory)
        if mallory.session is None or not self._is_in(mallory.session):
            return
        if self.random.random() < 0.4:
            yield from self._label_trick(mallory, victim)
        challenge = yield from self._ask(mallory.session)
        if challenge is None:
            return
        text = challenge.sentence if self._would_say(victim, challenge.targets) else ""
        if not text and victim.present:
            names = [str(place.account.handle) for place in victim.present[:2]]
            text = write_sentence("en", names, "evil.example", challenge.nonce)
        if text:
            self._tick()
            self.happened["phished"] += 1
            post = self.world.post(x, victim.number, text)
            yield from self._submit(mallory.session, post)
            yield from self._publish_all(mallory.session)

    def _label_trick(self, mallory: Someone, victim: Someone) -> Acts:
        """Mallory gives her handle to the victim after she has signed in under it."""
        yield from ()
        hers = [place for place in mallory.present if place.host is None]
        theirs = [place for place in victim.present if place.host is None]
        free = [label for label in AT_HANDLES if str(label) not in self.world.labels]
        if hers and theirs and free:
            former = self.world.rename_place(hers[0], free[0])
            self.world.rename_place(theirs[0], former)
            self.happened["label passed on"] += 1

    def steal_session(self) -> Acts:
        """Mallory has a victim's session for an hour, and does all that a session can."""
        mallory, victim = self._mallory, self._honest()
        session = victim.session
        if session is None or not self._is_in(session):
            return
        self.happened["session stolen"] += 1
        for _ in range(self.random.randint(1, 3)):
            yield from self._misuse(session, mallory)

    def _misuse(self, session: int, mallory: Someone) -> Acts:
        self._tick()
        chance = self.random.random()
        if chance < 0.45:
            if place := self._take_place(mallory) or next(iter(mallory.present), None):
                yield ("link", session, self._at_place(place))
                yield from self._publish_all(session)
        elif chance < 0.6:
            yield ("unlink", session, self.random.randrange(4))
        elif chance < 0.7:
            yield ("withdraw", session)
        elif x := self._x_of(mallory):
            if self.random.random() < 0.5:
                yield from self._prove_by_post(mallory, session, x)
            else:
                yield from self._prove_by_sign_in(mallory, session, x)
            yield from self._publish_all(session)

    def hijack(self) -> Acts:
        """Mallory has an X account that its holder has proven for an hour, posts and claims it. Its owner deletes the
        post."""
        mallory, victim = self._mallory, self._honest()
        x = self._x_of(victim)
        if x is None or "hijacked" in self.happened or not self._is_held_by_others(x, mallory):
            return
        self.happened["hijacked"] += 1
        yield from self._enter(mallory)
        if mallory.session is None or not self._is_in(mallory.session):
            return
        challenge = yield from self._ask(mallory.session)
        if challenge is not None and self._is_held_by_others(x, mallory):
            self._tick()
            post = self.world.post(x, MALLORY, challenge.sentence)
            yield from self._submit(mallory.session, post)
            self._tick()
            post.is_deleted = True
            self.world.told.pop(x.handle.key, None)
            yield from self._publish_all(mallory.session)

    def _is_held_by_others(self, x: OnX, mallory: Someone) -> bool:
        """Whether a member who is not Mallory holds the account by a proof that stands."""
        own = self._view.member_of(mallory.session, self.world.now) if mallory.session is not None else None
        return any(
            held.x is not None
            and held.x.id in {x.id, None}
            and held.x.handle.key == x.handle.key
            and not held.is_lapsed
            and held.member != own
            for held in self._view.ledger.accounts.values()
        )

    def end_host(self) -> Acts:
        """A server dies: it answers nothing, or that nobody is there."""
        yield from ()
        hosts = [host for host in HOSTS if host not in self.world.dead_hosts]
        if not hosts:
            return
        self._tick()
        host = self.random.choice(hosts)
        self.happened["server died"] += 1
        if self.random.random() < 0.5:
            self.world.dead_hosts[host] = self.world.now
        for place in self.world.places:
            if place.host == host:
                place.is_there = False

    def buy_host(self) -> Acts:
        """Mallory buys a dead domain, answers for all its accounts, signs in and publishes."""
        dead = {place.host for place in self.world.places if place.host is not None and not place.is_there}
        hosts = sorted(host for host in dead if host is not None)
        if not hosts:
            return
        host = self.random.choice(hosts)
        places = [place for place in self.world.places if place.host == host]
        if any(place.is_there for place in places):
            return
        unseen = [place for place in places if not self._was_seen_dead(place)]
        if unseen and not self.rules.is_bought:
            return
        self._tick()
        self.happened["domain bought"] += 1
        self.world.dead_hosts.pop(host, None)
        yield from self._take_over(places, unseen)

    def recycle(self) -> Acts:
        """A server gives the name of an account that is gone to somebody else, under the same address."""
        gone = [
            place
            for place in self.world.places
            if place.host is not None and not place.is_there and place.host not in self.world.dead_hosts
        ]
        if not gone:
            return
        place = self.random.choice(gone)
        unseen = [] if self._was_seen_dead(place) else [place]
        if unseen and not self.rules.is_bought:
            return
        self._tick()
        self.happened["name recycled"] += 1
        yield from self._take_over([place], unseen)

    def _take_over(self, places: list[Place], unseen: list[Place]) -> Acts:
        mallory = self._mallory
        for place in places:
            place.is_there = True
            place.is_bought_unseen |= place in unseen
            place.owners.append((self.world.now, MALLORY))
            place.moved_to = None
            mallory.places.append(place)
            self._tick()
            mallory.session = yield ("sign_in", self._at_place(place))
            yield from self._publish_all(mallory.session)

    def _was_seen_dead(self, place: Place) -> bool:
        """Whether the instance knows that the account is gone, or knows nothing of it."""
        held = self._view.ledger.find(place.account)
        if held is None or held.is_lapsed:
            return True
        since = held.health_since
        return since is not None and self.world.now - since > KNOWN_DEAD_AFTER

    def delete_place(self) -> Acts:
        yield from ()
        places = self._anyone().present
        if places:
            self._tick()
            place = self.random.choice(places)
            place.is_there = False
            self.world.labels.pop(str(place.account.handle), None)
            self.happened["account deleted"] += 1

    # Moderators

    def decide(self) -> Acts:
        """Moderators decide a claim, often wrongly."""
        waiting = sum(claim.state in WAITING for claim in self._view.ledger.claims)
        if waiting:
            self._tick()
            self.happened["decided"] += 1
            self.world.told.clear()
            yield ("decide", self.random.randrange(waiting), self.random.random() < 0.6)

    def enter_by_x(self) -> Acts:
        """Somebody signs in by their X account, which names nothing."""
        someone = self._anyone()
        x = self._x_of(someone)
        if x is None or self._view.ledger.find(x.account) is None:
            return
        self._tick()
        self.happened["signed in by x"] += 1
        evidence = Evidence(EvidenceKind.X_OAUTH, self.world.now, None)
        session = yield ("sign_in", ProvenAccount(x.account, evidence))
        if session is not None and self._is_in(session):
            yield from self._publish_all(session)

    def _x_of(self, someone: Someone) -> OnX | None:
        own = [x for x in someone.xs if x.is_there and x.owner == someone.number]
        return self.random.choice(own) if own else None


_SECOND: Final = timedelta(seconds=1)
_WEIGHTS: Final[dict[Callable[[Story], Acts], int]] = {
    Story.enroll: 10,
    Story.rename_x: 10,
    Story.take_free_handle: 10,
    Story.sell_x: 6,
    Story.rename_place: 5,
    Story.delete_or_edit: 5,
    Story.end_x: 2,
    Story.leave: 2,
    Story.unlink: 2,
    Story.withdraw: 2,
    Story.move: 4,
    Story.phish: 8,
    Story.steal_session: 8,
    Story.hijack: 6,
    Story.end_host: 4,
    Story.buy_host: 6,
    Story.recycle: 4,
    Story.delete_place: 3,
    Story.decide: 8,
    Story.enter_by_x: 3,
}


def _cumulated() -> tuple[list[Callable[[Story], Acts]], list[int]]:
    sums, total = [], 0
    for weight in _WEIGHTS.values():
        total += weight
        sums.append(total)
    return list(_WEIGHTS), sums


_ACTS: Final = _cumulated()
