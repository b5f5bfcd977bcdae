"""Takes a browser to a network and back: who leaves, what is stored meanwhile, and who returns."""

from collections.abc import Collection
from contextlib import suppress
from typing import Final

import msgspec

from directory.accounts import AccountNetwork, BlueskyAccount, LinkedAccount, ProvenAccount, TargetAccount
from directory.clock import Clock
from directory.errors import InvalidIdentifier
from directory.failures import Failing, failures_noted, hide_name
from directory.mappings import Evidence, EvidenceKind
from directory.members.errors import MemberError
from directory.members.sessions import new_token
from directory.networks.bluesky.client import CALLBACK_PATH
from directory.networks.oauth import Returned
from directory.networks.port import Purpose, SignInDone, SignInStart
from directory.networks.sign_in_errors import HandleMismatch, OurselvesBusy, SignInError, StateMismatch
from directory.services.live_settings import LiveSettings
from directory.services.signing_in import Departure
from web.auth.follow_journey import FollowJourneys, Permitted, Wish
from web.auth.member_context import AtBrowser
from web.auth.read_only import require_writable
from web.auth.sealed_journey import Asked, Away
from web.auth.typed import likely_networks
from web.member_services import MemberServices

CALLBACKS: Final = {
    AccountNetwork.BLUESKY: CALLBACK_PATH,
    AccountNetwork.MASTODON: "/oauth/mastodon/callback",
    AccountNetwork.X: "/oauth/x/callback",
}


class Arrival(msgspec.Struct, frozen=True):
    """A person who returned from a network with an account of theirs. `token` is that of a new session, where
    one began."""

    account: LinkedAccount
    is_new_member: bool
    token: str | None


class Question(msgspec.Struct, frozen=True):
    """Somebody else returned than was typed: they are asked whether they mean this account.

    Until their answer, which carries `waiting`, nothing is linked and no session begins.
    """

    typed: str
    account: TargetAccount
    waiting: str


class Journeys:
    """Built once for each process. `base_url` is the address of this instance."""

    def __init__(self, members: MemberServices, instance: LiveSettings, clock: Clock, base_url: str) -> None:
        self._members = members
        self._instance = instance
        self._clock = clock
        self._base_url = base_url
        self._follows = FollowJourneys(members, clock)

    async def depart_to_follow(self, account: LinkedAccount, asked: Wish, at: AtBrowser) -> str:
        """Returns the address at which the person permits follows with an account of theirs. Raises InvalidIdentifier,
        SignInError, MemberGone."""
        with failures_noted(Failing.SIGN_IN, SignInError, MemberError, InvalidIdentifier):
            return await self._follows.depart(account, asked, at, self._base_url + CALLBACKS[account.network])

    async def depart(
        self,
        typed: str,
        asked: AccountNetwork | None,
        at: AtBrowser,
        *,
        names: Collection[str] = (),
        afresh: bool = False,
    ) -> str:
        """Returns the address to send the browser to. Where no network is asked for, the typed name decides.

        `names` are the ids of the member's accounts that they were shown, and prove an X account for. `afresh`: where
        the account's proof lapsed, a new membership begins with it.

        Raises InvalidIdentifier, SignInError, MemberGone.
        """
        hide_name(typed)
        with failures_noted(Failing.SIGN_IN, SignInError, MemberError, InvalidIdentifier):
            return await self._depart(typed, asked, at, names, afresh=afresh)

    async def _depart(
        self,
        typed: str,
        asked: AccountNetwork | None,
        at: AtBrowser,
        names: Collection[str],
        *,
        afresh: bool,
    ) -> str:
        network: AccountNetwork
        if asked is AccountNetwork.X:
            network, started = asked, await self._start_at_x(names, at)
        else:
            network, started = await self._start(typed, (asked,) if asked else likely_networks(typed))
        member = at.me.member if at.me is not None else None
        away = Away(started.record, afresh=afresh)
        departure = Departure(started.state, Purpose.PROVE, network, member, away.sealable())
        await self._members.signing_in.begin(at.browser, departure)
        return started.authorize_url

    async def arrive(
        self, network: AccountNetwork, returned_to: str, at: AtBrowser
    ) -> Arrival | Question | Permitted:
        """Finishes a sign-in: links the account to the member, or signs them in; asks where it is another account
        than was typed.

        `returned_to` is the whole address that the browser came back to. Raises SignInError, MemberError.
        """
        with failures_noted(Failing.SIGN_IN, SignInError, MemberError):
            return await self._arrive(network, returned_to, at)

    async def _arrive(
        self, network: AccountNetwork, returned_to: str, at: AtBrowser
    ) -> Arrival | Question | Permitted:
        state = Returned.parse(returned_to).fields.get("state", "")
        member = at.me.member if at.me is not None else None
        kept = await self._members.signing_in.finish(at.browser, state, member)
        if kept.network is not network:
            raise StateMismatch("", "the browser came back to the address of another network")
        if kept.purpose is not Purpose.PROVE:
            return await self._follows.arrive(kept, returned_to)
        away = Away.read(kept.secrets)
        record = away.record
        if network is AccountNetwork.X:
            return await self._arrive_from_x(record, returned_to, at)
        try:
            done = await self._members.networks[network].finish_sign_in(
                record, returned_to, self._clock.now()
            )
            if done.nameless is not None:
                return await self._let_in(done, done.nameless, at)
            if done.instead_of is not None:
                return await self._ask(done, done.instead_of, at)
            return await self._welcome(proven_by(done, self._clock), at, afresh=away.afresh)
        finally:
            # The tokens were noted when they were granted. They only prove, and are revoked whatever became of this.
            self._members.wake_jobs()

    async def go_on(self, waiting: str, at: AtBrowser) -> Arrival:
        """Goes on as the account that waits for this browser's answer. An answer counts once, for ten minutes.

        Raises SignInError, MemberError.
        """
        with failures_noted(Failing.SIGN_IN, SignInError, MemberError):
            return await self._welcome((await self._take_answer(waiting, at)).proven, at)

    async def drop(self, waiting: str, at: AtBrowser) -> None:
        """Forgets the account that waits for this browser's answer, if it still does."""
        with suppress(SignInError):
            await self._take_answer(waiting, at)

    async def _ask(self, done: SignInDone, typed: str, at: AtBrowser) -> Question:
        """Keeps the proven account, sealed, for this browser and who is signed in at it. Keeps no tokens."""
        asked, waiting = Asked.of(proven_by(done, self._clock)), new_token()
        member = at.me.member if at.me is not None else None
        departure = Departure(waiting, done.purpose, asked.network, member, asked.sealable())
        await self._members.signing_in.begin(at.browser, departure)
        return Question(typed, done.account, waiting)

    async def _take_answer(self, waiting: str, at: AtBrowser) -> Asked:
        member = at.me.member if at.me is not None else None
        kept = await self._members.signing_in.finish(at.browser, waiting, member)
        return Asked.read(kept.secrets)

    async def _arrive_from_x(self, record: bytes, returned_to: str, at: AtBrowser) -> Arrival:
        if self._members.x is None:
            raise StateMismatch("", "this instance has no key at X any more")
        done = await self._members.x.finish(record, returned_to)
        return await self._welcome(ProvenAccount(done.account, done.evidence), at)

    async def _welcome(self, proven: ProvenAccount, at: AtBrowser, *, afresh: bool = False) -> Arrival:
        if at.me is not None:
            require_writable(self._instance)
            linked = await self._members.membership.link(at.me.member, proven)
            return Arrival(linked, is_new_member=False, token=None)
        signed_in = await self._members.membership.sign_in(
            proven, may_join=self._instance.now.takes_members, afresh=afresh
        )
        token, _ = await self._members.signing_in.start_session(
            signed_in.account, at.label, at.session or None
        )
        return Arrival(signed_in.account, signed_in.is_new, token)

    async def _let_in(self, done: SignInDone, nameless: SignInError, at: AtBrowser) -> Arrival:
        """Signs a member in with an account of theirs that no handle leads to, so that they can leave, or end anything.

        Raises `nameless` for everybody else: nothing begins with such an account, and nothing is proven by it.
        """
        if at.me is not None or done.instead_of is not None:
            raise nameless
        held = await self._members.membership.enter(
            done.account, is_refuted=isinstance(nameless, HandleMismatch)
        )
        if held is None:
            raise nameless
        token, _ = await self._members.signing_in.start_session(held, at.label, at.session or None)
        return Arrival(held, is_new_member=False, token=token)

    async def _start(
        self, typed: str, networks: tuple[AccountNetwork, ...]
    ) -> tuple[AccountNetwork, SignInStart]:
        """Starts at the first network that knows the account. Raises the last network's error where none does."""
        failure: SignInError | InvalidIdentifier | None = None
        for network in networks:
            try:
                return network, await self._members.networks[network].start_sign_in(
                    typed,
                    purpose=Purpose.PROVE,
                    redirect_uri=self._base_url + CALLBACKS[network],
                    now=self._clock.now(),
                )
            except OurselvesBusy:
                raise  # that another network does not know the name says nothing while this one was not asked
            except (SignInError, InvalidIdentifier) as error:
                failure = error if failure is None or isinstance(error, SignInError) else failure
        raise failure or InvalidIdentifier("an account", typed, "it is of no network")

    async def _start_at_x(self, names: Collection[str], at: AtBrowser) -> SignInStart:
        if self._members.x is None:
            raise InvalidIdentifier("an account", "x", "this instance has no key at X")
        held = await self._members.membership.accounts(at.me.member) if at.me is not None else []
        own = {str(each.account.id) for each in held if each.target is not None and not each.is_lapsed}
        return self._members.x.start(self._base_url + CALLBACKS[AccountNetwork.X], names=own & set(names))


def proven_by(done: SignInDone, clock: Clock) -> ProvenAccount:
    """Returns the proof that a sign-in gives. Raises why it gives none, where no handle leads to the account."""
    if done.nameless is not None:
        raise done.nameless
    is_bluesky = isinstance(done.account, BlueskyAccount)
    kind = EvidenceKind.BLUESKY_OAUTH if is_bluesky else EvidenceKind.MASTODON_OAUTH
    return ProvenAccount(done.account, Evidence(kind, clock.now()), done.moved_to, done.page, done.software)
