"""Signs people in: the way to a network and back, and the sessions that follow."""

from uuid import UUID, uuid4

import msgspec

from directory.accounts import AccountNetwork, LinkedAccount
from directory.clock import Clock
from directory.members.sessions import MAX_TOKEN_CHARS, Session, hash_token, new_token
from directory.members.sign_ins import MAX_STATE_CHARS, MIN_STATE_CHARS, SignIn, sign_in_context
from directory.networks.port import Purpose
from directory.networks.sign_in_errors import SignInExpired
from directory.store.sessions import SessionStore
from directory.store.sign_ins import SignInRow, SignInStore
from directory.vault import BrokenSeal, Secret, Vault
from directory.vault_keys import UnknownKey


class Departure(msgspec.Struct, frozen=True):
    """What is stored before a browser leaves for a network.

    `state` is what it will come back with; `member` is who is signed in now, from their session; `secrets` is
    the network's record, and where to go afterwards.
    """

    state: str
    purpose: Purpose
    network: AccountNetwork
    member: UUID | None
    secrets: Secret


class SigningIn:
    """Binds each sign-in to the browser that began it, and each session to one token.

    `browser` is the value of a cookie of 256 random bits (`new_token`) that every browser has before it leaves,
    signed in or not. It proves only that the browser that returns is the one that left.
    """

    def __init__(self, sign_ins: SignInStore, sessions: SessionStore, vault: Vault, clock: Clock) -> None:
        self._sign_ins = sign_ins
        self._sessions = sessions
        self._vault = vault
        self._clock = clock

    async def begin(self, browser: str, departure: Departure) -> None:
        """Stores a sign-in, for ten minutes and one return. Raises MemberGone."""
        if not MIN_STATE_CHARS <= len(departure.state) <= MAX_STATE_CHARS:
            raise ValueError(f"a state has {MIN_STATE_CHARS} to {MAX_STATE_CHARS} characters")
        row = uuid4()
        await self._sign_ins.add_sign_in(
            SignInRow(
                row,
                hash_token(departure.state),
                hash_token(browser),
                departure.purpose,
                departure.network,
                departure.member,
                self._vault.seal(departure.secrets, sign_in_context(row)),
            ),
            self._clock.now(),
        )

    async def finish(self, browser: str, state: str, member: UUID | None) -> SignIn:
        """Takes the sign-in that this browser began with this state; it is deleted with that.

        `member` is who is signed in now, from their session; it must be who was signed in at the start. Raises
        SignInExpired: also where it never began, began in another browser, or was sealed under a lost key.
        """
        if not browser or len(browser) > MAX_TOKEN_CHARS or len(state) > MAX_STATE_CHARS:
            raise SignInExpired("", "no such sign-in is under way")
        row = await self._sign_ins.take_sign_in(hash_token(state), hash_token(browser), self._clock.now())
        if row is None:
            raise SignInExpired("", "no such sign-in is under way in this browser")
        if row.member != member:
            raise SignInExpired("", "somebody else is signed in than when it began")
        try:
            secrets = self._vault.unseal(row.sealed, sign_in_context(row.id))
        except (BrokenSeal, UnknownKey):
            raise SignInExpired("", "what was written down cannot be opened any more") from None
        return SignIn(row.purpose, row.network, row.member, secrets)

    async def start_session(
        self, account: LinkedAccount, label: str, former: str | None = None
    ) -> tuple[str, Session]:
        """Starts a session with an account, under a new token; `former`, the browser's token until now, ends.

        Returns the token and the session. Raises MemberGone, and UnknownAccount where the account was unlinked or
        lapsed since it was proven.
        """
        token = new_token()
        former_hash = hash_token(former) if former and len(former) <= MAX_TOKEN_CHARS else None
        session = await self._sessions.start_session(
            account, hash_token(token), label, self._clock.now(), former=former_hash
        )
        return token, session

    async def session_of(self, token: str) -> Session | None:
        """Finds the live session of a token. Returns None where there is none."""
        if not token or len(token) > MAX_TOKEN_CHARS:
            return None
        return await self._sessions.find_session(hash_token(token), self._clock.now())

    async def sessions(self, member: UUID) -> list[Session]:
        """Lists a member's live sessions, the last used first."""
        return await self._sessions.list_sessions(member, self._clock.now())

    async def end_session(self, member: UUID, session: UUID) -> bool:
        """Ends one of the member's own sessions; returns whether there was one."""
        return await self._sessions.end_session(member, session)

    async def sign_out(self, token: str) -> None:
        """Ends the session of a token."""
        await self._sessions.end_session_of_token(hash_token(token))

    async def sign_out_everywhere(self, member: UUID, *, but: UUID | None = None) -> int:
        """Ends all sessions of a member, or all but one; returns how many."""
        return await self._sessions.end_all_sessions(member, but=but)
