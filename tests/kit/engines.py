"""Engines in one process, for tests of the engine: the simulated world with names that tests know.

Everything that runs here is of `sim/`; this adds real keys (Ed25519), a tape of what was said, and
two laws. Whenever a node lets something go: what it signed is in its vote log and in its signer's
file. What any node ever signed contradicts nothing else it signed (`check_honesty`, at the end).
"""

from collections.abc import Callable
from random import Random
from typing import Any

from msgspec.structs import replace

from kit.ledger import account_id, genesis_account, genesis_document, key
from ledger.genesis import genesis_block
from ledger.operation import Operation
from ledger.parameters import DEFAULTS, Parameters
from ledger.transaction import Body, Call, CheckedTransaction, check_transaction, sign_body
from node import wire
from primitives.codec import encode
from primitives.crypto import ED25519
from primitives.ids import Height, NodeKey, TimeMs, TransactionId, ValidatorKey
from services.table import TRANSACTION
from sim.durability import check_durable
from sim.founding import Founding
from sim.letters import Letter
from sim.machine import Machine
from sim.network import CalmAir
from sim.spoken import Spoken, Statement, Voice, author_of, statements_in
from sim.watch import Watch
from sim.world import World

Node = Machine
Filter = Callable[[str, str, wire.Wire], bool]


def everything(_sender: str, _receiver: str, _message: wire.Wire) -> bool:
    """The filter of a whole network."""
    return True


class Tape(Watch):
    """Keeps what was said, and by whom it was signed."""

    def __init__(self, network: "Network") -> None:
        self._network = network

    def spoke(self, machine: Machine, statement: Statement) -> None:
        assert machine.key is not None
        if self._network.spoken[ValidatorKey(machine.key.public)].add(statement):
            check_durable(machine, statement)

    def sent(self, letter: Letter, delays: tuple[int, ...]) -> None:
        del delays
        network = self._network
        if network.listening:
            network.messages.append((letter.sender, letter.receiver, letter.message))
        if letter.sender in network.saying:
            return
        for statement in statements_in(letter.message):
            author = author_of(statement, network.members_at(statement.height))
            network.spoken[author].add(statement)


class Network(World):
    """The world, as the tests of the engine know it."""

    def __init__(
        self,
        validators: int = 4,
        *,
        observers: int = 0,
        parameters: Parameters = DEFAULTS,
        seed: int = 0,
        delay_ms: tuple[int, int] = (1, 5),
        clock: Callable[[], float] = lambda: 0.0,
        waiting: int = 0,
    ) -> None:
        minimum = min(validators, parameters.minimum_validators)
        later = range(validators, validators + waiting)
        document = genesis_document(
            validators,
            parameters=replace(parameters, minimum_validators=minimum),
            accounts=[genesis_account(f"body {i}") for i in later],
        )
        founding = Founding(
            genesis_block(document),
            {f"validator {i}": key(f"validator {i}") for i in range(validators)},
            tuple(f"observer {i}" for i in range(observers)),
            ED25519,
            {
                NodeKey(key(f"node {i}").public): f"validator {i}"
                for i in range(validators + waiting)
            },
            {f"validator {i}": key(f"validator {i}") for i in later},
        )
        self.messages: list[tuple[str, str, wire.Wire]] = []
        self.listening = False
        """Whether `messages` is kept."""
        self.passes: Filter = everything
        self.saying: set[str] = set()
        """Whose keys a test speaks with."""
        air = CalmAir(Random(seed), delay_ms)
        super().__init__(founding, seed=seed, air=air, clock=clock)
        self.watches.append(Tape(self))
        self.spoken = {one: Spoken({}) for one in self.site.links}
        self.lets_through = lambda letter: self.passes(
            letter.sender, letter.receiver, letter.message
        )

    @property
    def bodies_checked(self) -> int:
        return self.site.bodies_checked

    def voice(self, node: Node) -> Voice:
        """Speaks with a validator's key, whatever its engine thinks of it."""
        return self.voice_of(node, node.height + 1)

    def voice_of(self, node: Node, height: int) -> Voice:
        """The same, with the seat that it has at a height."""
        assert node.key is not None
        return Voice(node.key, self.chain, self.members_at(height))

    def say(self, sender: Node, receiver: str | None, message: wire.Wire) -> None:
        """Send to one node, or to all other validators, past the sender's engine."""
        self.saying.add(sender.name)
        self.speak(sender.name, receiver, message)
        self.saying.discard(sender.name)

    def failed(self, node: Machine, error: Exception) -> None:
        """As a process ends: by what it raised."""
        del node
        raise error

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
            assert spoken.evidence() == [], f"evidence against {self.site.links[author]}"

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


def begun(validators: int = 4, **fields: Any) -> Network:  # noqa: ANN401 - those of Network
    """A network that has decided block 1, the empty one that is due at once."""
    network = Network(validators, **fields)
    network.start()
    network.run(network.all_at(1, network.validators()))
    return network
