"""What a server writes in one turn of the loop is sent at once, whole, in order, and never after the end."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.edge.gathering import GATHERED_BYTES, GatheringTransport
from tests.deploy.edge.small_server import SmallServer, small_server
from tests.harness.raw import RawConnection


class Recorder(asyncio.Transport):
    """Keeps what is written, each write for itself."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.has_ended = False
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.is_closed, "written after the end"
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        return 0

    def write_eof(self) -> None:
        self.has_ended = True

    def close(self) -> None:
        self.is_closed = True

    abort = close


@pytest.fixture
async def socket() -> Recorder:
    return Recorder()


@pytest.fixture
async def gathering(socket: Recorder) -> GatheringTransport:
    return GatheringTransport(socket, asyncio.get_running_loop())


async def test_a_head_and_a_body_are_one_write(socket: Recorder, gathering: GatheringTransport) -> None:
    gathering.write(b"head")
    gathering.write(b"")
    gathering.write(b"body")
    assert (socket.writes, gathering.get_write_buffer_size()) == ([], 8)
    await asyncio.sleep(0)
    assert (socket.writes, gathering.get_write_buffer_size()) == ([b"headbody"], 0)
    gathering.write(b"next")
    await asyncio.sleep(0)
    assert socket.writes[1:] == [b"next"]


async def test_what_is_long_is_written_at_once(socket: Recorder, gathering: GatheringTransport) -> None:
    """Attack: whoever reads nothing has a server that never pauses gather the whole of a large answer in memory."""
    gathering.write(b"head")
    gathering.write(bytes(GATHERED_BYTES))
    assert [len(each) for each in socket.writes] == [4, GATHERED_BYTES]
    gathering.writelines([bytes(GATHERED_BYTES // 2)] * 4)
    assert gathering.get_write_buffer_size() <= GATHERED_BYTES
    assert len(socket.writes) > 2


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=20),
            st.binary(max_size=20).map(bytearray),
            st.just(bytes(GATHERED_BYTES)),
            st.none(),
        )
    )
)
def test_nothing_is_lost_and_nothing_changes_its_place(pieces: list[bytes | bytearray | None]) -> None:
    """None stands for the next turn of the loop."""

    async def write() -> bytes:
        socket = Recorder()
        gathering = GatheringTransport(socket, asyncio.get_running_loop())
        for piece in pieces:
            if piece is None:
                await asyncio.sleep(0)
            else:
                gathering.write(piece)
                if isinstance(piece, bytearray):
                    piece[:] = b"!" * len(piece)  # whoever wrote it may use it again
        gathering.close()
        await asyncio.sleep(0)
        return b"".join(socket.writes)

    expected = b"".join(bytes(piece) for piece in pieces if piece is not None)
    assert asyncio.run(write()) == expected


async def test_what_was_written_goes_before_the_end(socket: Recorder, gathering: GatheringTransport) -> None:
    """A server that answers and closes in the same turn: its whole answer comes first."""
    gathering.write(b"answer")
    gathering.write_eof()
    assert (socket.writes, socket.has_ended) == ([b"answer"], True)
    gathering.close()
    assert gathering.is_closing()
    await asyncio.sleep(0)
    assert socket.writes == [b"answer"]


async def test_a_connection_that_ends_in_the_same_turn(
    socket: Recorder, gathering: GatheringTransport
) -> None:
    """Attack: whoever breaks off in the middle of an answer leaves an error in the log for each."""
    gathering.write(b"answer")
    socket.close()
    await asyncio.sleep(0)
    assert socket.writes == []
    gathering.abort()
    assert gathering.get_write_buffer_size() == 0


@pytest.fixture(scope="module")
def server() -> Iterator[SmallServer]:
    with small_server() as running:
        yield running


def test_an_answer_comes_in_one_piece(server: SmallServer) -> None:
    """Over a real socket: the head was sent by itself, and the body after it."""
    connection = RawConnection(server.port)
    for number in range(20):
        connection.socket.sendall(f"GET /answer{number} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = connection.socket.recv(2**16)
        assert answer.endswith(f"\r\n\r\n/answer{number}".encode())
    connection.socket.close()
