"""One node of the world: a production engine on a disk of its own, without a shell around it.

What the shell does with threads, sockets and the clock is done here in place and at once: bodies
and transactions are checked before the engine hears of them, each transaction once in a world. A
machine that loses power keeps its database and its signer's file, and nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import final

from consensus.effects import Effect
from consensus.events import Event
from ledger.transaction import CheckedTransaction, check_transaction
from node import wire
from node.bodies import CheckedBlock, body_of
from node.engine import Engine
from node.outbox import Note, Outbox, Timer
from node.ports import Ports, unobserved
from node.signer import Signer
from primitives.block import transaction_hash
from primitives.crypto import Key, Scheme
from primitives.errors import RemoteFault
from primitives.ids import (
    ZERO32,
    BlockId,
    ChainId,
    Height,
    NodeKey,
    TimeMs,
    TransactionHash,
    ValidatorKey,
)
from primitives.validators import ValidatorSet
from services.table import TRANSACTION
from sim.disk import Danger, MortalDatabase, MortalFile, no_danger
from sim.founding import Founding
from sim.violations import Divergence
from storage.chain import ChainStore, install_genesis
from storage.decision import Genesis

TICK_MS = 500
"""How often the shell ticks (node/shell.py)."""


def measure_nothing() -> float:
    """The clock of a builder that is infinitely fast."""
    return 0.0


@final
class Site:
    """What the machines of one world share."""

    def __init__(self, founding: Founding, clock: Callable[[], float] = measure_nothing) -> None:
        self.chain: ChainId = founding.chain
        self.scheme: Scheme = founding.scheme
        self.clock = clock
        keys = {**founding.keys, **founding.waiting}
        self.links = {ValidatorKey(key.public): name for name, key in keys.items()}
        """The node of each validator, and of each that may become one."""
        self.nodes = founding.nodes
        self.node_keys = {name: node_key for node_key, name in founding.nodes.items()}
        self.genesis = founding.genesis.validators
        self._members: dict[Height, ValidatorSet] = {}
        self.transactions: dict[TransactionHash, CheckedTransaction] = {}
        """All that were ever checked."""
        self.bodies_checked = 0
        block = founding.genesis
        self._block = Genesis(
            header=block.header,
            state_writes=block.execution.state_writes,
            node_writes=block.execution.node_writes,
        )

    def learn(self, height: Height, members: ValidatorSet) -> None:
        """Who votes at a height, as a node has it from its state.

        Raises:
            Divergence: another node has it otherwise.
        """
        known = self._members.setdefault(height, members)
        if known.keys != members.keys:
            raise Divergence(f"two sets of validators at height {height}")

    def members_of(self, height: Height) -> ValidatorSet:
        """Who votes at a height; before anybody knows, those of the highest height below."""
        known = self._members.get(height)
        if known is None:
            below = [one for one in self._members if one < height]
            known = self._members[max(below)] if below else self.genesis
        return known

    def machine(self, name: str, key: Key | None) -> "Machine":
        """A node as it is before its first start."""
        database, memory = MortalDatabase(), MortalFile()
        install_genesis(database, self._block)
        if key is not None:
            Signer.create_memory(ValidatorKey(key.public), memory)
        return Machine(name, self, key, database, memory)

    def checked(self, data: bytes) -> CheckedTransaction:
        """A transaction from the network.

        Raises:
            RemoteFault: it can stand in no block.
        """
        name = transaction_hash(data)
        known = self.transactions.get(name)
        if known is None:
            known = self.transactions[name] = check_transaction(data, self.chain, TRANSACTION)
        return known


@final
@dataclass(eq=False)
class Machine:
    """One validator, or an observer; `engine` is None while it is down."""

    name: str
    site: Site
    key: Key | None
    database: MortalDatabase
    memory: MortalFile
    engine: Engine | None = None
    run: int = 0
    """Counts its lives; what was meant for an earlier one is lost."""
    skew_ms: int = 0
    """How far its clock is ahead."""
    frozen_until_ms: int = 0
    """Until when it is paused: it keeps its memory, and what comes waits."""
    danger: Danger = no_danger
    """Called at every point where power may go; see `arm`."""
    observe: Callable[["Machine", Event, Sequence[Effect]], None] | None = None
    notes: list[Note] = field(default_factory=list)
    faults: list[RemoteFault] = field(default_factory=list)
    reported: dict[Height, BlockId] = field(default_factory=dict)
    """What it ever told its clients to be final."""
    _store: ChainStore | None = None

    @property
    def validator(self) -> ValidatorKey | None:
        """The public half of its key."""
        return None if self.key is None else ValidatorKey(self.key.public)

    @property
    def signing(self) -> bool:
        """Whether it is made for a validator."""
        return self.key is not None

    @property
    def alive(self) -> Engine:
        """Its engine; it must be up."""
        assert self.engine is not None, f"{self.name} is down"
        return self.engine

    @property
    def store(self) -> ChainStore:
        """Its chain, also while it is down."""
        if self.engine is not None and self._store is not None:
            return self._store
        return ChainStore(self.database)

    @property
    def height(self) -> Height:
        """The newest height that it has decided."""
        return self.store.head().height

    def events(self) -> list[str]:
        """What it noted, by name."""
        return [note.event for note in self.notes]

    def reasons(self, event: str) -> list[str]:
        """Why, of each note of this name."""
        return [str(note.facts.get("reason")) for note in self.notes if note.event == event]

    # --- lives ------------------------------------------------------------------------------

    def boot(self) -> Engine:
        """A new process: everything in memory is new."""
        assert self.engine is None, f"{self.name} is up"
        self.run += 1
        self._store = ChainStore(self.database)
        self.engine = self.engine_on(self._store, self.memory)
        return self.engine

    def engine_on(self, store: ChainStore, memory: MortalFile) -> Engine:
        """An engine of this node over some disk."""
        site, key = self.site, self.key
        observe = unobserved if self.observe is None else self._observed
        return Engine(
            Ports(
                chain=site.chain,
                kind=TRANSACTION,
                store=store,
                scheme=site.scheme,
                signer=None if key is None else Signer(key, memory, site.chain),
                node_key=site.node_keys.get(self.name, NodeKey(ZERO32)),
                link_of=lambda node_key: site.nodes[node_key],
                clock=site.clock,
                observe=observe,
            )
        )

    def _observed(self, event: Event, effects: Sequence[Effect]) -> None:
        if self.observe is not None:
            self.observe(self, event, effects)

    def arm(self, danger: Danger) -> None:
        """Power may go around every write, and before every message."""
        self.danger = self.database.danger = self.memory.danger = danger

    def halt(self) -> None:
        """What is in memory and on the way is gone."""
        self.engine = self._store = None
        self.run += 1
        self.frozen_until_ms = 0

    # --- what happens to it -----------------------------------------------------------------

    def clock(self, now_ms: int) -> TimeMs:
        """What its clock shows."""
        return TimeMs(now_ms + self.skew_ms)

    def start(self, now_ms: int) -> Outbox:
        """Begin a run."""
        return self.boot().start(self.clock(now_ms))

    def tick(self, now_ms: int) -> Outbox:
        """Half a second has passed."""
        return self.alive.tick(self.clock(now_ms))

    def fire(self, timer: Timer, now_ms: int) -> Outbox:
        """A timer that it asked for."""
        return self.alive.fire(timer, self.clock(now_ms))

    def link_up(self, link: str, now_ms: int) -> Outbox:
        """A peer is there again."""
        return self.alive.link_up(link, self.clock(now_ms))

    def deliver(self, sender: str, message: wire.Wire, now_ms: int) -> Outbox:
        """A message from a peer.

        Raises:
            RemoteFault: it breaks a rule; its sender answers for it.
        """
        engine, now = self.alive, self.clock(now_ms)
        if isinstance(message, wire.Transactions):
            checked = [self.site.checked(data) for data in message.transactions]
            return engine.take(sender, checked, now)
        return engine.deliver(sender, message, self._body(engine, message), now)

    def _body(self, engine: Engine, message: wire.Wire) -> CheckedBlock | None:
        if not engine.needs_body(message):
            return None
        self.site.bodies_checked += 1
        known = self._finder(engine, message)
        return body_of(message, chain=self.site.chain, kind=TRANSACTION, known=known)

    def _finder(
        self, engine: Engine, message: wire.Wire
    ) -> Callable[[TransactionHash], CheckedTransaction | None]:
        match message:
            case wire.Proposed(_, wire.CompactBody()):
                return engine.mempool.find  # to be put together from what waits here
            case _:
                return self._find_or_recall(engine)

    def _find_or_recall(
        self, engine: Engine
    ) -> Callable[[TransactionHash], CheckedTransaction | None]:
        everywhere = self.site.transactions

        def find(name: TransactionHash) -> CheckedTransaction | None:
            return engine.mempool.find(name) or everywhere.get(name)

        return find
