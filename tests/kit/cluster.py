"""Four engines in one process: real ledger, storage, signer and bytes; the network is a heap.

Time is a number, delays are drawn from one seed, and nothing sleeps. A node that crashes loses all
but its database and its signer's file.
"""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

from kit.ledger import GENESIS_TIME, account_id, genesis_document, key
from ledger.genesis import genesis_block
from ledger.operation import Operation
from ledger.parameters import DEFAULTS, Parameters
from ledger.transaction import Body, Call, CheckedTransaction, check_transaction, sign_body
from node import wire
from node.bodies import body_of
from node.engine import Engine
from node.outbox import Note, Outbox
from node.ports import Ports
from node.signer import Signer
from primitives.codec import encode
from primitives.errors import Rejected, RemoteFault
from primitives.ids import ChainId, Height, TimeMs, ValidatorKey
from services.table import TRANSACTION
from storage.chain import ChainStore, install_genesis
from storage.decision import Genesis
from storage.durable_file import MemoryFile
from storage.memory import MemoryKeyValue

TICK_MS = 500


@dataclass
class Node:
    """One validator, or an observer; `engine` is None while it is down."""

    name: str
    database: MemoryKeyValue
    memory: MemoryFile
    signing: bool
    engine: Engine | None = None
    run: int = 0
    notes: list[Note] = field(default_factory=list)
    faults: list[RemoteFault] = field(default_factory=list)

    @property
    def alive(self) -> Engine:
        assert self.engine is not None, f"{self.name} is down"
        return self.engine

    @property
    def store(self) -> ChainStore:
        return ChainStore(self.database)

    @property
    def height(self) -> Height:
        return self.store.head().height


Filter = Callable[[str, str, wire.Wire], bool]


class Cluster:
    """Nodes, a heap of things to happen, and the time."""

    def __init__(
        self,
        validators: int = 4,
        *,
        observers: int = 0,
        parameters: Parameters = DEFAULTS,
        seed: int = 0,
        delay_ms: tuple[int, int] = (1, 5),
    ) -> None:
        document = genesis_document(validators, parameters=parameters)
        block = genesis_block(document)
        self.chain = ChainId(block.chain)
        self.now_ms = TimeMs(GENESIS_TIME + 1_000)
        self.passes: Filter = lambda _from, _to, _message: True
        self.salts = 0
        self.messages = 0
        self._random = Random(seed)
        self._delay_ms = delay_ms
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0
        self._signing = {f"validator {i}": key(f"validator {i}") for i in range(validators)}
        self._links = {ValidatorKey(k.public): name for name, k in self._signing.items()}
        self.nodes: dict[str, Node] = {}
        names = [*self._signing, *(f"observer {i}" for i in range(observers))]
        genesis = Genesis(
            header=block.header,
            state_writes=block.execution.state_writes,
            node_writes=block.execution.node_writes,
        )
        for name in names:
            database, memory = MemoryKeyValue(), MemoryFile()
            install_genesis(database, genesis)
            if name in self._signing:
                Signer.create_memory(ValidatorKey(self._signing[name].public), memory)
            self.nodes[name] = Node(name, database, memory, name in self._signing)

    def validators(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.signing]

    def primary(self, view: int = 0) -> Node:
        """Who proposes in a view of the height of the lowest node that is up."""
        engine = min((n.alive for n in self.validators() if n.engine), key=lambda e: e.height)
        number = (engine.height + view) % engine.validators.size
        return self.nodes[self._links[engine.validators.keys[number]]]

    # --- lives ------------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """Start nodes, all by default."""
        for name in names or tuple(self.nodes):
            node = self.nodes[name]
            assert node.engine is None, f"{name} is up"
            node.run += 1
            signer = None
            if node.signing:
                signer = Signer(self._signing[name], node.memory, self.chain)
            links = {k: link for k, link in self._links.items() if link != name}
            node.engine = Engine(
                Ports(
                    chain=self.chain,
                    kind=TRANSACTION,
                    store=ChainStore(node.database),
                    signer=signer,
                    links=links,
                    clock=lambda: 0.0,
                )
            )
            self._perform(node, node.engine.start(self.now_ms))
            self._tick(node)
            for other in self.nodes.values():
                if other.engine is not None and other is not node:
                    self._perform(node, node.engine.link_up(other.name, self.now_ms))
                    self._perform(other, other.engine.link_up(name, self.now_ms))

    def crash(self, *names: str) -> None:
        """SIGKILL: everything in memory and on the way is gone."""
        for name in names:
            self.nodes[name].engine = None
            self.nodes[name].run += 1

    # --- the world --------------------------------------------------------------------------

    def run(self, until: Callable[[], bool], *, limit_ms: int = 60_000) -> None:
        """Let things happen until something holds; fails when it does not within the limit."""
        end = self.now_ms + limit_ms
        while not until():
            assert self._heap, "nothing is left to happen"
            time_ms, _, deed = heapq.heappop(self._heap)
            self.now_ms = TimeMs(max(self.now_ms, time_ms))
            heights = {name: node.height for name, node in self.nodes.items()}
            assert self.now_ms <= end, f"not within {limit_ms} ms; heights {heights}"
            deed()

    def run_for(self, duration_ms: int) -> None:
        """Let this much time pass."""
        end = self.now_ms + duration_ms
        while self._heap and self._heap[0][0] <= end:
            time_ms, _, deed = heapq.heappop(self._heap)
            self.now_ms = TimeMs(max(self.now_ms, time_ms))
            deed()
        self.now_ms = TimeMs(end)

    def all_at(self, height: int, nodes: Iterable[Node] | None = None) -> Callable[[], bool]:
        """Whether these nodes (all that are up by default) have decided a height."""
        return lambda: all(
            node.height >= height
            for node in (nodes if nodes is not None else self.nodes.values())
            if node.engine is not None
        )

    def check_agreement(self) -> None:
        """Equal blocks, and so equal state roots, at every height that two nodes share."""
        stores = [node.store for node in self.nodes.values()]
        for height in range(max(store.head().height for store in stores) + 1):
            headers = {
                encode(store.header(Height(height)))
                for store in stores
                if store.head().height >= height
            }
            assert len(headers) == 1, f"{len(headers)} different blocks at height {height}"

    # --- transactions -----------------------------------------------------------------------

    def transaction(self, actor: str, *operations: Operation) -> CheckedTransaction:
        """Signed by the actor's key, valid for a minute."""
        self.salts += 1
        body: Body[Operation] = Body(
            chain=self.chain,
            valid_until=TimeMs(self.now_ms + 60_000),
            salt=self.salts.to_bytes(16, "big"),
            calls=tuple(Call(account_id(actor), operation) for operation in operations),
        )
        return check_transaction(encode(sign_body(body, [key(actor)])), self.chain, TRANSACTION)

    def submit(self, node: Node, *transactions: CheckedTransaction) -> list[Rejected | None]:
        """Through a node's door, and on to the others."""
        answers, out = node.alive.submit(transactions, self.now_ms)
        self._perform(node, out)
        return answers

    # --- deeds ------------------------------------------------------------------------------

    def _later(self, delay_ms: int, node: Node, deed: Callable[[Engine], Outbox]) -> None:
        run = node.run

        def happen() -> None:
            if node.engine is None or node.run != run:
                return
            try:
                self._perform(node, deed(node.engine))
            except RemoteFault as fault:
                node.faults.append(fault)

        self._order += 1
        heapq.heappush(self._heap, (self.now_ms + delay_ms, self._order, happen))

    def _tick(self, node: Node) -> None:
        def tick(engine: Engine) -> Outbox:
            self._tick(node)
            return engine.tick(self.now_ms)

        self._later(TICK_MS, node, tick)

    def _perform(self, node: Node, out: Outbox) -> None:
        node.notes += out.notes
        for link, message in out.messages:
            receivers = [link] if link is not None else [n.name for n in self.validators()]
            for receiver in receivers:
                if receiver != node.name:
                    self._send(node, self.nodes[receiver], message)
        if out.relay:
            relayed = wire.Transactions(tuple(tx.data for tx in out.relay))
            for other in self.validators():
                if other is not node:
                    self._send(node, other, relayed)
        for delay_ms, timer in out.timers:
            self._later(delay_ms, node, lambda engine, t=timer: engine.fire(t, self.now_ms))  # type: ignore[misc]  # a lambda's default cannot be annotated

    def _send(self, sender: Node, receiver: Node, message: wire.Wire) -> None:
        if receiver.engine is None or not self.passes(sender.name, receiver.name, message):
            return
        self.messages += 1
        data = wire.write(message)

        def deliver(engine: Engine) -> Outbox:
            heard = wire.read(data)
            find = engine.mempool.find
            if isinstance(heard, wire.Transactions):
                checked = [
                    check_transaction(tx, self.chain, TRANSACTION) for tx in heard.transactions
                ]
                return engine.take(checked, self.now_ms)
            body = body_of(heard, chain=self.chain, kind=TRANSACTION, known=find)
            return engine.deliver(sender.name, heard, body, self.now_ms)

        self._later(self._random.randint(*self._delay_ms), receiver, deliver)
