"""X, as far as proofs need it: a real HTTP server on this machine that answers in X's shapes and fails in X's ways.

    with FakeX() as x:
        alice = x.account("alice")
        post = x.post(alice, "a text", at=now)
        x.sources()                      # the XSources to give to a PostChecker or the settings
        x.fail("syndication", Failure(402))

It claims only what the real services document or were observed to answer; each shape names its source.
"""

from tests.harness.fake_x.failures import SOURCES, Failure
from tests.harness.fake_x.server import FakeX, Held
from tests.harness.fake_x.world import FakeAccount, FakePost

__all__ = ["SOURCES", "Failure", "FakeAccount", "FakePost", "FakeX", "Held"]
