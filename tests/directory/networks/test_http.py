"""What the client does for those who ask honest servers."""

import asyncio
import gzip
import json

import pytest

from directory.networks.connections import MAX_IDLE
from directory.networks.errors import BadAnswer, BadStatus, Unreachable
from directory.networks.http import GuardedClient, user_agent
from tests.directory.networks.strangers import OK, answer, loopback_client, names, says, stranger


async def test_an_answer_has_status_headers_and_body(client: GuardedClient) -> None:
    async with stranger(says(answer(b"{}", "X-A: 1", "x-b: 2", "X-A: 3", status="418 Teapot"))) as them:
        got = await client.get(them.url + "a?b=c")
    assert (got.status, got.body, got.url) == (418, b"{}", them.url + "a?b=c")
    assert got.header("X-a") == "1, 3"
    assert got.header("x-c") is None
    assert got.headers == (("content-length", "2"), ("x-a", "1"), ("x-b", "2"), ("x-a", "3"))


async def test_a_request_says_who_asks_and_nothing_more(client: GuardedClient) -> None:
    async with stranger(says(OK)) as them:
        await client.get(them.url + "a?b=c", headers={"Accept": "application/json"})
    assert them.requests == [
        (
            f"GET /a?b=c HTTP/1.1\r\nhost: 127.0.0.1:{them.port}\r\nuser-agent: Passerelle/test\r\n"
            "accept-encoding: gzip, identity\r\naccept: application/json\r\n\r\n"
        ).encode()
    ]


def test_an_instance_has_a_name_of_its_own() -> None:
    named = user_agent("https://find.example.org")
    assert named.startswith("Passerelle/")
    assert named.endswith(" (+https://find.example.org)")


async def test_forms_and_json_are_posted(client: GuardedClient) -> None:
    async with stranger(says(OK)) as them:
        await client.post(them.url, form={"a": "b c", "d": "é"})
        await client.post(them.url, json={"a": ["é"]}, headers={"authorization": "Bearer t"})
        await client.post(them.url)
    form, structure, nothing = (request.partition(b"\r\n\r\n") for request in them.requests)
    assert form[2] == b"a=b+c&d=%C3%A9"
    assert b"\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 14" in form[0]
    assert json.loads(structure[2]) == {"a": ["é"]}
    assert b"\r\nauthorization: Bearer t\r\ncontent-type: application/json\r\n" in structure[0]
    assert nothing[2] == b""
    assert nothing[0].endswith(b"\r\ncontent-length: 0")


@pytest.mark.parametrize(
    "raw",
    [
        answer(gzip.compress(b"content", mtime=0), "content-encoding: gzip"),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\ncon\r\n4;a=b\r\ntent\r\n0\r\nx: y\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" + answer(b"content"),
    ],
)
async def test_the_usual_forms_of_an_answer_are_read(client: GuardedClient, raw: bytes) -> None:
    async with stranger(says(raw)) as them:
        assert (await client.get(them.url)).body == b"content"


async def test_an_answer_may_end_with_its_connection(client: GuardedClient) -> None:
    async with stranger(says(b"HTTP/1.0 200 OK\r\n\r\ncontent", then_closes=True)) as them:
        assert (await client.get(them.url)).body == b"content"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_some_answers_have_no_body(client: GuardedClient, status: str) -> None:
    async with stranger(says(f"HTTP/1.1 {status}\r\n\r\n".encode())) as them:
        assert (await client.get(them.url)).body == b""


async def test_head_has_no_body_however_long_it_is_said_to_be(client: GuardedClient) -> None:
    async with stranger(says(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n")) as them:
        assert (await client.request("HEAD", them.url)).header("content-length") == "99999999"


async def test_a_status_can_be_insisted_on(client: GuardedClient) -> None:
    async with stranger(says(answer(b"", status="404 Not Found"))) as them:
        got = await client.get(them.url)
    assert got.expect(200, 404) is got
    with pytest.raises(BadStatus, match="status 404") as caught:
        got.expect(200)
    assert caught.value.status == 404


async def test_json_is_read_as_it_is_or_in_a_shape(client: GuardedClient) -> None:
    async with stranger(says(answer(b'{"a": [1, null]}'))) as them:
        got = await client.get(them.url)
    assert got.json() == {"a": [1, None]}
    assert got.parse(dict[str, list[int | None]]) == {"a": [1, None]}
    with pytest.raises(BadAnswer):
        got.parse(dict[str, int])


async def test_a_connection_serves_the_next_question(client: GuardedClient) -> None:
    async with stranger(says(OK)) as them:
        for _ in range(5):
            await client.get(them.url)
    assert (them.connections, len(them.requests)) == (1, 5)


async def test_a_post_is_never_sent_over_a_kept_connection(client: GuardedClient) -> None:
    """The other side may close it at that moment: nobody could tell whether the follow was made."""
    async with stranger(says(OK)) as them:
        await client.get(them.url)
        await client.post(them.url)
        await client.get(them.url)
    assert them.connections == 2


async def test_a_kept_connection_that_was_closed_is_replaced(client: GuardedClient) -> None:
    async def closes_after_the_first(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        if len(them.requests) == 1:
            await writer.drain()
            writer.close()

    async with stranger(closes_after_the_first) as them:
        assert (await client.get(them.url)).status == 200
        assert (await client.get(them.url)).status == 200
    assert them.connections == 2


async def test_a_connection_closed_under_a_question_is_asked_again_once(client: GuardedClient) -> None:
    async def closes_on_the_second(request: bytes, writer: asyncio.StreamWriter) -> None:
        if len(them.requests) == 2:
            writer.close()
        else:
            writer.write(OK)

    async with stranger(closes_on_the_second) as them:
        await client.get(them.url)
        await client.get(them.url)
    assert (them.connections, len(them.requests)) == (2, 3)


async def test_redirects_are_answers_unless_asked_for(client: GuardedClient) -> None:
    async def sends_on(request: bytes, writer: asyncio.StreamWriter) -> None:
        there = request.startswith(b"GET /there")
        writer.write(OK if there else answer(b"", "location: /there?a=b#c", status="302 Found"))

    async with stranger(sends_on) as them:
        assert (await client.get(them.url)).status == 302
        followed = await client.get(them.url, redirects=1)
        assert (await client.post(them.url)).status == 302
    assert (followed.status, followed.url) == (200, them.url + "there?a=b")


async def test_several_addresses_are_tried(client: GuardedClient) -> None:
    async with stranger(says(OK)) as them:
        found = names({"host.example.net": ["::1", "127.0.0.1"]})
        async with loopback_client(resolve=found) as ours:
            assert (await ours.get(f"http://host.example.net:{them.port}/")).status == 200
    assert f"host: host.example.net:{them.port}".encode() in them.requests[0]


async def test_nobody_home_is_unreachable_and_nothing_was_sent() -> None:
    async with stranger(says(OK)) as them:
        url = them.url
    async with loopback_client() as ours:
        with pytest.raises(Unreachable) as caught:
            await ours.get(url)
    assert caught.value.may_have_arrived is False


async def test_an_unknown_name_is_unreachable() -> None:
    async with loopback_client(resolve=names({})) as ours:
        with pytest.raises(Unreachable, match=r"host\.example\.net: the name has no address"):
            await ours.get("https://host.example.net/")


async def test_the_systems_resolver_knows_this_machine() -> None:
    async with stranger(says(OK)) as them, loopback_client() as ours:
        assert (await ours.get(f"http://localhost:{them.port}/")).status == 200


async def test_only_some_connections_are_kept_and_none_after_the_end() -> None:
    """Every server a stranger names would otherwise cost us an open connection."""
    hosts = [f"h{number}.example.net" for number in range(MAX_IDLE + 4)]
    async with stranger(says(OK)) as them:
        async with loopback_client(resolve=names({host: ["127.0.0.1"] for host in hosts})) as ours:
            for host in hosts:
                await ours.get(f"http://{host}:{them.port}/")
            for _ in range(4):
                await them.ended.acquire()
            assert them.ended.locked()
        for _ in range(MAX_IDLE):
            await them.ended.acquire()


async def test_a_connection_is_not_kept_for_long(
    client: GuardedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("directory.networks.connections.IDLE_S", -1.0)
    async with stranger(says(OK)) as them:
        await client.get(them.url)
        await client.get(them.url)
    assert them.connections == 2
