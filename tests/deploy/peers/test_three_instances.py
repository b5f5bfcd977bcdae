"""What happens at one of three instances, as it is seen at the two others."""

import time
from pathlib import Path
from typing import Final

from deploy.wiring.members import MemberParts
from directory.follows.runs import Source
from directory.follows.states import RunState
from directory.origins import Standing
from directory.queries import Lists, parse_lines
from directory.store.arrivals import fetch_newcomers
from federation.keys.instance import KeyFolder
from tests.deploy.embedded.test_erased_files import dump, found_in, found_on_disk
from tests.deploy.peers.following import follow_newcomers
from tests.deploy.peers.forking import read_later, read_up_to, standing_of, twin_of
from tests.deploy.peers.moving import begin_earlier, learns_of_move, serving_files
from tests.deploy.peers.people import dump_to, publish, restore_from, scrub, secrets_of
from tests.deploy.peers.sites import PATIENCE_S, Site, Trio, held, make_peers
from tests.harness.mappings import did
from tests.harness.tls_front import TlsFronts
from tests.harness.waiting import wait_until
from tests.peers.pds import Pds

NAME: Final = "quixotequagga"
X_ID: Final = 7_316_845_209_417_734_651
HEALTHY_S: Final = 60
"""A withdrawal reaches a healthy peer within this time: that until its next look, which a test does not wait for, and what it
takes from there."""
SEEN_BY_BOTH: Final = 4
GROWN: Final = 7
"""Leaves of a log before it forks, and after."""


def test_what_is_withdrawn_is_gone_everywhere(trio: Trio) -> None:
    """Somebody publishes at one instance and is answered for at all; and withdraws, and is answered for nowhere within a
    minute. After that neither salt nor body is in a dump of the others, and after their daily work in no file."""
    one, two, three = trio
    member, publication = publish(one, NAME, X_ID)
    secrets: dict[str, bytes] = {}
    for each in (two, three):
        each.wait_to_hear(NAME, one.origin)
        held_here = secrets_of(each, one.origin, NAME, X_ID)
        secrets |= {f"{name} at {each.name}": secret for name, secret in held_here.items()}
        with each.database() as database:
            assert found_in(dump(database.dsn), held_here) == set(held_here)
    assert any("pg_wal" in file for file in found_on_disk(three.data, secrets))
    withdrawn = time.monotonic()
    one.members().call(lambda parts: parts.publishing.withdraw(member, publication))
    assert one.look_up(NAME) == []
    would_wait_s = max(each.looks_within_s(one) for each in (two, three))

    def is_gone() -> bool:
        for each in (two, three):
            each.nudge()
        return not two.look_up(NAME) and not three.look_up(NAME)

    assert wait_until(is_gone, HEALTHY_S)
    assert time.monotonic() - withdrawn + would_wait_s < HEALTHY_S
    for each in (two, three):
        with each.database() as database:
            assert found_in(dump(database.dsn), secrets) == set()
        assert scrub(each)
        assert found_on_disk(each.data, secrets) == set()


def test_who_keeps_a_list_hears_of_somebody_who_publishes_elsewhere(trio: Trio) -> None:
    """The list is kept at one instance, and the mapping is published at another one."""
    one, _, three = trio
    members = one.members()
    waiting = members.join("waiting")
    people = parse_lines("7001,zoe\n7002")
    members.call(lambda parts: parts.follow_lists.keep(waiting, Lists.FOLLOWING, people, consent=1))
    publish(three, "zoe", 7001)
    publish(three, "stranger", 7003)

    async def found(parts: MemberParts) -> list[tuple[str, str]]:
        async with parts.ground.database.connection() as connection:
            newcomers = await fetch_newcomers(connection, waiting)
            return [(str(each.mapping.x_handle), each.mapping.origin) for each in newcomers]

    one.wait_to_hear("zoe", three.origin)
    one.wait_to_hear("stranger", three.origin)
    assert wait_until(lambda: members.call(found) == [("zoe", three.origin)], PATIENCE_S)


def test_who_publishes_elsewhere_is_followed_by_itself_the_same_day(trio: Trio, pds: Pds) -> None:
    """The wish is kept at one instance, and the mapping is published at another one. Nothing is asked of the member
    after the wish, and the batch of the day was looked for before anybody came. Strangers are not followed."""
    one, _, three = trio
    one.stop()
    with one.serving(plc_url=pds.plc_url, bluesky_app_view=""):
        follower = follow_newcomers(one, pds, "7101,yara\n7102")
        wish = "SELECT looked_at IS NOT NULL AS is_empty FROM standing_match WHERE member = $1"
        assert wait_until(lambda: one.fetch(wish, follower.member)[0]["is_empty"], PATIENCE_S), one.log
        publish(three, "yara", 7101)
        publish(three, "unwanted", 7103)
        one.wait_to_hear("yara", three.origin)
        one.wait_to_hear("unwanted", three.origin)
        assert wait_until(lambda: follower.subjects() == [str(did("yara"))], PATIENCE_S), one.log[-4_000:]
        runs = "SELECT state, source FROM follow_run WHERE member = $1"
        done = [{"state": RunState.DONE, "source": Source.ARRIVAL}]
        assert wait_until(lambda: one.fetch(runs, follower.member) == done, PATIENCE_S)
    assert follower.subjects() == [str(did("yara"))]


def test_a_database_from_an_old_backup_recovers_from_the_peers(trio: Trio) -> None:
    """What was published after the backup comes back from the two others, and none of them sees a fork."""
    one, two, three = trio
    publish(one, "before", 8001)
    two.wait_to_hear("before", one.origin)
    with one.database() as database:
        backup = dump_to(database.dsn, one.runs / "old.dump")
    publish(one, "after", 8002)
    for each in (two, three):
        each.wait_to_hear("after", one.origin)
        read_later(each, one)  # whoever fails is left alone for a minute
    one.stop()
    with one.database() as database:
        restore_from(backup, database.dsn)
    one.start()
    assert one.look_up("after") == []
    assert wait_until(lambda: "It seems to come from a backup" in one.log, PATIENCE_S)
    one.stop()
    told = one.run("recover", "--yes")
    assert "entries are back" in told.out
    one.run("fsck")
    one.start()
    assert one.look_up("after") == [one.origin]
    publish(one, "later", 8003)
    for each in (two, three):
        each.wait_to_hear("later", one.origin)
        assert each.look_up("after") == [one.origin]
        assert each.run("peers", "evidence", one.origin).out == "There is no evidence of a fork.\n"


def test_a_log_that_forks_is_frozen_by_all_with_evidence(trio: Trio, folder: Path, fronts: TlsFronts) -> None:
    """Attack: an operator runs a copy of their instance with its keys. Both copies grow, one peer is shown the one and
    another peer the other: neither can tell by itself until it is shown the wrong one once."""
    one, two, _ = trio
    forker = Site.behind(fronts, folder, "forker")
    with held(forker):
        forker.start()
        make_peers((forker, one), (forker, two))
        forker.add_people(SEEN_BY_BOTH - 1)
        forker.wait_for_size(SEEN_BY_BOTH)
        for each in (one, two):
            read_up_to(each, forker, SEEN_BY_BOTH)
        forker.stop()  # a round that is under way would make the next one due
        # Neither copy shows its tree to the witnesses, those of whom it has not thought yet included: who forks would not.
        forker.fetch(
            "INSERT INTO peer_witness (origin, next_at) SELECT origin, now() + interval '1 hour' FROM peer"
            " ON CONFLICT (origin) DO UPDATE SET next_at = EXCLUDED.next_at"
        )
    twin = twin_of(forker)
    with held(forker, twin):
        for first, each in ((1_000, forker), (2_000, twin)):
            fronts.point(forker.host, each.port)
            each.start()
            each.add_people(GROWN - SEEN_BY_BOTH, first=first)
            each.wait_for_size(GROWN)
        read_up_to(two, forker, GROWN)
        fronts.point(forker.host, forker.port)
        read_up_to(one, forker, GROWN)
        assert standing_of(one, forker) is standing_of(two, forker) is Standing.FOLLOWING
        two.read_now(forker)
        assert wait_until(lambda: standing_of(two, forker) is Standing.FROZEN, PATIENCE_S), two.log

        def is_told() -> bool:
            two.nudge()
            return standing_of(one, forker) is Standing.FROZEN

        assert wait_until(is_told, PATIENCE_S), one.log
    key = KeyFolder(forker.data).read_logs()[0].vkey
    for each in (one, two):
        assert "FROZEN" in each.run("peers", "list").out
        file = each.runs / "forker.evidence"
        each.run("peers", "evidence", forker.origin, "--out", file)
        said = each.run("verify", file, "--key", str(key)).out
        assert f"Proven: {forker.origin} has signed two different trees of {GROWN} leaves." in said
    assert f"told by {two.origin}" in one.run("peers", "evidence", forker.origin).out


def test_an_instance_that_moves_is_followed_to_its_new_domain(
    trio: Trio, folder: Path, fronts: TlsFronts
) -> None:
    """Its peers carry on once their operators have confirmed it: what it said is said by its new log, it says more, and
    goes on hearing them. At its former address there are files alone."""
    one, two, _ = trio
    former = Site.behind(fronts, folder, "former")
    moved = Site(
        "former", folder, fronts, fronts.add("moved.localhost", former.port), former.port, "moved.localhost"
    )
    with held(former):
        begin_earlier(former)
        former.start()
        make_peers((former, one), (former, two))
        publish(former, "mover", 9_001)
        for each in (one, two):
            each.wait_to_hear("mover", former.origin)
        assert "moves to" in former.run("keys", "move", moved.address).out
        for each in (one, two):
            assert learns_of_move(each, moved)
        former.stop()
        moved.run("keys", "move")
        with serving_files(former.data / "moved" / former.host) as port:
            fronts.point(former.host, port)
            moved.start()
            moved.wait_for_log()
            for each in (one, two):
                told = each.run("peers", "add", moved.address, "--fingerprint", moved.words, "--yes").out
                assert f"{former.origin} goes on as {moved.origin}" in told
                each.run("peers", "carry-over", moved.origin, "--yes")
                each.wait_to_hear("mover", moved.origin)
            publish(moved, "newmover", 9_002)
            publish(one, "stayer", 9_003)
            one.wait_to_hear("newmover", moved.origin)
            moved.wait_to_hear("stayer", one.origin)
            moved.stop()
