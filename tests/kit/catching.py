"""A node that catches up, and peers that help it or do not, in virtual time.

The chain is real: certified by four validators, then by five. The peers answer as their manner is;
the follower stands for the engine and takes nothing but the chain's own blocks.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, Final, TypeVar

import trio
from msgspec.structs import replace

from kit.engines import Network, begun
from kit.ledger import pay
from kit.membership import change, proposal, ready_of
from node import questions
from node.catchup import Catchup
from node.catchup_check import Checker, Lie, Proven, held
from node.execution import Parent
from node.mempool import Mempool
from node.questions import Certified, Range, RangeAnswer
from node.verify import Gate
from p2p.faults import PeerUnavailable, RequestRefused
from p2p.peers import PeerId
from primitives import limits
from primitives.block import Block
from primitives.codec import encode
from primitives.crypto import ED25519
from primitives.ids import ZERO32, ChainId, Digest, Height, Signature
from services.table import TRANSACTION

T = TypeVar("T")
BLOCKS: Final = 160


@dataclass(frozen=True)
class Chain:
    """Blocks from height 1 on, and what the state below each says of it."""

    id: ChainId
    blocks: tuple[Certified, ...]
    parents: tuple[Parent, ...]
    """Of heights 1 to one behind the last."""

    @property
    def tip(self) -> int:
        """The newest height."""
        return len(self.blocks)

    @property
    def change(self) -> Height:
        """The first height of the second set of validators."""
        return next(
            parent.height
            for parent in self.parents
            if parent.validators != self.parents[0].validators
        )


@lru_cache(maxsize=1)
def chain() -> Chain:
    """Payments, one a block; half-way a fifth validator joins."""
    network = begun(4, waiting=1)
    first, newcomer = network.nodes["validator 0"], network.nodes["validator 4"]
    for number in range(BLOCKS - 3):
        tx = network.transaction("treasury", pay("health", 1, f"payment {number}"))
        if number == BLOCKS // 2:
            tx = proposal(network, change(add=[ready_of(network, newcomer, 4)]), range(4))
        assert network.submit(first, tx) == [None]
        network.run(network.is_final(tx))
    store, blocks = first.store, []
    for number in range(1, store.head().height + 1):
        certificate = store.certificate(Height(number))
        assert certificate is not None
        blocks.append(Certified(store.block(Height(number)), certificate))
    return Chain(network.chain, tuple(blocks), _parents(network, blocks))


def _parents(network: Network, blocks: list[Certified]) -> tuple[Parent, ...]:
    """As the production engine finds them: a late observer follows, block by block."""
    engine = network.site.machine("late", None).boot()
    engine.start(network.now_ms)
    parents = [engine.parent]
    checker = checker_of(network.chain)
    for one in blocks:
        (proven,), bad = checker.check([held("late", one)], engine.validators)
        assert bad is None
        engine.follow(proven, network.now_ms)
        parents.append(engine.parent)
    return tuple(parents)


def checker_of(identifier: ChainId) -> Checker:
    """Knows no transaction."""
    return Checker(Gate(identifier, ED25519), kind=TRANSACTION, known=lambda _: None)


# --- peers ----------------------------------------------------------------------------------------


@dataclass
class Peer:
    """Honest: it has the chain from `kept_from` up to the tip, and takes its time."""

    delay_s: float = 0.05
    kept_from: int = 1
    lags: int = 0
    """How far it is behind the tip."""
    leaves_after: int | None = None
    """Answers; then its link is down."""
    most: int = limits.RANGE_BLOCKS_MAX
    """Blocks in an answer of it."""
    answers: int = 0

    honest: ClassVar[bool] = True
    """Whether nothing that it does may be held against it."""

    async def answer(self, asked: Range, tip: int) -> bytes:
        """In virtual time."""
        await trio.sleep(self.delay_s)
        if self.leaves_after is not None and self.answers >= self.leaves_after:
            raise PeerUnavailable("it is away")
        self.answers += 1
        return encode(self.words(asked, tip - self.lags))

    def claim(self, tip: int) -> int:
        """The height that it says it decides."""
        return tip - self.lags + 1

    def words(self, asked: Range, tip: int) -> RangeAnswer:
        """What it has of that."""
        blocks: tuple[Certified, ...] = ()
        if asked.height >= self.kept_from:
            stop = min(asked.height + min(asked.count, self.most), tip + 1)
            blocks = chain().blocks[max(0, asked.height - 1) : max(0, stop - 1)]
        return RangeAnswer(Height(self.kept_from), Height(tip + 1), blocks)


class Silent(Peer):
    """Claims a lot and never answers."""

    honest = False

    async def answer(self, asked: Range, tip: int) -> bytes:
        del asked, tip
        await trio.sleep_forever()
        raise AssertionError("for ever")

    def claim(self, tip: int) -> int:
        return 1_000_000 + tip


class Stalling(Silent):
    """Answers well until it is half-way, then no more."""

    async def answer(self, asked: Range, tip: int) -> bytes:
        if asked.height > tip // 2:
            await trio.sleep_forever()
        return await Peer.answer(self, asked, tip)


class Refusing(Silent):
    """Says no to everything."""

    async def answer(self, asked: Range, tip: int) -> bytes:
        del asked, tip
        await trio.sleep(self.delay_s)
        raise RequestRefused("too many questions at once")


class Boaster(Peer):
    """Claims a lot; when asked, it has what it really has."""

    honest = False

    def claim(self, tip: int) -> int:
        return 1_000_000 + tip


class Contradicting(Boaster):
    """Says in one breath that it has a block, and that it does not."""

    def words(self, asked: Range, tip: int) -> RangeAnswer:
        del asked
        return RangeAnswer(Height(1), Height(self.claim(tip)), ())


class Babbling(Boaster):
    """Sends what is no answer."""

    async def answer(self, asked: Range, tip: int) -> bytes:
        return (await super().answer(asked, tip))[:-1]


class Spoiling(Boaster):
    """Sends the chain's blocks, of which the last is spoilt in one way."""

    def __init__(self, spoil: Callable[[Certified], Certified]) -> None:
        super().__init__()
        self.spoil = spoil

    def claim(self, tip: int) -> int:
        return tip + 1

    def words(self, asked: Range, tip: int) -> RangeAnswer:
        said = super().words(asked, tip)
        if not said.blocks:
            return said
        *before, last = said.blocks
        return replace(said, blocks=(*before, self.spoil(last)))


def with_a_forged_body(one: Certified) -> Certified:
    """The header and the certificate of the block, and no transaction."""
    return replace(one, block=Block(one.block.header, ()))


def with_a_forged_seal(one: Certified) -> Certified:
    """A signature with a bit turned."""
    first, *others = one.certificate.seals
    turned = Signature(bytes([first.signature[0] ^ 1]) + first.signature[1:])
    seals = (replace(first, signature=turned), *others)
    return replace(one, certificate=replace(one.certificate, seals=seals))


def without_a_quorum(one: Certified) -> Certified:
    """A seal fewer than needed."""
    return replace(one, certificate=replace(one.certificate, seals=one.certificate.seals[1:]))


def with_a_forged_state(one: Certified) -> Certified:
    """A header of the liar's own under the chain's certificate."""
    header = replace(one.block.header, state_root=Digest(ZERO32))
    return replace(one, block=Block(header, one.block.transactions))


def of_other_validators(one: Certified) -> Certified:
    """A header that names a set of the liar's own."""
    header = replace(one.block.header, validators_hash=Digest(ZERO32))
    return replace(one, block=Block(header, one.block.transactions))


def of_another_height(one: Certified) -> Certified:
    """The first block of the chain, again."""
    del one
    return chain().blocks[0]


SPOILT: Final = (
    with_a_forged_body,
    with_a_forged_seal,
    without_a_quorum,
    with_a_forged_state,
    of_other_validators,
    of_another_height,
)


# --- who follows ----------------------------------------------------------------------------------


async def at_once(work: Callable[..., T], /, *args: Any) -> T:  # noqa: ANN401 - of any work
    """Instead of a thread: virtual time does not wait for those."""
    await trio.lowlevel.checkpoint()
    return work(*args)


@dataclass
class Newcomer:
    """Instead of an engine: takes the next block of the chain and nothing else."""

    peers: dict[str, Peer]
    tip: int = field(default_factory=lambda: chain().tip)
    height: int = 1
    halted: str | None = None
    mempool: Mempool = field(default_factory=Mempool)
    lies: list[Lie] = field(default_factory=list)
    questions: list[tuple[str, Range]] = field(default_factory=list)
    after_the_lie: list[str] = field(default_factory=list)
    """Peers that were asked again though they were caught."""
    outcomes: Counter[str] = field(default_factory=Counter)
    said: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    bytes_most: int = 0
    level: trio.Event = field(default_factory=trio.Event)

    def __post_init__(self) -> None:
        self.catchup = Catchup(
            self, self, self, chain=chain().id, kind=TRANSACTION, elsewhere=at_once
        )

    # as the engine

    @property
    def parent(self) -> Parent:
        return chain().parents[self.height - 1]

    @property
    def neighbours(self) -> tuple[str, ...]:
        return tuple(name for name in self.peers if name.startswith("validator"))

    # as the network

    async def request(self, peer: PeerId, question: bytes, *, timeout_s: float) -> bytes:
        asked = questions.read(question)
        assert isinstance(asked, Range)
        if any(lie.link == peer for lie in self.lies):
            self.after_the_lie.append(peer)
        self.questions.append((peer, asked))
        with trio.move_on_after(timeout_s):
            return await self.peers[peer].answer(asked, self.tip)
        raise PeerUnavailable(f"no answer in {timeout_s:g} s")

    # as the listener

    def follow(self, proven: Proven) -> None:
        if proven.validators_hash != self.parent.validators.hash:
            gate = Gate(chain().id, ED25519)
            gate.decided(proven.certificate, self.parent.height, self.parent.validators)
        assert proven.body.block == chain().blocks[self.height - 1].block
        assert proven.body.fault is None
        self.bytes_most = max(self.bytes_most, self.catchup.waiting_bytes)
        self.height += 1
        if self.height > self.tip:
            self.level.set()

    def caught(self, lie: Lie) -> None:
        self.lies.append(lie)

    def asked(self, outcome: str) -> None:
        self.outcomes[outcome] += 1

    def say(self, event: str, **facts: object) -> None:
        self.said.append((event, facts))

    # what happens

    def hear(self, name: str) -> None:
        """A Status of this peer."""
        self.catchup.promise(PeerId(name), Height(self.peers[name].claim(self.tip)))

    async def catch_up(self, within_s: float) -> float:
        """Everybody says where they stand; how long it takes until level, in virtual time."""
        begun_s = trio.current_time()
        with trio.fail_after(within_s):
            async with trio.open_nursery() as tasks:
                tasks.start_soon(self.catchup.run)
                tasks.start_soon(self._status)
                for name in self.peers:
                    self.hear(name)
                await self.level.wait()
                tasks.cancel_scope.cancel()
        return trio.current_time() - begun_s

    async def _status(self) -> None:
        """A gap of one block is closed by Status and Decided, at the next tick (R29)."""
        while True:
            await trio.sleep(0.5)
            if self.height == self.tip:
                self.height += 1
                self.level.set()
