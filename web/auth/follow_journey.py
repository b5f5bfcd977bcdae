"""Asks a network for the permission to follow as one linked account: apart from signing in, and only for a run or for
newcomers."""

from typing import Self
from uuid import UUID

import msgspec

from directory.accounts import AccountNetwork, LinkedAccount, TargetAccount
from directory.clock import Clock
from directory.members.errors import MemberError
from directory.members.sign_ins import SignIn
from directory.networks.port import Purpose, SignInStart, purpose_of
from directory.networks.sign_in_errors import (
    AccountNotFound,
    IdentityMismatch,
    RefusedByPerson,
    ServerUnreachable,
    SignInError,
    StateMismatch,
)
from directory.services.signing_in import Departure
from directory.vault import Secret
from web.auth.member_context import AtBrowser
from web.member_services import MemberServices


class AwayToFollow(msgspec.Struct, frozen=True, tag="follow"):
    """A browser that is at a network to permit follows: the network's record, for which account, and for which run."""

    record: bytes
    account: UUID
    run: UUID | None

    def sealable(self) -> Secret:
        return Secret(msgspec.json.encode(self))

    @classmethod
    def read(cls, secrets: Secret) -> Self:
        """Raises StateMismatch for what is none."""
        try:
            return msgspec.json.decode(secrets.reveal(), type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise StateMismatch("", "what was sealed is of another kind of sign-in") from None


class Wish(msgspec.Struct, frozen=True):
    """The permission that is asked for, and the run it is for; None where it is for newcomers."""

    purpose: Purpose
    run: UUID | None


class _Need(msgspec.Struct, frozen=True):
    """What needs a permission: a run, or newcomers alone."""

    has_run: bool


class Permitted(msgspec.Struct, frozen=True):
    """A person who returned from permitting follows, or from not doing so. `said` is the code of a sentence."""

    run: UUID | None
    said: str


class FollowJourneys:
    """Built once for each process."""

    def __init__(self, members: MemberServices, clock: Clock) -> None:
        self._members = members
        self._clock = clock

    async def depart(self, account: LinkedAccount, asked: Wish, at: AtBrowser, redirect_uri: str) -> str:
        """Returns the address to send the browser to. Raises InvalidIdentifier, SignInError, MemberGone."""
        if account.target is None:
            raise StateMismatch("", "nobody follows with an account on X")
        try:
            started = await self._start(account.target, str(account.handle), asked.purpose, redirect_uri)
        except (AccountNotFound, IdentityMismatch, ServerUnreachable):
            # The handle leads nowhere any more, or to somebody else; an undo has to be possible all the same.
            started = await self._start(account.target, str(account.target.id), asked.purpose, redirect_uri)
        away = AwayToFollow(started.record, account.id, asked.run)
        departure = Departure(started.state, asked.purpose, account.network, account.member, away.sealable())
        await self._members.signing_in.begin(at.browser, departure)
        return started.authorize_url

    async def _start(
        self, account: TargetAccount, named: str, purpose: Purpose, redirect_uri: str
    ) -> SignInStart:
        return await self._members.networks[account.network].start_sign_in(
            named,
            purpose=purpose,
            redirect_uri=redirect_uri,
            now=self._clock.now(),
            expected=account.id,
        )

    async def arrive(self, kept: SignIn, returned_to: str) -> Permitted:
        """Keeps the permission, and lets the run go on. Where it was not given, it says why. Raises StateMismatch."""
        away = AwayToFollow.read(kept.secrets)
        try:
            is_kept = await self._keep(kept, away, returned_to)
        except (IdentityMismatch, RefusedByPerson, MemberError):
            return Permitted(away.run, "not-permitted")
        except SignInError:
            return Permitted(away.run, "unreachable")
        finally:
            # Tokens are noted when they are granted: what was not kept is revoked.
            self._members.wake_jobs()
        return Permitted(away.run, "permitted" if is_kept else "not-needed")

    async def _keep(self, kept: SignIn, away: AwayToFollow, returned_to: str) -> bool:
        """Returns whether anything needs the permission; where nothing does, it is not kept."""
        network: AccountNetwork = kept.network
        done = await self._members.networks[network].finish_sign_in(
            away.record, returned_to, self._clock.now()
        )
        account = await self._account_of(kept.member, away.account)
        if account is None or account.target is None or account.target.id != done.account.id:
            raise IdentityMismatch("", "another account signed in than the one that is to follow")
        if not done.may_follow:
            raise RefusedByPerson("", "the permission to follow was not given")
        needed_by = await self._needed_by(account, kept.purpose)
        if needed_by is None:
            return False
        await self._members.permissions.keep(account.id, kept.purpose, done.tokens)
        # What ended before it was kept gave nothing back; what ends from now on does.
        if await self._needed_by(account, kept.purpose) is None:
            await self._members.permissions.give_back(account.id, kept.purpose)
            return False
        if needed_by.has_run:
            await self._go_on(account)
        return True

    async def _account_of(self, member: UUID | None, account: UUID) -> LinkedAccount | None:
        if member is None:
            return None
        held = await self._members.membership.accounts(member)
        return next((each for each in held if each.id == account), None)

    async def _needed_by(self, account: LinkedAccount, purpose: Purpose) -> "_Need | None":
        """Tells what needs the permission: an open run of the account whose kind it serves, or newcomers who are followed
        with it. None where nothing does: then no permission is kept."""
        follows = self._members.follows
        runs = await follows.following.list_of(account.member)
        mine = [run for run in runs if run.account == account.id and run.state.is_open]
        if any(purpose_of(run.kind) is purpose for run in mine):
            return _Need(has_run=True)
        standing = await follows.planning.standing(account.member)
        is_standing = purpose is Purpose.FOLLOW and any(each.account == account.id for each in standing)
        return _Need(has_run=False) if is_standing else None

    async def _go_on(self, account: LinkedAccount) -> None:
        """Lets the run of an account go on that waited for the permission."""
        await self._members.follows.following.permission_given(account.id)
