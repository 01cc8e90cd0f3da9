"""A network of one validator on a real disk: the production engine, signer, ledger and LevelDB.

There is no shell around it and no clock: the time is that of the newest block and a little more,
timers fire in the order of their delays. So a process that is killed and begun again goes on as if
nothing had happened, and what must be in the database follows from the heights that are there.
"""

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final, final

from msgspec.structs import replace

from kit.ledger import GBP, account_id, genesis_document, key
from ledger.books import Line
from ledger.genesis import genesis_block
from ledger.parameters import DEFAULTS
from ledger.transaction import Body, Call, CheckedTransaction, check_transaction, sign_body
from node.engine import Engine
from node.outbox import Outbox, Timer
from node.ports import Ports
from node.signer import Signer
from primitives.block import block_id
from primitives.codec import encode
from primitives.crypto import ED25519
from primitives.ids import ChainId, Height, NodeKey, TimeMs, ValidatorKey
from services.money import Transfer
from services.table import TRANSACTION
from storage.chain import ChainStore, install_genesis
from storage.decision import Genesis
from storage.durable_file import DiskFile, DurableFile, MemoryFile
from storage.memory import MemoryKeyValue
from storage.opening import create_database, open_database

PARAMETERS: Final = replace(DEFAULTS, minimum_validators=1, window_ms=60_000)
"""A minute of ids: after a few dozen blocks some leave the window at each decision."""
STEP_MS: Final = 2_000
"""From one block to the next."""
PAYMENTS_MAX: Final = 7
PAYEES: Final = ("health", "works", "registrar")
VALIDATOR: Final = ValidatorKey(key("validator 0").public)


def genesis() -> Genesis:
    """Block 0, as storage takes it."""
    begun = genesis_block(genesis_document(1, parameters=PARAMETERS))
    return Genesis(
        header=begun.header,
        state_writes=begun.execution.state_writes,
        node_writes=begun.execution.node_writes,
    )


CHAIN: Final = ChainId(block_id(genesis().header))


def begin(folder: Path) -> None:
    """Make the database and the signer's file."""
    create_database(folder / "data", genesis()).close()
    Signer.create_memory(VALIDATOR, DiskFile(folder / "signer.state"))


@contextmanager
def awake(folder: Path) -> Iterator["Alone"]:
    """Open what is there, and go on."""
    with open_database(folder / "data", CHAIN) as store:
        yield Alone(store, DiskFile(folder / "signer.state"))


def reference() -> tuple["Alone", MemoryKeyValue]:
    """The same chain in memory, for whoever wants to know what must be on a disk."""
    database, memory = MemoryKeyValue(), MemoryFile()
    Signer.create_memory(VALIDATOR, memory)
    return Alone(install_genesis(database, genesis()), memory), database


def payment(height: int, number: int, time_ms: int) -> CheckedTransaction:
    """The payment of a number in a block; the same every time it is made."""
    line = Line(account_id(PAYEES[number % len(PAYEES)]), 1, f"{height}/{number}", "", None, None)
    body = Body(
        chain=CHAIN,
        valid_until=TimeMs(time_ms + PARAMETERS.window_ms // 2),
        salt=(height * 1_000 + number).to_bytes(16, "big"),
        calls=(Call(account_id("treasury"), Transfer(GBP, (line,))),),
    )
    return check_transaction(encode(sign_body(body, [key("treasury")])), CHAIN, TRANSACTION)


@final
class Alone:
    """The validator, awake."""

    def __init__(self, store: ChainStore, memory: DurableFile) -> None:
        """`memory` is the signer's file."""
        self.store = store
        self.engine = Engine(
            Ports(
                chain=CHAIN,
                kind=TRANSACTION,
                store=store,
                scheme=ED25519,
                signer=Signer(key("validator 0"), memory, CHAIN),
                node_key=NodeKey(key("node 0").public),
                link_of=lambda node_key: node_key.hex(),
                clock=lambda: 0.0,
            )
        )
        self._timers: list[tuple[int, int, Timer]] = []
        self._order = count()
        self._take(self.engine.start(self._now_ms))

    @property
    def height(self) -> Height:
        """The newest height that is durable."""
        return self.store.head().height

    @property
    def _now_ms(self) -> TimeMs:
        return TimeMs(self.store.head().header.time_ms + STEP_MS)

    def decide(self) -> Height:
        """Decide the next block; the height that is durable when this returns."""
        height, now_ms = Height(self.height + 1), self._now_ms
        batch = [payment(height, number, now_ms) for number in range(1 + height % PAYMENTS_MAX)]
        # A node that was killed after its proposal finds these in the block that it had proposed.
        _, out = self.engine.submit(batch, now_ms)
        self._take(out)
        while self.height < height:
            _, _, timer = heapq.heappop(self._timers)
            self._take(self.engine.fire(timer, now_ms))
        return height

    def _take(self, out: Outbox) -> None:
        for delay_ms, timer in out.timers:
            heapq.heappush(self._timers, (delay_ms, next(self._order), timer))
