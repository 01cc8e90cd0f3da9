"""A stage for scripted attacks on whole engines: four validators, one of them the attacker's.

The attacked are production engines in the simulated world; the attacker's seat is silent until the
script speaks with its key. Everything that anybody signed is overheard, so that afterwards it can
be said who broke his word.
"""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Final

from consensus.messages import Commit, Prepare, PrePrepare, Status, ViewChange
from ledger.transaction import CheckedTransaction
from node import wire
from node.blocks import Blocks
from node.evidence import author_of, witness_of
from node.mempool import Mempool
from primitives.block import Block, block_id
from primitives.certificate import Certificate, Seal
from primitives.domains import Domain
from primitives.errors import BadSignature
from primitives.evidence import Case, NotEvidence, check_evidence, evidence_of
from primitives.ids import NO_VIEW, BlockId, Height, Seat, TimeMs, ValidatorKey, View
from primitives.statements import VoteDomain, Witness
from services.table import TRANSACTION
from sim.byzantine import KINDS
from sim.disk import MortalDatabase, MortalFile
from sim.founding import Founding, found
from sim.letters import Letter, Phase
from sim.spoken import Voice, statements_in
from sim.watch import Watch
from sim.world import World

Disk = tuple[dict[bytes, bytes], bytes | None]
FOUNDING: Final[Founding] = found(4)


class Overheard(Watch):
    """Every letter, and every statement by who did sign it."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.said: dict[ValidatorKey, dict[bytes, Witness]] = {}

    def attach(self, world: World) -> None:
        self._world = world

    def sent(self, letter: Letter, delays: tuple[int, ...]) -> None:
        del delays
        self.letters.append(letter)
        for statement in statements_in(letter.message):
            if not isinstance(statement, PrePrepare) and statement.seat >= self._world.members.size:
                continue
            author = author_of(statement, self._world.members)
            witness = witness_of(statement, self._world.chain)
            try:
                self._world.site.scheme.check(author, witness.statement, witness.signature)
            except BadSignature:
                continue
            self.said.setdefault(author, {})[witness.statement] = witness

    def cases(self) -> set[tuple[str, str]]:
        """Who is proved to have broken his word, and how."""
        return {(self._world.site.links[case.signer], case.kind.value) for case in self._cases()}

    def _cases(self) -> Iterator[Case]:
        for signer, statements in self.said.items():
            for one, other in combinations(statements.values(), 2):
                try:
                    yield check_evidence(
                        evidence_of(signer, one, other),
                        chain=self._world.chain,
                        validators=self._world.members,
                        scheme=self._world.site.scheme,
                    )
                except NotEvidence:
                    continue

    def count(self, sender: str, *phases: Phase, height: int | None = None) -> int:
        """Letters of a node in some phases (at a height)."""
        return sum(
            letter.sender == sender
            and letter.phase in phases
            and (height is None or letter.height == height)
            for letter in self.letters
        )


class Attack(World):
    """Height 1 is decided; `v3` is the attacker: the primary of (2, 1) and of (3, 0)."""

    def __init__(self, *, seed: int = 0) -> None:
        self.ear = Overheard()
        super().__init__(FOUNDING, seed=seed, actors={"v3": KINDS["silent"]}, watches=[self.ear])
        self.ear.attach(self)
        self.start()
        self.run(self.all_at(1))

    # --- the attacker's means ---------------------------------------------------------------

    def voice(self, name: str = "v3") -> Voice:
        """Signs as a member: the attacker, or one whose words a script makes up."""
        return Voice(FOUNDING.keys[name], self.chain, self.members)

    def block(self, *transactions: CheckedTransaction, view: int = 0, later_ms: int = 0) -> Block:
        """A good block of the height at hand, by its primary in a view."""
        mempool = Mempool()
        for tx in transactions:
            mempool.add(tx)
        lowest = min(self.up(), key=lambda node: node.height)
        blocks = Blocks(
            lowest.store, mempool, chain=self.chain, kind=TRANSACTION, clock=lambda: 0.0
        )
        proposer = self.members.primary(blocks.height, View(view))
        at = TimeMs(self.now_ms + later_ms)
        return blocks.build(View(view), proposer=proposer, now_ms=at).block

    def tell(self, message: wire.Wire, *receivers: str) -> None:
        """From the attacker, to these or to all."""
        for receiver in receivers or (None,):
            self.speak("v3", receiver, message)

    def propose(
        self,
        block: Block,
        height: int,
        view: int,
        *receivers: str,
        changes: tuple[ViewChange, ...] = (),
    ) -> None:
        said = self.voice().pre_prepare(height, view, block_id(block.header), changes)
        self.tell(wire.Proposed(said, wire.FullBody(block)), *receivers)

    def vote(self, name: BlockId, height: int, view: int, *receivers: str) -> None:
        """Prepare and commit, at once."""
        self.tell(self.voice().prepare(height, view, name), *receivers)
        self.tell(self.voice().commit(height, view, name), *receivers)

    def greet(self, height: int, *receivers: str) -> None:
        """Say where it stands: who wakes up counts it (R41)."""
        nobody = (View(0),) * self.members.size
        self.tell(
            Status(Height(height), View(0), NO_VIEW, False, b"", b"", nobody, None, True),  # noqa: FBT003 - a field
            *receivers,
        )

    # --- disks ------------------------------------------------------------------------------

    def disk(self, name: str) -> Disk:
        node = self.nodes[name]
        return node.database.contents(), node.memory.read()

    def restart(self, name: str, database: dict[bytes, bytes], memory: bytes | None) -> None:
        """Killed, and back on these disks."""
        self.crash(name)
        self.nodes[name].database = MortalDatabase(database)
        self.nodes[name].memory = MortalFile(memory)
        self.start(name)

    # --- the network ------------------------------------------------------------------------

    def cut(self, *rules: Callable[[Letter], bool]) -> None:
        """Lose every letter that one of these holds for."""
        self.lets_through = lambda letter: not any(rule(letter) for rule in rules)

    def signed_by(self, name: str, height: int) -> set[bytes]:
        """What a member signed at a height."""
        words = self.ear.said.get(self.members.keys[int(name[1:])], {})
        at = height.to_bytes(8, "big")
        return {statement for statement in words if statement.partition(b"\0")[2][32:40] == at}

    def votes_for(self, name: BlockId) -> set[tuple[str, str]]:
        """Which honest node prepared or committed to a block."""
        return {
            (letter.sender, letter.phase.value)
            for letter in self.ear.letters
            if isinstance(letter.message, Prepare | Commit)
            and letter.message.block_id == name
            and self.nodes.get(letter.sender) is not None
            and letter.message.seat == int(letter.sender[1:])
        }

    def heads(self, height: int, *names: str) -> set[BlockId]:
        """The blocks that nodes decided at a height."""
        return {
            block_id(self.nodes[name].store.block(Height(height)).header)
            for name in names or tuple(self.nodes)
        }


def sealed(
    voices: list[Voice], domain: VoteDomain, height: int, view: int, name: BlockId
) -> Certificate:
    """A certificate of these members."""
    votes = [
        (voice.prepare if domain is Domain.PREPARE else voice.commit)(height, view, name)
        for voice in voices
    ]
    seals = sorted((Seal(Seat(vote.seat), vote.signature) for vote in votes), key=lambda s: s.seat)
    return Certificate(Height(height), View(view), name, tuple(seals))


def isolated(name: str) -> Callable[[Letter], bool]:
    """Nothing reaches a node, and nothing leaves it."""
    return lambda letter: name in (letter.sender, letter.receiver)


def kept_from(receiver: str, *phases: Phase, height: int) -> Callable[[Letter], bool]:
    """Some letters of a height do not reach a node."""
    return lambda letter: (
        letter.receiver == receiver and letter.phase in phases and letter.height == height
    )
