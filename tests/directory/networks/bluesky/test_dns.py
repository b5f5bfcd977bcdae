"""TXT records are read from a real name server, over a real socket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import dns.asyncresolver
import dns.message
import dns.rcode
import dns.rrset
import pytest

from directory.networks.bluesky import dns as ours
from directory.networks.bluesky.dns import look_up_txt

Reply = Callable[[dns.message.Message], dns.message.Message | None]


class _NameServer(asyncio.DatagramProtocol):
    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._reply(dns.message.from_wire(data))
        if reply is not None:
            self._transport.sendto(reply.to_wire(), addr)


@asynccontextmanager
async def name_server(reply: Reply) -> AsyncIterator[dns.asyncresolver.Resolver]:
    """A resolver that asks a name server on this machine."""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _NameServer(reply), local_addr=("127.0.0.1", 0)
    )
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = transport.get_extra_info("sockname")[1]
    try:
        yield resolver
    finally:
        transport.close()
        await asyncio.sleep(0)


def with_texts(*texts: str) -> Reply:
    def reply(query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "TXT", *texts))
        return answer

    return reply


def with_code(code: dns.rcode.Rcode) -> Reply:
    def reply(query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.set_rcode(code)
        return answer

    return reply


async def test_texts_and_their_pieces() -> None:
    async with name_server(with_texts('"v=spf1"', '"did=did:plc:" "abc"')) as resolver:
        assert sorted(await look_up_txt("_atproto.alice.test", resolver)) == ["did=did:plc:abc", "v=spf1"]


@pytest.mark.parametrize("code", [dns.rcode.NXDOMAIN, dns.rcode.NOERROR])
async def test_a_name_without_records(code: dns.rcode.Rcode) -> None:
    async with name_server(with_code(code)) as resolver:
        assert await look_up_txt("_atproto.alice.test", resolver) == []


@pytest.mark.parametrize("reply", [with_code(dns.rcode.SERVFAIL), lambda _query: None])
async def test_a_name_server_that_gives_no_answer(reply: Reply, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "DNS_TIMEOUT_S", 0.2)
    async with name_server(reply) as resolver:
        with pytest.raises(OSError, match="no answer"):
            await look_up_txt("_atproto.alice.test", resolver)


async def test_a_name_that_is_none() -> None:
    async with name_server(with_texts('"x"')) as resolver:
        with pytest.raises(OSError, match="no answer"):
            await look_up_txt(f"_atproto.{'x' * 64}.test", resolver)
