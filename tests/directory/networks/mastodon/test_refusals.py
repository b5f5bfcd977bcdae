"""What servers answer to a code or a token that they do not take, each in its own way (facts of three servers)."""

import pytest

from directory.identifiers import Acct
from directory.networks.port import Purpose
from directory.networks.sign_in_errors import CodesUnchecked, ServerUnreachable
from tests.directory.networks.mastodon.signing_in import Instance
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response
from tests.harness.fake_mastodon.profiles import MASTODON_4_1, SNAC, STRICT, TAKAHE, Profile
from tests.harness.fake_mastodon.site import FakeServer


@pytest.mark.parametrize("profile", STRICT, ids=lambda profile: profile.name)
@pytest.mark.parametrize("purpose", [Purpose.PROVE, Purpose.FOLLOW])
async def test_people_sign_in_whatever_a_wrong_code_is_called(
    internet: FakeInternet, instance: Instance, profile: Profile, purpose: Purpose
) -> None:
    """Takahē answers 500 to a code that never was, GoToSocial with a sentence of its database."""
    FakeServer.at(internet, "social.test", profile, now=instance.now)
    done = await instance.signed_in("social.test", purpose=purpose)
    assert done.account.handle == Acct("alice", "social.test")


async def test_a_server_that_breaks_once_was_not_seen_to_refuse(
    internet: FakeInternet, instance: Instance
) -> None:
    """The attacker overloads a server that takes any code in the moment it is tried: its 500 is no refusal."""
    server = FakeServer.at(internet, "social.test", MASTODON_4_1, now=instance.now)
    started = await instance.start("social.test")
    returned = await instance.visit(started, "alice")
    answers = [Response(500)]

    def token(request: Request) -> Response:
        if answers:
            return answers.pop()
        return Response.json({"access_token": server.oauth.token(request.form, instance.time).access})

    server.broken["/oauth/token"] = token
    server.oauth.profile = SNAC
    server.oauth.apps[next(iter(server.oauth.apps))].last_user = "alice@social.test"
    with pytest.raises(CodesUnchecked):
        await instance.finish(started, returned)


@pytest.mark.parametrize("status", [429, 502, 503])
async def test_a_busy_server_refused_nothing(internet: FakeInternet, instance: Instance, status: int) -> None:
    server = FakeServer.at(internet, "social.test", TAKAHE, now=instance.now)
    started = await instance.start("social.test")
    returned = await instance.visit(started, "alice")
    server.broken["/oauth/token"] = lambda _: Response(status)
    with pytest.raises(ServerUnreachable):
        await instance.finish(started, returned)
