"""The stream of events: everything, in order, once; whatever happens between reader and node."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import httpx
import pytest
import trio
import trio.lowlevel
import trio.testing

from kit.api import ChainOfOne, connect, listening, serving
from kit.ledger import account_id, pay
from kit.nets import in_trio
from ledger.receipt import Receipt
from node.api.streams import Streams
from node.events import Cursor, EventReader, Wanted, read_cursor
from node.queries import id_of_transaction
from primitives import limits
from primitives.codec import decode
from primitives.ids import Digest, Height
from services.registry.stamps import StampAct, StampDocument
from services.table import RECEIPT

START: Final = "0.0"
WHOLE: Final = "(the last chunk)"


def lines(chain: ChainOfOne, transactions: int, each: int) -> list[bytes]:
    """Signed transactions of the treasury with `each` events."""
    number = chain.store.head().height
    return [
        chain.signed(
            "treasury",
            *(pay("health", 1, f"{number}-{which}-{index}") for index in range(each)),
        )
        for which in range(transactions)
    ]


async def add_block(chain: ChainOfOne, transactions: int = 1, each: int = 1) -> None:
    chain.holding = True
    for data in lines(chain, transactions, each):
        await chain.submit(data)
    chain.make_block()


def everything(chain: ChainOfOne) -> list[tuple[str, str, int]]:
    """Cursor, transaction and event of the whole chain, read without the code under test."""
    found: list[tuple[str, str, int]] = []
    for height in range(chain.store.head().height + 1):
        index = 0
        for data in chain.store.receipts(Height(height)):
            receipt: Receipt[Any, Any] = decode(data, RECEIPT, limit=len(data))
            for event in receipt.events:
                found.append((f"{height}.{index}", receipt.transaction_id.hex(), event.line))
                index += 1
    return found


async def opened(address: str, query: str = "", cursor: str = "") -> trio.SocketStream:
    """A connection that has asked for a stream."""
    stream = await connect(address)
    header = f"last-event-id: {cursor}\r\n" if cursor else ""
    await stream.send_all(f"GET /v1/events{query} HTTP/1.1\r\nhost: x\r\n{header}\r\n".encode())
    return stream


async def text_lines(stream: trio.SocketStream, size: int = 65_536) -> AsyncGenerator[str, None]:
    """The lines of the chunks that arrived whole; ends where the answer or the wire does."""
    raw, text, started = b"", b"", False
    while part := await stream.receive_some(size):
        raw += part
        if not started:
            head, found, raw_after = raw.partition(b"\r\n\r\n")
            if not found:
                continue
            assert head.startswith(b"HTTP/1.1 200"), head
            raw, started = raw_after, True
        while b"\r\n" in raw:
            length, _, rest = raw.partition(b"\r\n")
            count = int(length, 16)
            if len(rest) < count + 2:
                break
            text, raw = text + rest[:count], rest[count + 2 :]
            if count == 0:
                yield WHOLE
                return
        *whole, text = text.split(b"\n")
        for line in whole:
            yield line.decode()


@dataclass
class Reader:
    """A client that notes every event, and the last cursor that it was told."""

    cursor: str = START
    seen: list[tuple[str, str, int]] = field(default_factory=list)
    ended_whole: bool = False

    async def read(
        self, address: str, query: str = "", *, events: int = 1 << 30, reads: int = 1 << 30
    ) -> None:
        """Connect and read on until there are so many events, or cut after so many lines."""
        told, pending = self.cursor, list[tuple[str, str, int]]()
        async with (
            await opened(address, query, self.cursor) as stream,
            aclosing(text_lines(stream)) as reading,
        ):
            async for line in reading:
                reads -= 1
                name, _, value = line.partition(": ")
                if line == WHOLE:
                    self.ended_whole = True
                elif name == "id":
                    told = value
                elif name == "data":
                    said = json.loads(value)
                    assert said["cursor"] == told
                    pending = [(told, said["transaction"], said["event"].get("line", 0))]
                elif not line:  # only now it is whole, and a browser keeps its id
                    self.cursor = told
                    self.seen += pending
                    pending = []
                if len(self.seen) >= events or reads <= 0:
                    return


@in_trio
async def test_an_event_is_told_with_its_place() -> None:
    """In the order of the chain: cursor, block, transaction, and the event's named form."""
    chain = ChainOfOne()
    data = chain.signed("treasury", pay("health", 5, "A"), pay("works", 6, "B"))
    await chain.submit(data)
    said: list[Any] = []
    async with (
        listening(chain) as address,
        await opened(address, "?after=0.0") as stream,
        aclosing(text_lines(stream)) as reading,
    ):
        async for line in reading:
            if line.startswith("data: "):
                said.append(json.loads(line.removeprefix("data: ")))
            if len(said) == 2:
                break

    assert [one["cursor"] for one in said] == ["1.0", "1.1"]
    assert said[1] == {
        "cursor": "1.1",
        "height": 1,
        "index": 1,
        "block_time_ms": chain.store.head().header.time_ms,
        "transaction": id_of_transaction(data).hex(),
        "event": {
            "event": "money.transferred",
            "payer": account_id("treasury").hex(),
            "line": 0,
            "to": account_id("works").hex(),
            "asset": "GBP",
            "amount": 6,
            "reference": "B",
            "value_date": None,
            "lot": None,
        },
    }


@in_trio
async def test_a_stream_without_a_cursor_begins_now() -> None:
    """What is on chain already is not told; what comes is."""
    chain = ChainOfOne()
    await add_block(chain, 2, 3)
    reader = Reader()
    told: list[str] = []
    async with listening(chain) as address:
        async with await opened(address) as stream, aclosing(text_lines(stream)) as reading:
            async for line in reading:
                if line.startswith("id: "):
                    told.append(line.removeprefix("id: "))
                    if len(told) == 2:
                        break
                    await add_block(chain)
        reader.cursor = told[0]
        await reader.read(address, events=1)

    assert told == ["1.5", "2.0"]
    assert [cursor for cursor, _, _ in reader.seen] == ["2.0"]


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_and_nothing_comes_twice(seed: int) -> None:
    """Thousands of events, readers cut at random, and a server that starts again and again."""

    @in_trio
    async def scene() -> None:
        chance = random.Random(seed)
        chain = ChainOfOne()
        reader = Reader()
        total = 0
        restarts = 0
        done = trio.Event()

        async def grow() -> None:
            nonlocal total
            for _ in range(40):
                transactions, each = chance.choice([(0, 0), (1, 1), (3, 40), (2, 30)])
                await add_block(chain, transactions, each)
                total += transactions * each
                await trio.lowlevel.checkpoint()
            done.set()

        async with trio.open_nursery() as tasks:
            tasks.start_soon(grow)
            while not (done.is_set() and len(reader.seen) >= total):
                restarts += 1
                async with listening(chain) as address:
                    for _ in range(chance.randint(1, 4)):
                        goal = len(reader.seen) + chance.randint(1, 300)
                        if done.is_set():
                            goal = min(goal, total)
                        await reader.read(address, events=goal, reads=chance.randint(1, 900))

        assert restarts > 1
        assert total > 1_000
        assert reader.seen == everything(chain)

    scene()


async def eventually(condition: Callable[[], bool]) -> None:
    with trio.fail_after(20):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in the node
            await trio.sleep(0.002)


def key(cursor: str) -> Cursor:
    found = read_cursor(cursor)
    assert found is not None
    return found


@in_trio
async def test_a_filter_lets_through_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """By type, by account, or by both; the cursor moves on over all the rest."""
    monkeypatch.setattr(limits, "API_HEARTBEAT_S", 0.05)
    chain = ChainOfOne()
    await chain.submit(chain.signed("treasury", pay("health", 9, "A"), pay("works", 9, "B")))
    await chain.submit(chain.signed("notary", StampDocument(Digest(bytes(32)), StampAct.TIMESTAMP)))
    await chain.submit(chain.signed("health", pay("works", 1, "C")))
    health = account_id("health").hex()

    async def told(address: str, query: str) -> list[str]:
        reader = Reader()
        while reader.cursor != "3.0":
            await reader.read(address, query, reads=6)
        return [cursor for cursor, _, _ in reader.seen]

    async with listening(chain) as address:
        assert await told(address, "?type=money.transferred") == ["1.0", "1.1", "3.0"]
        assert await told(address, "?type=registry.document_stamped") == ["2.0"]
        both = "?type=registry.document_stamped,money.transferred"
        assert await told(address, both) == ["1.0", "1.1", "2.0", "3.0"]
        assert await told(address, "?type=registry.*,money.*") == ["1.0", "1.1", "2.0", "3.0"]
        assert await told(address, "?type=registry.*") == ["2.0"]
        assert await told(address, f"?account={health}") == ["1.0", "3.0"]
        assert await told(address, f"?account={'00' * 32}") == ["2.0"], (
            "a document is named so, too"
        )
        assert await told(address, f"?type=registry.document_stamped&account={health}") == []


@pytest.mark.parametrize(
    "query",
    ["after=1", "after=-1.0", "after=1.00", "after=99999999999999999999.0", "after=",
     "type=money", "type=money*", "type=.*", "type=*", "type=",
     "account=00", "account=", "limit=3"],
)  # fmt: skip
def test_a_parameter_that_is_none_is_refused(query: str) -> None:
    """Before anything is streamed."""

    @in_trio
    async def scene() -> None:
        async with serving(ChainOfOne()) as client:
            answer = await client.get(f"/v1/events?{query}")

        assert answer.status_code == 400
        assert answer.json()["code"] == "request.parameter"

    scene()


@in_trio
async def test_the_header_of_a_reconnect_goes_before_the_parameter() -> None:
    """A browser repeats the first address, with the last cursor in the header."""
    chain = ChainOfOne()
    await add_block(chain, 1, 3)
    reader = Reader("1.1")
    async with listening(chain) as address:
        await reader.read(address, "?after=0.0", events=1)

    assert [cursor for cursor, _, _ in reader.seen] == ["1.2"]


@in_trio
async def test_a_cursor_ahead_of_the_node_waits_for_it() -> None:
    """A node that was set up anew catches up; its readers are further already."""
    chain = ChainOfOne()
    reader = Reader("2.0")
    async with listening(chain) as address, trio.open_nursery() as tasks:
        tasks.start_soon(partial(reader.read, address, events=1))
        for _ in range(3):
            await add_block(chain, 1, 2)

    assert [cursor for cursor, _, _ in reader.seen][:1] == ["2.1"]


@in_trio
async def test_a_silent_stream_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a comment, and with the cursor."""
    monkeypatch.setattr(limits, "API_HEARTBEAT_S", 0.02)
    beats: list[str] = []
    async with (
        listening(ChainOfOne()) as address,
        await opened(address) as stream,
        aclosing(text_lines(stream)) as reading,
    ):
        async for line in reading:
            beats.append(line)
            if len(beats) == 9:
                break

    assert beats == [": heartbeat", "id: 0.0", ""] * 3


@in_trio
async def test_a_stream_reads_no_further_than_its_client() -> None:
    """While one part is not taken the next is not read: a slow client costs one part."""
    chain = ChainOfOne()
    for _ in range(8):
        await add_block(chain, 2, 60)
    parts: list[bytes] = []
    taken = trio.Event()

    async def send(part: bytes) -> None:
        parts.append(part)
        if len(parts) == 2:
            await taken.wait()

    streams = Streams(chain, trio.CapacityLimiter(1))
    async with trio.open_nursery() as tasks:
        tasks.start_soon(streams.follow, key(START), Wanted(), send)
        await eventually(lambda: len(parts) == 2)
        await trio.testing.wait_all_tasks_blocked(0.05)
        held = len(parts)
        taken.set()
        await eventually(lambda: sum(part.count(b"data: ") for part in parts) == 960)
        streams.end()

    assert held == 2
    longest = max(len(part) for part in parts)
    assert limits.API_STREAM_BYTES <= longest < limits.API_STREAM_BYTES + 1_000


def test_a_part_is_bounded_in_blocks_too() -> None:
    """One block more is the next part's."""
    chain = ChainOfOne()
    for _ in range(limits.API_STREAM_BLOCKS + 1):
        chain.make_block()
    reader = EventReader(chain.store)

    first = reader.read(Cursor(Height(0), 0), Wanted())
    second = reader.read(first.cursor, Wanted())

    assert (first.cursor, first.at_end) == ((limits.API_STREAM_BLOCKS, 0), False)
    assert (second.cursor, second.at_end) == ((limits.API_STREAM_BLOCKS + 1, 0), True)


@in_trio
async def test_who_does_not_read_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    """And its place is free again."""
    monkeypatch.setattr(limits, "API_SEND_S", 0.1)
    monkeypatch.setattr(limits, "API_STREAMS_MAX", 1)
    chain = ChainOfOne()
    for _ in range(15):
        await add_block(chain, 8, 60)
    async with listening(chain) as address, await connect(address) as stalled:
        stalled.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4_096)
        await stalled.send_all(b"GET /v1/events?after=0.0 HTTP/1.1\r\nhost: x\r\n\r\n")
        assert await stalled.receive_some(12) == b"HTTP/1.1 200"  # it has the only place
        async with httpx.AsyncClient(base_url=f"http://{address}", timeout=30) as client:
            await eventually_answers(client, 200)


async def eventually_answers(client: httpx.AsyncClient, status: int) -> None:
    with trio.fail_after(20):
        while True:
            async with client.stream("GET", "/v1/events") as answer:
                if answer.status_code == status:
                    return
            await trio.sleep(0.01)


@in_trio
async def test_streams_have_so_many_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is refused; other requests are served; a place that is left is taken."""
    monkeypatch.setattr(limits, "API_STREAMS_MAX", 2)
    async with serving(ChainOfOne()) as client, client.stream("GET", "/v1/events"):
        async with client.stream("GET", "/v1/events"):
            third = await client.get("/v1/events")
            health = await client.get("/v1/health")
        await eventually_answers(client, 200)

    assert third.status_code == 503
    assert third.json()["code"] == "node.busy"
    assert third.headers["retry-after"] == "1"
    assert health.status_code == 200


@in_trio
async def test_a_node_that_stops_ends_its_streams_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once: the last chunk is there, and nobody waits for the grace of requests."""
    monkeypatch.setattr(limits, "API_GRACE_S", 3_600)
    chain = ChainOfOne()
    await add_block(chain, 1, 2)
    readers = [Reader() for _ in range(5)]
    async with trio.open_nursery() as tasks, listening(chain) as address:
        for reader in readers:
            tasks.start_soon(reader.read, address)
        await eventually(lambda: all(reader.cursor == "1.1" for reader in readers))

    assert all(reader.ended_whole for reader in readers)
