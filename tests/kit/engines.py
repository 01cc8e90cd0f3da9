"""Engines in one process: real ledger, storage, signer and bytes; the network is a heap.

Time is a number, delays are drawn from one seed, and nothing sleeps. A node that crashes loses all
but its database and its signer's file. Two laws are checked whenever a node lets something go:
what it signed is in its vote log and in its signer's file; what any node ever signed contradicts
nothing else it signed (`check_honesty`, at the end).
"""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from msgspec.structs import replace

from kit.disks import MortalDatabase, MortalFile, PowerLoss
from kit.ledger import GENESIS_TIME, account_id, genesis_document, key
from kit.spoken import Spoken, Statement, Voice, author_of, place_of, statements_in
from ledger.genesis import genesis_block
from ledger.operation import Operation
from ledger.parameters import DEFAULTS, Parameters
from ledger.transaction import Body, Call, CheckedTransaction, check_transaction, sign_body
from node import wire
from node.bodies import body_of
from node.engine import Engine
from node.outbox import Note, Outbox
from node.ports import Ports
from node.signer import Memory, Signer
from primitives import limits
from primitives.block import transaction_hash
from primitives.codec import decode, encode
from primitives.crypto import ED25519
from primitives.errors import Rejected, RemoteFault
from primitives.ids import BlockId, ChainId, Height, TimeMs, TransactionId, ValidatorKey
from primitives.validators import ValidatorSet
from services.table import TRANSACTION
from storage.chain import ChainStore, install_genesis
from storage.decision import Genesis

TICK_MS = 500


@dataclass
class Node:
    """One validator, or an observer; `engine` is None while it is down."""

    name: str
    database: MortalDatabase
    memory: MortalFile
    signing: bool
    engine: Engine | None = None
    run: int = 0
    skew_ms: int = 0
    """How far its clock is ahead."""
    notes: list[Note] = field(default_factory=list)
    faults: list[RemoteFault] = field(default_factory=list)
    reported: dict[Height, BlockId] = field(default_factory=dict)
    """What it ever told its clients to be final."""

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

    def events(self) -> list[str]:
        """What it noted, by name."""
        return [note.event for note in self.notes]

    def reasons(self, event: str) -> list[str]:
        """Why, of each note of this name."""
        return [str(note.facts.get("reason")) for note in self.notes if note.event == event]


Filter = Callable[[str, str, wire.Wire], bool]


def everything(_sender: str, _receiver: str, _message: wire.Wire) -> bool:
    """The filter of a whole network."""
    return True


class Network:
    """Nodes, a heap of things to happen, and the time."""

    def __init__(
        self,
        validators: int = 4,
        *,
        observers: int = 0,
        parameters: Parameters = DEFAULTS,
        seed: int = 0,
        delay_ms: tuple[int, int] = (1, 5),
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        minimum = min(validators, parameters.minimum_validators)
        document = genesis_document(
            validators, parameters=replace(parameters, minimum_validators=minimum)
        )
        block = genesis_block(document)
        self.chain = ChainId(block.chain)
        self.now_ms = TimeMs(GENESIS_TIME + 1_000)
        self.passes: Filter = everything
        self.salts = 0
        self.messages: list[tuple[str, str, wire.Wire]] = []
        self.listening = False
        """Whether `messages` is kept."""
        self.losses = 0
        self.bodies_checked = 0
        self.clock = clock
        self._random = Random(seed)
        self._delay_ms = delay_ms
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0
        self._signing = {f"validator {i}": key(f"validator {i}") for i in range(validators)}
        self._links = {ValidatorKey(k.public): name for name, k in self._signing.items()}
        self.members = ValidatorSet.of(list(self._links))
        self.spoken = {key: Spoken({}) for key in self.members.keys}
        self.nodes: dict[str, Node] = {}
        names = [*self._signing, *(f"observer {i}" for i in range(observers))]
        genesis = Genesis(
            header=block.header,
            state_writes=block.execution.state_writes,
            node_writes=block.execution.node_writes,
        )
        for name in names:
            database, memory = MortalDatabase(), MortalFile()
            install_genesis(database, genesis)
            if name in self._signing:
                Signer.create_memory(ValidatorKey(self._signing[name].public), memory)
            self.nodes[name] = Node(name, database, memory, name in self._signing)

    def validators(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.signing]

    def up(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.engine is not None]

    def node_of(self, validator: ValidatorKey) -> Node:
        return self.nodes[self._links[validator]]

    def proposer(self, height: int, view: int = 0) -> Node:
        """Who proposes at (height, view)."""
        return self.node_of(self.members.keys[(height + view) % self.members.size])

    def primary(self, view: int = 0) -> Node:
        """Who proposes in a view of the height of the lowest node that is up."""
        engines = [node.alive for node in self.validators() if node.engine]
        return self.proposer(min(engine.height for engine in engines), view)

    def voice(self, node: Node) -> Voice:
        """Speaks with a validator's key, whatever its engine thinks of it."""
        return Voice(self._signing[node.name], self.chain, self.members)

    # --- lives ------------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """Start nodes, all by default."""
        for name in names or tuple(self.nodes):
            node = self.nodes[name]
            assert node.engine is None, f"{name} is up"
            node.run += 1
            node.engine = self._engine(node)
            if not self._do(node, lambda engine, at: engine.start(at)):
                continue
            self._tick(node)
            for other in self.up():
                if other is not node and node.engine is not None:
                    self._do(node, lambda engine, at, o=other: engine.link_up(o.name, at))  # type: ignore[misc]  # a lambda's default cannot be annotated
                    self._do(other, lambda engine, at: engine.link_up(name, at))  # noqa: B023 - done before the next turn

    def _engine(self, node: Node) -> Engine:
        signer = None
        if node.signing:
            signer = Signer(self._signing[node.name], node.memory, self.chain)
        return Engine(
            Ports(
                chain=self.chain,
                kind=TRANSACTION,
                store=ChainStore(node.database),
                scheme=ED25519,
                signer=signer,
                links={k: link for k, link in self._links.items() if link != node.name},
                clock=self.clock,
            )
        )

    def crash(self, *names: str) -> None:
        """SIGKILL, all nodes by default: what is in memory and on the way is gone."""
        for name in names or tuple(self.nodes):
            self.nodes[name].engine = None
            self.nodes[name].run += 1

    def revive(self, *, but: str = "") -> None:
        """Start every node that is down."""
        for node in self.nodes.values():
            if node.engine is None and node.name != but:
                self.start(node.name)

    # --- the world --------------------------------------------------------------------------

    def run(self, until: Callable[[], bool], *, limit_ms: int = 60_000) -> None:
        """Let things happen until something holds; fails when it does not within the limit."""
        end = self.now_ms + limit_ms
        while not until():
            assert self._heap, "nothing is left to happen"
            assert self._heap[0][0] <= end, f"not within {limit_ms} ms; {self._heights()}"
            self.step()

    def step(self) -> None:
        """Let the next thing happen."""
        time_ms, _, deed = heapq.heappop(self._heap)
        self.now_ms = TimeMs(max(self.now_ms, time_ms))
        deed()

    def run_for(self, duration_ms: int) -> None:
        """Let this much time pass."""
        end = self.now_ms + duration_ms
        while self._heap and self._heap[0][0] <= end:
            self.step()
        self.now_ms = TimeMs(end)

    def _heights(self) -> str:
        return ", ".join(f"{node.name} at {node.height}" for node in self.nodes.values())

    def all_at(self, height: int, nodes: Iterable[Node] | None = None) -> Callable[[], bool]:
        """Whether these nodes (all that are up by default) have decided a height."""
        wanted = None if nodes is None else list(nodes)
        return lambda: all(
            node.height >= height for node in (self.up() if wanted is None else wanted)
        )

    # --- laws -------------------------------------------------------------------------------

    def check_agreement(self) -> None:
        """Equal blocks and receipts at equal heights; nothing reported is lost; no act twice."""
        stores = [node.store for node in self.nodes.values()]
        seen: set[TransactionId] = set()
        for number in range(max(store.head().height for store in stores) + 1):
            height = Height(number)
            having = [store for store in stores if store.head().height >= height]
            blocks = {encode(store.block(height)) for store in having}
            assert len(blocks) == 1, f"{len(blocks)} different blocks at height {height}"
            assert len({store.receipts(height) for store in having}) == 1, "different receipts"
            for data in having[0].block(height).transactions:
                name = check_transaction(data, self.chain, TRANSACTION).id
                assert name not in seen, f"{name.hex()} was executed twice"
                seen.add(name)
        for node in self.nodes.values():
            for height, block_id in node.reported.items():
                assert node.store.height_of_block(block_id) == height, f"{node.name} lost {height}"

    def check_honesty(self) -> None:
        """Nobody signed two statements that exclude each other (E1 to E6), in all its lives."""
        for author, spoken in self.spoken.items():
            assert spoken.evidence() == [], f"evidence against {self._links[author]}"

    def _check_durable(self, node: Node, statement: Statement) -> None:
        """What leaves is in the vote log, unless decided since, and in the signer's file."""
        height, view, step = place_of(statement)
        if height > node.height:
            places = {(record.view, record.step) for record in node.store.votes(height)}
            assert (view, step) in places, f"{node.name} let {step.name} of {view} go unrecorded"
        data = node.memory.read()
        assert data is not None, f"{node.name} signed without a memory"
        memory = decode(data, Memory, limit=limits.SIGNER_MEMORY_BYTES_MAX)
        assert (memory.height, memory.view) >= (height, view), "the signer's file is older"
        if (memory.height, memory.view) == (height, view):
            signatures = [signed.signature for signed in memory.signed]
            assert statement.signature in signatures, "the signer's file does not know it"

    # --- transactions -----------------------------------------------------------------------

    def transaction(
        self, actor: str, *operations: Operation, ms: int = 60_000
    ) -> CheckedTransaction:
        """Signed by the actor's key, valid for so long."""
        self.salts += 1
        body: Body[Operation] = Body(
            chain=self.chain,
            valid_until=TimeMs(self.now_ms + ms),
            salt=self.salts.to_bytes(16, "big"),
            calls=tuple(Call(account_id(actor), operation) for operation in operations),
        )
        return check_transaction(encode(sign_body(body, [key(actor)])), self.chain, TRANSACTION)

    def submit(self, node: Node, *transactions: CheckedTransaction) -> list[Rejected | None]:
        """Through a node's door, and on to the others."""
        answers: list[Rejected | None] = []

        def submit(engine: Engine, at: TimeMs) -> Outbox:
            given, out = engine.submit(transactions, at)
            answers.extend(given)
            return out

        self._do(node, submit)
        return answers

    def is_final(self, tx: CheckedTransaction) -> Callable[[], bool]:
        """Whether every node that is up holds it in a decided block."""
        return lambda: all(node.store.find_transaction(tx.id) for node in self.up())

    # --- deeds ------------------------------------------------------------------------------

    def _do(self, node: Node, deed: Callable[[Engine, TimeMs], Outbox]) -> bool:
        """Do it; False if the node lost power over it."""
        try:
            self._perform(node, deed(node.alive, TimeMs(self.now_ms + node.skew_ms)))
        except PowerLoss:
            self.losses += 1
            self.crash(node.name)
            return False
        except RemoteFault as fault:
            node.faults.append(fault)
        return True

    def _later(self, delay_ms: int, node: Node, deed: Callable[[Engine, TimeMs], Outbox]) -> None:
        run = node.run

        def happen() -> None:
            if node.engine is not None and node.run == run:
                self._do(node, deed)

        self._order += 1
        heapq.heappush(self._heap, (self.now_ms + delay_ms, self._order, happen))

    def _tick(self, node: Node) -> None:
        def tick(engine: Engine, at: TimeMs) -> Outbox:
            self._tick(node)
            return engine.tick(at)

        self._later(TICK_MS, node, tick)

    def _perform(self, node: Node, out: Outbox) -> None:
        node.notes += out.notes
        for decided in out.decided:
            node.reported[decided.block.header.height] = decided.certificate.block_id
        for link, message in out.messages:
            for statement in statements_in(message):
                author = author_of(statement, self.members)
                if self.spoken[author].add(statement) and self.node_of(author) is node:
                    self._check_durable(node, statement)
            self.say(node, link, message)
        if out.relay:
            self.say(node, None, wire.Transactions(tuple(tx.data for tx in out.relay)))
        for delay_ms, timer in out.timers:
            self._later(delay_ms, node, lambda engine, at, t=timer: engine.fire(t, at))  # type: ignore[misc]  # as above

    def say(self, sender: Node, receiver: str | None, message: wire.Wire) -> None:
        """Send to one node, or to all other validators."""
        names = [receiver] if receiver is not None else [node.name for node in self.validators()]
        for name in names:
            if name != sender.name:
                self._send(sender, self.nodes[name], message)

    def _send(self, sender: Node, receiver: Node, message: wire.Wire) -> None:
        if self.listening:
            self.messages.append((sender.name, receiver.name, message))
        if receiver.engine is None or not self.passes(sender.name, receiver.name, message):
            return
        data = wire.write(message)

        def deliver(engine: Engine, at: TimeMs) -> Outbox:
            heard = wire.read(data)
            find = engine.mempool.find
            if isinstance(heard, wire.Transactions):
                checked = [
                    find_or_check(tx, find(transaction_hash(tx)), self.chain)
                    for tx in heard.transactions
                ]
                return engine.take(checked, at)
            body = None
            if engine.needs_body(heard):
                self.bodies_checked += 1
                body = body_of(heard, chain=self.chain, kind=TRANSACTION, known=find)
            return engine.deliver(sender.name, heard, body, at)

        self._later(self._random.randint(*self._delay_ms), receiver, deliver)


def find_or_check(
    data: bytes, known: CheckedTransaction | None, chain: ChainId
) -> CheckedTransaction:
    """A transaction that waits was checked when it came."""
    return known if known is not None else check_transaction(data, chain, TRANSACTION)


def begun(validators: int = 4, **fields: Any) -> Network:  # noqa: ANN401 - those of Network
    """A network that has decided block 1, the empty one that is due at once."""
    network = Network(validators, **fields)
    network.start()
    network.run(network.all_at(1, network.validators()))
    return network
