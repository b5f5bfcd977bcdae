"""Two instances take each other up, over HTTP."""

from federation.peers.peering import Delivered
from federation.protocol.body_answers import Body, NeverMapping
from federation.protocol.body_wire import parse_answers
from federation.protocol.peer import TheyFollow, WeFollow
from tests.harness.peers import PeerInstance

BODIES = "/federation/v1/statements/000"


def test_two_instances_become_peers(one: PeerInstance, two: PeerInstance) -> None:
    """The whole way: two asks one, who gives nothing before its operator has approved, and then gives bodies."""
    assert two.add(one).state is Delivered.WAITING
    [peer] = two.running.call(two.peering.views)
    assert (peer.peer.we_follow, peer.peer.they_follow) == (WeFollow.FOLLOWING, TheyFollow.NO)
    assert (peer.peer.address, peer.size, len(peer.documents)) == (one.address, 0, 1)
    [asking] = one.running.call(one.peering.views)
    assert (asking.peer.origin, asking.peer.they_follow) == (two.origin, TheyFollow.ASK)
    assert asking.peer.confirmed_at is None
    assert two.get(one, BODIES)[0] == 401
    one.approve(two)
    status, content = two.get(one, BODIES)
    answers = parse_answers(content, 256)
    assert status == 200
    assert answers[0] == NeverMapping()
    assert all(isinstance(answer, Body) for answer in answers[1:])
    assert two.add(one).state is Delivered.APPROVED
    [view] = one.running.call(one.peering.views)
    assert (view.peer.we_follow, view.peer.they_follow) == (WeFollow.NO, TheyFollow.APPROVED)
