"""The home server of a member who follows: one of three families, over real HTTP, with a clock that a test moves.

    home = Home.at(internet, "home.test", GOTOSOCIAL, clock)
    bob = home.add("bob@far.test", is_locked=True)

The other servers of the people it knows answer WebFinger.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Final, Self
from urllib.parse import parse_qs

from directory.accounts import MastodonAccount
from directory.identifiers import Acct, ActorUri
from tests.harness.clock import FakeClock
from tests.harness.fake_mastodon.flavours import Flavour
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response

ACCESS: Final = "a token"
WINDOW: Final = timedelta(minutes=5)
DAY: Final = timedelta(hours=24)
PAGE: Final = 80
_ACCOUNTS: Final = "/api/v1/accounts/"


@dataclass
class Person:
    """An account, as the home server knows it."""

    id: str
    user: str
    host: str
    actor: str
    is_seen: bool = True
    is_locked: bool = False
    is_silent: bool = False
    is_suspended: bool = False
    blocks_me: bool = False
    is_blocked: bool = False
    is_muted: bool = False
    is_unknown_id: bool = False
    is_rejected: bool = False
    moved: "Person | None" = None
    # The host as Mastodon and GoToSocial show it, where it is beyond ASCII.
    shown_host: str = ""
    # When the follow was sent; None where it was not.
    asked_at: datetime | None = None
    follows: int = 0
    unfollows: int = 0

    @property
    def acct(self) -> str:
        return f"{self.user}@{self.host}"

    @property
    def shown_acct(self) -> str:
        return f"{self.user}@{self.shown_host or self.host}"

    @property
    def account(self) -> MastodonAccount:
        return MastodonAccount(ActorUri.parse(self.actor), Acct.parse(self.acct))


@dataclass
class Home:
    """The server. `faults` maps a path, or a path and a query, to what is answered instead."""

    host: str
    flavour: Flavour
    clock: FakeClock
    internet: FakeInternet
    scope: str = "read write:follows"
    people: list[Person] = field(default_factory=list)
    faults: list[tuple[str, Callable[[Request], Response | None]]] = field(default_factory=list)
    has_ended: bool = False
    is_open_to_strangers: bool = False
    is_moved: bool = False
    requests: list[str] = field(default_factory=list)
    refusals: int = 0
    begun: datetime | None = None
    counted: int = 0
    followed_today: int = 0
    domain: str = ""

    @classmethod
    def at(cls, internet: FakeInternet, host: str, flavour: Flavour, clock: FakeClock) -> Self:
        home = cls(host, flavour, clock, internet, domain=host)
        internet.sites[host] = home
        home.add(f"me@{host}")
        return home

    def add(self, acct: str, *, web: str | None = None, actor: str | None = None, **what: object) -> Person:
        """Adds an account; `web` is the server of an address on another domain."""
        user, _, host = acct.partition("@")
        uri = actor or self.flavour.actor.format(host=web or host, user=user)
        person = Person(f"{9000 + len(self.people)}", user, host, uri)
        for name, value in what.items():
            setattr(person, name, value)
        self.people.append(person)
        for one in {host, web or host}:
            self.internet.sites.setdefault(one, self.webfinger)
        return person

    def fail(self, path: str, answer: Callable[[Request], Response | None]) -> None:
        """Answers otherwise to what begins with a path; None goes on as usual."""
        self.faults.append((path, answer))

    def __call__(self, request: Request) -> Response:
        if request.path == "/.well-known/webfinger":
            return self.webfinger(request)
        self.requests.append(f"{request.method} {request.path}")
        refused = self._limited()
        if refused is not None:
            return refused
        for path, answer in self.faults:
            if request.path.startswith(path) and (given := answer(request)) is not None:
                return given
        return self._with_headers(request, self._answer(request))

    def webfinger(self, request: Request) -> Response:
        """Answers for all hosts of this network."""
        wanted = request.query.get("resource", "").removeprefix("acct:").lower()
        for one in self.people:
            if one.acct.lower() == wanted and not one.is_silent:
                link = {"rel": "self", "type": "application/activity+json", "href": one.actor}
                return Response.json({"subject": f"acct:{one.acct}", "links": [link]})
        return Response(404)

    def shown(self, person: Person) -> tuple[bool, bool]:
        """Returns whether a follow is shown as following, and as requested, now."""
        if person.asked_at is None or person.is_rejected or person.blocks_me or person.is_blocked:
            return False, False
        passed = self.clock.now() - person.asked_at
        if passed < self.flavour.shown_after:
            return False, False
        is_remote = person.host != self.domain
        waits = person.is_locked or (is_remote and passed < self.flavour.remote_after)
        return not waits, waits

    def _answer(self, request: Request) -> Response:
        access = request.headers.get("authorization", "")
        if self.is_open_to_strangers and not access:
            return self._lookup(request.query.get("acct", ""))
        if self.has_ended or access != f"Bearer {ACCESS}":
            return self.flavour.no_token
        name = request.path.removeprefix(_ACCOUNTS)
        id_, _, act = name.partition("/")
        kind = (
            "relationships" if name == "relationships" else "follow" if request.method == "POST" else "read"
        )
        is_public = name == "lookup" and self.flavour.name != "gotosocial"
        if not is_public and self.flavour.wants[kind].isdisjoint(self.scope.split()):
            return self.flavour.no_scope
        if name == "verify_credentials":
            return Response.json(self._account(self.people[0]))
        if name == "lookup":
            return self._lookup(request.query.get("acct", ""))
        if name == "search":
            return self._search(request)
        if name == "relationships":
            return self._relationships(request)
        if act == "following":
            return self._following(request)
        return self._act(id_, act)

    def _lookup(self, asked: str) -> Response:
        if asked.startswith("@") and self.flavour.lookup_refuses_at:
            return self.flavour.not_found
        wanted = asked.removeprefix("@").lower()
        for one in self.people:
            if one.is_seen and wanted in {
                one.acct.lower(),
                one.user.lower() if one.host == self.domain else "",
            }:
                return Response.json(self._account(one))
        return self.flavour.not_found

    def _search(self, request: Request) -> Response:
        asked = request.query.get("q", "")
        if self.flavour.search_wants_at and not asked.startswith("@"):
            return Response.json([])
        wanted = asked.removeprefix("@").lower()
        for one in self.people:
            if one.is_silent and one.acct.lower() == wanted:
                return self.flavour.silent
        found = [one for one in self.people if one.acct.lower() == wanted]
        if not self.flavour.heeds_limit:
            # A prefix search: strangers come first.
            user = wanted.partition("@")[0]
            others = [one for one in self.people if one.user.startswith(user) and one not in found]
            found = [*others[:20], *found]
        for one in found:
            one.is_seen = True
        return Response.json([self._account(one) for one in found])

    def _relationships(self, request: Request) -> Response:
        ids = parse_qs(request.raw_query).get("id[]", [])
        if not ids:
            return Response.json({"error": "Bad Request: no account id(s) specified in query"}, 400)
        known = {one.id: one for one in self.people if not one.is_unknown_id}
        if self.flavour.unknown_id_spoils and any(id_ not in known for id_ in ids):
            return self.flavour.not_found
        rows = [
            self._row(known[id_]) if id_ in known else {"id": id_, "following": False, "requested": False}
            for id_ in ids
            if id_ in known or self.flavour.name == "gotosocial"
        ]
        # "Match rows by id, not by place."
        return Response.json(rows[::-1])

    def _following(self, request: Request) -> Response:
        start = int(request.query.get("max_id", "0"))
        size = min(int(request.query.get("limit", "40")), PAGE)
        listed = [
            one
            for one in self.people
            if any(self.shown(one)[: 2 if self.flavour.lists_requests else 1]) and one is not self.people[0]
        ]
        page = listed[start : start + size]
        answer = Response.json([self._account(one) for one in page])
        if start + size < len(listed) or self.flavour.always_next:
            link = f'<https://{self.host}/api/v1/accounts/1/following?max_id={start + size}>; rel="next"'
            return replace(answer, headers=answer.headers | {"link": link})
        return answer

    def _act(self, id_: str, act: str) -> Response:
        person = next((one for one in self.people if one.id == id_ and not one.is_unknown_id), None)
        if person is None:
            return self.flavour.not_found
        if act == "follow":
            return self._follow(person)
        if act == "unfollow":
            person.unfollows += 1
            person.asked_at = None
        elif act.endswith("block"):
            person.is_blocked = act == "block"
        elif act.endswith("mute"):
            person.is_muted = act == "mute"
        return Response.json(self._row(person))

    def _follow(self, person: Person) -> Response:
        if self.is_moved:
            return self.flavour.own_moved
        if person is self.people[0]:
            return self.flavour.itself
        if self.followed_today >= (self.flavour.follows_a_day or 10**6):
            self.refusals += 1
            return self.flavour.refusal
        person.follows += 1
        if (person.blocks_me or person.is_blocked) and self.flavour.blocked is not None:
            return self.flavour.blocked
        if person.asked_at is None or person.is_rejected:
            person.asked_at = self.clock.now()
            self.followed_today += 1
        return Response.json(self._row(person))

    def _row(self, person: Person) -> dict[str, object]:
        following, requested = self.shown(person)
        return {
            "id": person.id,
            "following": following,
            "requested": requested,
            "showing_reblogs": True,
            "blocking": person.is_blocked,
            "blocked_by": person.blocks_me,
            "muting": person.is_muted,
        }

    def _account(self, person: Person) -> dict[str, object]:
        is_own = person.host == self.domain
        answer: dict[str, object] = {
            "id": person.id,
            "username": person.user,
            "acct": person.user if is_own and self.flavour.own_is_bare else person.shown_acct,
            "url": f"https://{person.host}/@{person.user}",
            "display_name": person.user.title(),
            "note": "<p>Writes &amp; reads.</p>",
            "avatar": f"https://{self.host}/media/{person.id}.png",
            "moved": None,
        }
        if self.flavour.tells_uri:
            answer["uri"] = person.actor
        if person.is_suspended:
            answer["suspended"] = True
        if person.moved is not None and self.flavour.is_seen_moving:
            answer["moved"] = self._account(person.moved)
        return answer

    def _limited(self) -> Response | None:
        if self.flavour.requests is None:
            return None
        now = self.clock.now()
        if self.begun is None or now >= self.begun + WINDOW:
            self.begun, self.counted = now, 0
        self.counted += 1
        if self.counted <= self.flavour.requests:
            return None
        self.refusals += 1
        return self._counted(self.flavour.refusal)

    def _with_headers(self, request: Request, answer: Response) -> Response:
        if self.flavour.requests is None:
            return answer
        is_follow = request.path.endswith("/follow") and request.method == "POST"
        if is_follow and self.flavour.follows_a_day is not None:
            return self._told(answer, self.flavour.follows_a_day, self.followed_today, self.clock.now() + DAY)
        return self._counted(answer)

    def _counted(self, answer: Response) -> Response:
        assert self.begun is not None
        assert self.flavour.requests is not None
        return self._told(answer, self.flavour.requests, self.counted, self.begun + WINDOW)

    def _told(self, answer: Response, limit: int, used: int, ends: datetime) -> Response:
        told = {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(max(0, limit - used)),
            # As seen, with milliseconds and a Z.
            "x-ratelimit-reset": ends.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "date": format_datetime(self.clock.now(), usegmt=True),
        }
        return replace(answer, headers=answer.headers | told)
