"""The bridge between the networks, as it answers WebFinger for its copies on the fediverse."""

from directory.follows.bridges import ON_FEDIVERSE
from tests.harness.fake_mastodon.internet import Request, Response
from tests.harness.fake_mastodon.site import JRD


class Bridge:
    """Bridgy Fed, as it answers WebFinger. `keeps` are handles with the DID that it names for them."""

    def __init__(self) -> None:
        self.keeps: dict[str, str] = {}
        self.status = 200

    def answer(self, request: Request) -> Response:
        name = str(request.query.get("resource", "")).removeprefix("acct:")
        kept = self.keeps.get(name.removesuffix(f"@{ON_FEDIVERSE}"))
        if self.status != 200 or kept is None:
            return Response(404 if self.status == 200 else self.status)
        actor = f"https://{ON_FEDIVERSE}/ap/{kept}"
        link = {"rel": "self", "type": "application/activity+json", "href": actor}
        return Response.json({"subject": f"acct:{name}", "aliases": [], "links": [link]}, type_=JRD)
