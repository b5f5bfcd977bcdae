"""The table of pasted accounts at each door of the web."""

from urllib.parse import parse_qs, urlsplit

import httpx

from tests.cases.accounts import Case, cases_for


def code_of(answer: httpx.Response) -> str:
    """The code of a problem document, after its status was checked."""
    assert answer.status_code == 400
    return str(answer.json()["type"]).rpartition("#")[2]


@cases_for("box")
def test_the_box(client: httpx.Client, case: Case) -> None:
    answer = client.get("/search", params={"x": case.input})
    if case.error is not None:
        assert (answer.status_code, 'id="x-error"' in answer.text) == (400, True)
        return
    where = urlsplit(answer.headers["location"])
    named = parse_qs(where.query).get("account", [where.path])[0]
    assert named.removeprefix("/x/i/").replace("/x/", "@") == case.account


@cases_for("lookup")
def test_lookup(client: httpx.Client, case: Case) -> None:
    answer = client.get("/api/v1/lookup", params={"x": case.input})
    if case.error is not None:
        assert code_of(answer) == case.error
        return
    query = answer.json()["query"]
    assert (query["id"] or f"@{query['handle']}") == case.account


@cases_for("reverse")
def test_reverse(client: httpx.Client, case: Case) -> None:
    answer = client.get("/api/v1/reverse", params={"account": case.input})
    if case.error is not None:
        assert code_of(answer) == case.error
        return
    assert answer.json()["account"] == case.account


@cases_for("whose")
def test_the_page_of_an_account(client: httpx.Client, case: Case) -> None:
    answer = client.get("/whose", params={"account": case.input})
    if case.error is not None:
        assert (answer.status_code, 'id="x-error"' in answer.text) == (400, True)
        return
    assert answer.status_code in {200, 404}
    assert f"Who {case.account} was on X" in answer.text
