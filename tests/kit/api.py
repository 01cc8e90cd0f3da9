"""A chain of one process without consensus, behind the API's real server.

Blocks are executed by `BlockRun`, certified by the validators' keys, and committed to a real store;
only the agreement between nodes is left out. `submit` puts a transaction into a block at once, or
holds it where a test wants it to wait.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import httpx
import trio
from msgspec.structs import replace

from kit.certified import certify
from kit.ledger import GENESIS_TIME, account_id, genesis_document, key
from kit.situations import healthy
from ledger.block import BlockRun
from ledger.genesis import GenesisDocument, genesis_block
from ledger.operation import Operation, code, sentence
from ledger.transaction import (
    Body,
    Call,
    CheckedTransaction,
    check_transaction,
    sign_body,
)
from node.api import serve, serve_admin
from node.config import Address, ApiConfig, Config, LogLevel, NodeFolder, P2pConfig
from node.facts import Facts
from node.folder import LoadedNode
from node.guard import NOT_FENCED
from node.keys import Purpose, StoredKey
from node.lag import Load
from node.link_status import PeerLink, PenaltyStatus
from node.mempool import Held, Mempool
from node.metrics import Metrics, Sight
from node.premises import Premises, Upkeep
from node.standing import SigningState, SigningStatus
from node.status import MempoolStatus, NodeRole, NodeStatus, PeerStatus, ValidatorStatus, ViewStatus
from node.upkeep import UPKEEP
from primitives.block import Block, Header, block_id, transaction_hash, transactions_root
from primitives.codec import encode
from primitives.crypto import SigningKey
from primitives.errors import MithaqError, Rejected
from primitives.ids import (
    NO_VIEW,
    AccountId,
    ChainId,
    Height,
    NodeKey,
    PublicKey,
    Seat,
    TimeMs,
    TransactionId,
    ValidatorKey,
    View,
)
from primitives.named import to_named
from services.table import LAW, TRANSACTION
from storage.chain import ChainStore, install_genesis
from storage.decision import Decision
from storage.decision import Genesis as StoredGenesis
from storage.keyvalue import KeyValue
from storage.memory import MemoryKeyValue

if TYPE_CHECKING:
    from trio_typing import TaskStatus  # libp2p brings types for trio that hide trio's own

BLOCK_MS = 1_000
AT_WORK = SigningStatus(
    state=SigningState.SIGNING,
    reason=None,
    since_ms=None,
    answered=3,
    needed=2,
    sign_from=None,
)


class ChainOfOne:
    """A backend of the API and of its admin side. Blocks are a second apart.

    `hold` makes what is submitted wait until `make_block`.
    """

    def __init__(
        self,
        database: KeyValue | None = None,
        *,
        document: GenesisDocument | None = None,
        folder: Path | None = None,
    ) -> None:
        self.genesis = document or genesis_document()
        self._folder = folder
        self.begun = begun = genesis_block(self.genesis)
        self.chain: ChainId = begun.chain
        self.validators = begun.validators
        self.store: ChainStore = install_genesis(
            database or MemoryKeyValue(),
            StoredGenesis(
                header=begun.header,
                state_writes=begun.execution.state_writes,
                node_writes=begun.execution.node_writes,
            ),
        )
        self.holding = False
        self.waiting: dict[TransactionId, CheckedTransaction] = {}
        self.halted: str | None = None
        self.load = Load.CALM
        self.refused_by_load: list[str] = []
        self.signing = AT_WORK
        self.unfenced_by: str | None = None
        self.mempool = Mempool()
        """Only shown, and dropped from: what is submitted waits in `waiting`."""
        self.dismissed_by: str | None = None
        self.disconnected: set[str] = set()
        self.log_level: LogLevel | None = None
        self.stopping = trio.Event()
        self.waits = 0
        self._decided = trio.Event()
        self._metrics = Metrics()
        self._salts = 0
        names = {key(name).public: key(name) for name in self._validator_names()}
        self.signers: list[SigningKey] = [
            names[PublicKey(public)] for public in self.validators.keys
        ]

    def _validator_names(self) -> list[str]:
        return [f"validator {index}" for index in range(len(self.genesis.validators))]

    # the backend

    async def submit(self, data: bytes) -> TransactionId:
        tx = check_transaction(data, self.chain, TRANSACTION)
        with self.store.state() as state:
            refusal = self._next_run(state).preview(tx).refusal
        if refusal is not None:
            raise Rejected(code(refusal), sentence(refusal), to_named(refusal))
        self.waiting[tx.id] = tx
        if not self.holding:
            self.make_block()
        return tx.id

    async def submit_many(self, batch: Sequence[bytes]) -> list[TransactionId | MithaqError]:
        answers: list[TransactionId | MithaqError] = []
        for data in batch:
            try:
                answers.append(await self.submit(data))
            except MithaqError as error:
                answers.append(error)
        return answers

    def is_pending(self, identifier: TransactionId) -> bool:
        return identifier in self.waiting

    async def wait_final(self, identifier: TransactionId, timeout_s: float) -> bool:
        self.waits += 1
        try:
            with trio.move_on_after(timeout_s):
                while self.store.find_transaction(identifier) is None:
                    await self._decided.wait()
                return True
            return False
        finally:
            self.waits -= 1

    async def next_block(self, height: Height) -> None:
        while self.store.head().height <= height:
            await self._decided.wait()

    def shed(self, what: str) -> None:
        self.refused_by_load.append(what)

    def metrics(self) -> bytes:
        return self._metrics.page(Sight(status=self.status()))

    def facts(self) -> Facts:
        head = self.store.head()
        return replace(healthy(head.height, head.block_id), chain=self.chain)

    def status(self) -> NodeStatus:
        head = self.store.head()
        by_key = sorted(self.genesis.validators, key=lambda record: record.key)
        return NodeStatus(
            name="node0",
            network=self.genesis.network,
            chain=self.chain,
            version="0.1.0",
            role=NodeRole.VALIDATOR,
            height=head.height,
            block_id=head.block_id,
            block_time_ms=head.header.time_ms,
            view=ViewStatus(wish=View(0), entered=NO_VIEW),
            signing=self.signing,
            halted=self.halted,
            key=by_key[0].key,
            change=None,
            evidence=len(self.store.evidence()),
            clock_ahead_ms=None,
            validators=tuple(
                ValidatorStatus(
                    name=record.name,
                    key=record.key,
                    node_key=record.node_key,
                    account=record.account,
                    suspended=False,
                    seat=Seat(seat),
                    connected=record.name not in self.disconnected,
                    signs=True,
                    last_seen_height=head.height,
                )
                for seat, record in enumerate(by_key)
            ),
            peers=(
                PeerStatus(
                    name="observer0",
                    node_key=NodeKey(key("observer node").public),
                    addresses=("127.0.0.1:17004",),
                    role=NodeRole.OBSERVER,
                    account=account_id("health"),
                    connected=False,
                    last_seen_height=None,
                ),
            ),
            sync=None,
            mempool=MempoolStatus(
                count=len(self.waiting),
                bytes=sum(len(tx.data) for tx in self.waiting.values()),
            ),
        )

    @property
    def premises(self) -> Premises:
        """For long work; its files are those of `folder`."""
        assert self._folder is not None, "this test works on a node's folder"
        secret = bytes(32)
        return Premises(
            LoadedNode(
                folder=NodeFolder(self._folder),
                config=Config(
                    name="node0",
                    p2p=P2pConfig(listen=Address("127.0.0.1:0")),
                    api=ApiConfig(listen=Address("127.0.0.1:0")),
                ),
                document=self.genesis,
                genesis=self.begun,
                node_key=StoredKey("node0", Purpose.NODE, SigningKey(secret).public, secret),
                validator_key=None,
                bootstrap=(),
            ),
            self.store.database,
            self.store,
        )

    def set_log_level(self, level: LogLevel) -> None:
        self.log_level = level

    def held(self) -> tuple[Held, ...]:
        return tuple(self.mempool.held)

    def dismiss(self, account: AccountId, by: str) -> int:
        self.dismissed_by = by
        return self.mempool.dismiss(account)

    def unfence(self, height: Height | None, by: str) -> SigningStatus:
        if self.signing.state is not SigningState.FENCED:
            raise Rejected(NOT_FENCED, "this node is neither fenced nor cloned")
        self.unfenced_by = by
        self.signing = replace(self.signing, sign_from=height)
        return self.signing

    def peers(self) -> tuple[PeerLink, ...]:
        (one,) = self.status().peers
        return (
            PeerLink(
                name=one.name,
                node_key=one.node_key,
                role=one.role,
                account=one.account,
                addresses=one.addresses,
                connected=True,
                up_ms=75_500,
                round_trip_us=620,
                last_seen_height=None,
                sent=310,
                received=12,
                dropped=0,
                waiting_messages=0,
                waiting_bytes=0,
                bytes_per_s=65_536,
                messages_per_s=20,
                throttled_ms=3_200,
                points=7,
                paused_ms=0,
                penalties=(
                    PenaltyStatus(
                        reason="no message: 3 bytes, expected 4", points=10, ago_ms=28_000
                    ),
                ),
                last_error="",
            ),
        )

    def request_shutdown(self) -> None:
        self.stopping.set()

    # the chain

    def _next_run(self, state: Any, after_ms: int = BLOCK_MS) -> BlockRun:  # noqa: ANN401 - a StateSnapshot
        head = self.store.head()
        return BlockRun(
            state,
            LAW,
            chain=self.chain,
            height=Height(head.height + 1),
            time_ms=TimeMs(head.header.time_ms + after_ms),
        )

    def make_block(self, after_ms: int = BLOCK_MS) -> None:
        """Put all that waits into a certified block and commit it."""
        head = self.store.head()
        height = Height(head.height + 1)
        transactions = list(self.waiting.values())
        with self.store.state() as state:
            run = self._next_run(state, after_ms)
            for tx in transactions:
                run.admit(tx)
                run.apply(tx)
            execution = run.finish()
        header = Header(
            chain=self.chain,
            height=height,
            parent=head.block_id,
            time_ms=TimeMs(head.header.time_ms + after_ms),
            proposer=ValidatorKey(self.validators.primary(height, View(0))),
            transactions_root=transactions_root([transaction_hash(t.data) for t in transactions]),
            state_root=execution.state_root,
            receipts_root=execution.receipts_root,
            validators_hash=self.validators.hash,
            next_validators_hash=self.validators.hash,
        )
        identifier = block_id(header)
        signers = self.signers[: self.validators.quorum]
        self.store.commit(
            Decision(
                block=Block(header, tuple(tx.data for tx in transactions)),
                block_id=identifier,
                certificate=certify(
                    signers,
                    self.validators,
                    chain=self.chain,
                    height=height,
                    view=View(0),
                    block=identifier,
                ),
                receipts=execution.receipts,
                state_writes=execution.state_writes,
                node_writes=execution.node_writes,
                committed=execution.committed,
                done=execution.done,
                touched=execution.touched,
                moved=execution.moved,
                forget_before=execution.forget_before,
            )
        )
        self.waiting.clear()
        self._decided.set()
        self._decided = trio.Event()

    # its clients

    def signed(
        self,
        actor: str,
        *operations: Operation,
        signer: str | None = None,
        valid_for_ms: int = 60_000,
    ) -> bytes:
        """The canonical bytes of a transaction of one actor, signed by its own key by default."""
        self._salts += 1
        body: Body[Any] = Body(
            chain=self.chain,
            valid_until=TimeMs(GENESIS_TIME + self.store.head().height * BLOCK_MS + valid_for_ms),
            salt=self._salts.to_bytes(16, "big"),
            calls=tuple(Call(account_id(actor), operation) for operation in operations),
        )
        return encode(sign_body(body, [key(signer or actor)]))


_P = ParamSpec("_P")


@asynccontextmanager
async def listening(backend: ChainOfOne) -> AsyncIterator[str]:
    """The public API on a free port; its address."""
    async with trio.open_nursery() as nursery:
        stop = trio.Event()

        async def run(*, task_status: "TaskStatus[str]") -> None:
            await serve(backend, listen="127.0.0.1:0", stop=stop.wait, task_status=task_status)

        yield await nursery.start(run)
        stop.set()


@asynccontextmanager
async def serving(backend: ChainOfOne) -> AsyncIterator[httpx.AsyncClient]:
    """The public API, and a client of it."""
    async with (
        listening(backend) as address,
        httpx.AsyncClient(base_url=f"http://{address}", timeout=30) as client,
    ):
        yield client


@asynccontextmanager
async def administering(
    chain: ChainOfOne, path: Path, upkeep: Sequence[Upkeep[Any, Any]] = UPKEEP
) -> AsyncIterator[httpx.AsyncClient]:
    """The operator's API on a socket, and a client of it."""
    async with trio.open_nursery() as nursery:

        async def run(*, task_status: "TaskStatus[str]") -> None:
            await serve_admin(
                chain,
                path=path,
                stop=chain.stopping.wait,
                upkeep=upkeep,
                task_status=task_status,
            )

        await nursery.start(run)
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://node", timeout=30
        ) as client:
            yield client
        chain.stopping.set()


async def connect(address: str) -> trio.SocketStream:
    """A connection that speaks for itself."""
    host, _, port = address.rpartition(":")
    return await trio.open_tcp_stream(host, int(port))


async def everything_from(stream: trio.SocketStream) -> bytes:
    """All that the server says until it closes the connection."""
    heard = b""
    while part := await stream.receive_some(65_536):
        heard += part
    return heard


async def exchange(address: str, *parts: bytes) -> bytes:
    """All that the server says to these bytes."""
    async with await connect(address) as stream:
        for part in parts:
            await stream.send_all(part)
        return await everything_from(stream)


async def submit(client: httpx.AsyncClient, data: bytes, *, wait_s: int = 0) -> httpx.Response:
    """Post the canonical bytes of a transaction."""
    query = f"?wait_s={wait_s}" if wait_s else ""
    headers = {"content-type": "application/msgpack"}
    return await client.post(f"/v1/transactions{query}", content=data, headers=headers)


async def submit_named(client: httpx.AsyncClient, data: bytes, *, path: str = "") -> httpx.Response:
    """Post JSON."""
    headers = {"content-type": "application/json"}
    return await client.post(f"/v1/transactions{path}", content=data, headers=headers)
