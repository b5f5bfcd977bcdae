"""Servers that look at no code: the sign-in of anybody could be taken there, so nobody's is (docs/security.md)."""

import pytest

from directory.networks.sign_in_errors import CodesUnchecked, SignInExpired
from tests.directory.networks.mastodon.signing_in import CALLBACK, Instance
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response
from tests.harness.fake_mastodon.profiles import MASTODON_4_1, SNAC
from tests.harness.fake_mastodon.site import FakeServer


async def test_a_server_that_takes_any_code(internet: FakeInternet, instance: Instance) -> None:
    """Such a server gives a token for whoever signed in last with the app: nobody is sent there.

    The person hears of it before they type a password.
    """
    FakeServer.at(internet, "social.test", SNAC, now=instance.now)
    with pytest.raises(CodesUnchecked):
        await instance.start("social.test")
    assert not instance.apps.kept


@pytest.mark.parametrize("takes_one_only", [False, True], ids=["any number", "one"])
async def test_a_link_to_the_victims_own_server(
    internet: FakeInternet, instance: Instance, takes_one_only: bool
) -> None:
    """The attacker starts a sign-in and hands the victim the link, which is one of the victim's own server.

    The victim agrees there, and their browser comes back to us with a state that is not its own: nothing
    is done. The code is theirs and never reaches the attacker; but at a server that looks at no code the
    attacker comes back in their own browser with any code, and would be the victim. The server here hides
    what it is while nobody has signed in with the app, and in one case takes a single code only.
    """
    server = FakeServer.at(internet, "social.test", SNAC, accounts=["alice", "mallory"], now=instance.now)

    def token(request: Request) -> Response:
        app = server.oauth.apps.get(request.form.get("client_id", ""))
        if app is None or app.last_user is None:
            return Response.json({"error": "invalid_grant"}, 400)
        answer = Response.json({"access_token": server.oauth.token(request.form, instance.time).access})
        if takes_one_only:
            app.last_user = None
        return answer

    server.broken["/oauth/token"] = token
    theirs = await instance.start("social.test")
    await instance.visit(theirs, "alice")
    with pytest.raises(CodesUnchecked):
        await instance.finish(theirs, f"{CALLBACK}/social.test?state={theirs.state}&code=guess")
    await instance.grants.revoke_all(instance.sign_in, instance.time)
    given = [token for token in server.oauth.tokens if token.user is not None]
    assert all(token.is_revoked for token in given), "nobody uses it: the server need not keep it"
    assert len(given) == 1


async def test_the_victims_code_stays_theirs(internet: FakeInternet, instance: Instance) -> None:
    """The same at a server that looks at codes: the attacker, who does not know the code, gets nothing."""
    FakeServer.at(internet, "social.test", MASTODON_4_1, accounts=["alice", "mallory"], now=instance.now)
    theirs = await instance.start("social.test")
    await instance.visit(theirs, "alice")
    with pytest.raises(SignInExpired):
        await instance.finish(theirs, f"{CALLBACK}/social.test?state={theirs.state}&code=guess")
