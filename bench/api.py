"""What a request costs the node's process: the HTTP server alone, over a backend that does nothing.

The load comes from a process of its own over loopback; CPU time is the server's. What a transaction
costs beyond this (signatures, execution, agreement) is measured elsewhere.
"""

import multiprocessing
import socket
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from typing import TYPE_CHECKING, Final, final

import msgspec
import trio

from bench import bodies
from bench.report import Report
from ledger.accounts import AccountKind, WeightedKey, account_of_key
from ledger.books import Line
from ledger.genesis import GenesisAccount, GenesisDocument, genesis_block
from ledger.parameters import DEFAULTS
from ledger.transaction import Body, Call, Transaction, sign_body
from node.api import serve
from node.facts import Facts
from node.lag import Load
from node.status import NodeStatus
from primitives.codec import encode
from primitives.crypto import SigningKey
from primitives.digest import digest
from primitives.domains import Domain
from primitives.errors import MithaqError
from primitives.ids import AccountId, ChainId, Height, TimeMs, TransactionId
from primitives.named import to_named
from services.money import Transfer
from storage.chain import ChainStore, install_genesis
from storage.decision import Genesis
from storage.memory import MemoryKeyValue

if TYPE_CHECKING:
    from trio_typing import TaskStatus  # libp2p brings types for trio that hide trio's own

SINGLES: Final = 2_000
BATCHES: Final = 100
BATCH: Final = 100
CLIENTS: Final = 4
GOAL_MS: Final = 3.0


def _document() -> GenesisDocument:
    key = SigningKey(bytes(32))
    account = GenesisAccount(
        id=account_of_key(key.public),
        kind=AccountKind.ORGANISATION,
        threshold=1,
        keys=(WeightedKey(key.public, 1),),
        name="Payer",
        keeper=None,
        floor=0,
    )
    return GenesisDocument(
        format="mithaq.genesis",
        version=5,
        network="bench",
        time_ms=TimeMs(0),
        governor=None,
        parameters=DEFAULTS,
        validators=bodies.records(),
        observers=(),
        accounts=(account, *bodies.accounts()),
        bodies=(),
        role_definitions=(),
        roles=(),
        norms=(),
        assets=(),
        balances=(),
    )


def _payment(chain: ChainId) -> Transaction[Transfer]:
    key = SigningKey(bytes(32))
    line = Line(AccountId(bytes(32)), 125_000, "INV-2026-0001", "Road repair, March", None, None)
    call = Call(account_of_key(key.public), Transfer("GBP", (line,)))
    return sign_body(Body(chain, TimeMs(60_000), bytes(16), (call,)), [key])


@final
class Nothing:
    """A backend that takes everything and does nothing."""

    def __init__(self) -> None:
        self.genesis = _document()
        begun = genesis_block(self.genesis)
        self.chain = begun.chain
        written = begun.execution
        self.store: ChainStore = install_genesis(
            MemoryKeyValue(),
            Genesis(
                header=begun.header,
                state_writes=written.state_writes,
                node_writes=written.node_writes,
            ),
        )

    async def submit(self, data: bytes) -> TransactionId:
        """An id of the bytes."""
        return TransactionId(digest(Domain.TRANSACTION_ID, data))

    async def submit_many(self, batch: Sequence[bytes]) -> list[TransactionId | MithaqError]:
        """An id for each."""
        return [TransactionId(digest(Domain.TRANSACTION_ID, data)) for data in batch]

    def is_pending(self, identifier: TransactionId) -> bool:  # noqa: ARG002 - the API's protocol
        """Nothing waits."""
        return False

    async def wait_final(self, identifier: TransactionId, timeout_s: float) -> bool:  # noqa: ARG002 - as above
        """Nothing becomes final."""
        return False

    def status(self) -> NodeStatus:
        """Nobody asks."""
        raise NotImplementedError("this benchmark asks for no status")

    def facts(self) -> Facts:
        """Nobody asks."""
        raise NotImplementedError("this benchmark asks for no diagnosis")

    @property
    def load(self) -> Load:
        """The loop has nothing else to do."""
        return Load.CALM

    def shed(self, what: str) -> None:
        """Nothing is refused."""
        raise NotImplementedError(f"a {what} was refused")

    def metrics(self) -> bytes:
        """Nobody asks."""
        raise NotImplementedError("this benchmark asks for no metrics")

    async def next_block(self, height: Height) -> None:  # noqa: ARG002 - as above
        """No block comes."""
        await trio.sleep_forever()


def _request(path: str, media_type: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: {media_type}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _load(port: int, request: bytes, count: int, together: Barrier) -> None:
    """One client: a request, its answer, the next request."""
    connection = socket.create_connection(("127.0.0.1", port))
    together.wait()
    for number in range(count):
        if number % 900 == 899:  # the server closes a connection after 1,000 requests
            connection.close()
            connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(request)
        _read_answer(connection)
    connection.close()


def _read_answer(connection: socket.socket) -> None:
    heard = b""
    while b"\r\n\r\n" not in heard:
        heard += connection.recv(65_536)
    head, _, rest = heard.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202")), head
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(rest) < length:
        rest += connection.recv(65_536)


def _run_clients(port: int, request: bytes, count: int) -> tuple[float, float]:
    """Seconds that passed, and CPU seconds of this process, from the first request to the last."""
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(CLIENTS + 1)
    share = count // CLIENTS
    clients = [
        context.Process(target=_load, args=(port, request, share, together)) for _ in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    together.wait()
    began, cpu = time.perf_counter(), time.process_time()
    for client in clients:
        client.join()
    return time.perf_counter() - began, time.process_time() - cpu


async def _measure(request: bytes, count: int) -> tuple[float, float]:
    """Requests per second, and CPU milliseconds of the server per request."""
    backend = Nothing()
    async with trio.open_nursery() as nursery:
        stop = trio.Event()

        async def start(*, task_status: "TaskStatus[str]") -> None:
            await serve(backend, listen="127.0.0.1:0", stop=stop.wait, task_status=task_status)

        address = await nursery.start(start)
        port = int(address.rpartition(":")[2])
        passed_s, cpu_s = await trio.to_thread.run_sync(_run_clients, port, request, count)
        stop.set()
    return count / passed_s, cpu_s / count * 1e3


def run(report: Report) -> None:
    """What one request costs the server's process."""
    payment = _payment(Nothing().chain)
    data, named = encode(payment), msgspec.json.encode(to_named(payment))
    one, many = "/v1/transactions", "/v1/transactions/batch"
    cases = (
        ("api.submit/msgpack", _request(one, "application/msgpack", data), SINGLES),
        ("api.submit/json", _request(one, "application/json", named), SINGLES),
        (
            f"api.batch/{BATCH}-msgpack",
            _request(many, "application/msgpack", encode((data,) * BATCH)),
            BATCHES,
        ),
        (
            f"api.batch/{BATCH}-json",
            _request(many, "application/json", b"[" + b",".join([named] * BATCH) + b"]"),
            BATCHES,
        ),
    )
    for name, request, count in cases:
        rate, cpu_ms = trio.run(_measure, request, count)
        report.fact(f"{name} rate", rate, "requests per second")
        if count == SINGLES:
            report.goal(name, cpu_ms, "ms CPU per request", at_most=GOAL_MS)
        else:
            report.fact(name, cpu_ms, "ms CPU per request")
