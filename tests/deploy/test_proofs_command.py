"""`passerelle proofs` as a moderator runs it: posts that X hides, and accounts that two members claim."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from deploy.embedded import open_database
from deploy.ports import free_port
from deploy.wiring.members import MemberParts
from directory.accounts import LinkedAccount
from directory.mappings import EvidenceKind, Strength
from directory.members.errors import XAccountContested
from directory.members.publications import Publication, Wish
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import Unreachable
from tests.deploy.members import Members
from tests.directory.members.people import bluesky, on_x, x_account
from tests.harness.clock import FakeClock
from tests.harness.command import Command
from tests.harness.fake_x.post_ids import first_post_id_at
from tests.harness.forking import Forks
from tests.harness.postgres import FAST_SETTINGS

LONG_AGO = timedelta(days=2)


@pytest.fixture(scope="module")
def members(folder: Path) -> Iterator[Members]:
    """Members over a clock that starts two days ago."""
    with open_database(folder / "data", FAST_SETTINGS) as database:
        yield Members(folder / "data", database.dsn, FakeClock(datetime.now(UTC) - LONG_AGO))


@pytest.fixture(scope="module")
def command(folder: Path) -> Command:
    return Forks(folder, {"data": str(folder / "data"), "port": str(free_port())})


def hidden_post(members: Members, name: str) -> tuple[UUID, UUID, str, str]:
    """Adds a member whose post no source showed for a day; returns the member, the check, the post's address
    and the sentence."""
    member, sentences, url = members.join(name), [], ""
    clock = members.clock
    assert isinstance(clock, FakeClock)

    def post(sentence: str) -> str:
        nonlocal url
        sentences.append(sentence)
        url = f"https://x.com/i/status/{first_post_id_at(clock.now()).value + 1}"
        return url

    check = members.hand_in(member, post)
    clock.advance(days=1)

    async def give_up(services: MemberParts) -> None:
        for job in await services.proving.claim_due(10):
            await services.proving.record(job, Unreachable(UnreachableReason.WITHHELD))

    members.call(give_up)
    clock.advance(days=-1)
    return member, check, url, sentences[0]


def x_accounts(members: Members, member: UUID) -> list[LinkedAccount]:
    accounts = members.call(lambda services: services.membership.accounts(member))
    return [each for each in accounts if each.network == "x"]


def publish(members: Members, member: UUID, x_account: UUID) -> Publication:
    async def run(services: MemberParts) -> Publication:
        target = next(each for each in await services.membership.accounts(member) if each.target is not None)
        return await services.publishing.publish(member, Wish(x_account, target.id, consent=1))

    return members.call(run)


def test_a_hidden_post_is_listed_seen_and_confirmed(members: Members, command: Command) -> None:
    """The evidence says that a person looked, and proves the name alone."""
    member, check, url, sentence = hidden_post(members, "hidden")
    listed = command.run("proofs", "list")
    assert (listed.code, listed.err) == (0, "")
    lines = [line.strip() for line in listed.out.splitlines()]
    assert str(check) in lines, "each part can be copied whole, however narrow the terminal"
    assert sentence in lines
    assert any(line.endswith(f"  {url}") for line in lines)
    done = command.run("proofs", "confirm", str(check), "@Hidden_1")
    assert (done.code, done.out, done.err) == (0, "@Hidden_1 is proven.\n", "")
    (account,) = x_accounts(members, member)
    assert account.account == x_account("Hidden_1")
    assert [(item.kind, item.ref) for item in account.evidence] == [(EvidenceKind.X_CONFIRMED, url)]
    assert publish(members, member, account.id).strength is Strength.HANDLE
    again = command.run("proofs", "confirm", str(check), "@Hidden_1")
    assert (again.code, again.out) == (1, "Nothing was confirmed: no such check waits.\n")


def test_a_contested_account_is_the_moderators_to_decide(members: Members, command: Command) -> None:
    """The first stays until then. What a person saw cannot be looked at again: the yes waits for the claimant's next
    proof, with which the account passes on, and what the first published of it ends."""
    holder = members.join("holder")
    held = members.link(holder, on_x("Wanted", 77, at=members.clock.now(), names=[bluesky("holder")]))
    publish(members, holder, held.id)
    claimant, check, url, _ = hidden_post(members, "claimant")
    done = command.run("proofs", "confirm", str(check), "wanted")
    assert done.code == 1
    assert "Another member holds @wanted" in done.out
    assert [each.id for each in x_accounts(members, holder)] == [held.id]
    assert x_accounts(members, claimant) == []
    listed = command.run("proofs", "claims")
    assert (listed.code, listed.err) == (0, "")
    assert "@wanted" in listed.out
    assert f"x-confirmed, {datetime.now(UTC):%Y-%m-%d}" in listed.out
    assert url in listed.out
    assert "to be decided; held by another member" in listed.out
    (waiting,) = members.call(lambda services: services.membership.waiting_claims(claimant))
    claim = str(waiting.id)
    assert claim in listed.out.splitlines()
    settled = command.run("proofs", "settle", claim, "uphold")
    assert settled.code == 0
    assert settled.out.startswith("Approved. The evidence cannot be seen at the moment")
    assert "approved, waits for evidence that can be seen; held by another member" in claims_list(command)
    assert [each.id for each in x_accounts(members, holder)] == [held.id]
    members.link(claimant, on_x("wanted", at=members.clock.now()))
    assert [each.account for each in x_accounts(members, claimant)] == [x_account("wanted")]
    assert x_accounts(members, holder) == []
    assert members.call(lambda services: services.publishing.list_of(holder)) == []
    again = command.run("proofs", "settle", claim, "uphold")
    assert (again.code, again.out) == (1, "Nothing was changed: no such claim waits.\n")


def test_a_claim_can_be_turned_down(members: Members, command: Command) -> None:
    holder, claimant = members.join("keeper"), members.join("hopeful")
    held = members.link(holder, on_x("Kept", 78, at=members.clock.now()))
    claim = claim_of(members, claimant, "Kept", 78)
    listed = command.run("proofs", "claims").out
    assert f"{claim}\n" in listed
    assert "@Kept (78)" in listed
    settled = command.run("proofs", "settle", str(claim), "reject")
    assert (settled.code, settled.out) == (0, "The X account stays where it is.\n")
    again = command.run("proofs", "settle", str(claim), "uphold")
    assert (again.code, again.out) == (1, "Nothing was changed: no such claim waits.\n")
    assert [each.id for each in x_accounts(members, holder)] == [held.id]
    assert x_accounts(members, claimant) == []
    assert members.call(lambda services: services.membership.waiting_claims(claimant)) == []


def test_a_rejected_claimant_is_not_confirmed_at_once(members: Members, command: Command) -> None:
    """Attack: a post that X hides, handed to the moderators again and again."""
    holder = members.join("owner")
    held = members.link(holder, on_x("Owned", 80, at=members.clock.now()))
    claimant, check, _, _ = hidden_post(members, "pretender")
    assert command.run("proofs", "confirm", str(check), "owned").code == 1
    (claim,) = members.call(lambda services: services.membership.waiting_claims(claimant))
    assert command.run("proofs", "settle", str(claim.id), "reject").code == 0
    _, check, _, _ = hidden_post(members, "pretender")
    again = command.run("proofs", "confirm", str(check), "owned")
    assert again.code == 1
    assert "rejected less than 30 days ago" in again.out
    assert members.call(lambda services: services.membership.waiting_claims(claimant)) == []
    assert [each.id for each in x_accounts(members, holder)] == [held.id]


def test_a_claim_that_nobody_opposes_any_more_is_listed(members: Members, command: Command) -> None:
    """It was in no list, and upheld unseen."""
    holder, claimant = members.join("leaver"), members.join("stayer")
    held = members.link(holder, on_x("Left", 79, at=members.clock.now()))
    claim = claim_of(members, claimant, "Left", 79)
    members.call(lambda services: services.membership.unlink(holder, held.id))
    lines = claims_list(command).splitlines()
    assert "to be decided; held by nobody here any more" in lines[lines.index(str(claim)) + 2]


def claims_list(command: Command) -> str:
    listed = command.run("proofs", "claims")
    assert (listed.code, listed.err) == (0, "")
    return listed.out


def claim_of(members: Members, member: UUID, handle: str, x_id: int) -> UUID:
    with pytest.raises(XAccountContested):
        members.link(member, on_x(handle, x_id, at=members.clock.now(), post=2))
    (claim,) = members.call(lambda services: services.membership.waiting_claims(member))
    return claim.id


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    {
        "no name": (("confirm", str(uuid4()), "not a name"), 1, "not an X handle"),
        "undecided": (("settle", str(uuid4())), 2, "Missing argument"),
    }.values(),
)
def test_what_cannot_be_done_is_one_sentence(
    command: Command, members: Members, arguments: tuple[str, ...], code: int, said: str
) -> None:
    assert members
    done = command.run("proofs", *arguments)
    assert done.code == code
    assert said in done.out + done.err
    assert "Traceback" not in done.err
