"""Catching up: 2,000 blocks of five payments from one peer and from three, over loopback.

The peers run in a process of their own, from one database; whoever follows has the production
catch-up, engine and LevelDB, one synchronous batch a block. Beside it the same chain is imported
from a file, where many blocks are one batch.
"""

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Final, final

import trio

from bench.report import Report
from bench.town import Town
from node.app import SWITCH_S
from node.catchup import Catchup
from node.catchup_check import Lie, Proven
from node.engine import Engine
from node.importing import GATHERED_BYTES, Importer
from node.ports import Ports
from node.questions import Range, read
from node.range_serve import serve_range
from node.replay import Exported
from p2p.inbox import LinkUp
from p2p.network import open_network
from p2p.peers import Peer, PeerId, node_key_of, peer_id_of
from primitives.crypto import ED25519
from primitives.ids import ChainId, Height, NodeKey, TimeMs
from services.table import TRANSACTION
from storage.chain import ChainStore
from storage.decision import Genesis
from storage.opening import create_database, open_database, open_gathering

PAYERS: Final = 1_000
BLOCKS: Final = 2_000
PAYMENTS: Final = 5
GOAL_RATIO: Final = 0.25
"""Of an import's speed: so much may the synchronous batches and the network cost."""
LAG_GOAL_MS: Final = 100
"""In 99 of 100 samples; the time that one decision takes, its write included, is part of it."""
SAMPLE_S: Final = 0.01
RUNS: Final = 3


def _seed(number: int) -> bytes:
    return bytes([number + 1]) * 32


def _identity(number: int) -> PeerId:
    return peer_id_of(node_key_of(_seed(number)))


def _genesis(town: Town) -> Genesis:
    begun = town.genesis
    return Genesis(
        header=begun.header,
        state_writes=begun.execution.state_writes,
        node_writes=begun.execution.node_writes,
    )


def _make(town: Town, folder: Path) -> None:
    """The chain that the others have."""
    store, gathered = open_gathering(folder, _genesis(town), bytes_max=GATHERED_BYTES)
    with store:
        for _ in range(BLOCKS):
            with store.state() as state:
                made = town.decision(store.head(), state, PAYMENTS)
            store.commit(made)
        gathered.flush()


# --- the peers, in a process of their own ---------------------------------------------------------


async def _serve(folder: Path, chain: ChainId, peers: int) -> None:
    with open_database(folder, chain) as store:

        async def answer(_peer: PeerId, question: bytes) -> bytes:
            asked = read(question)
            assert isinstance(asked, Range)
            return await trio.to_thread.run_sync(serve_range, store, asked)

        async def one(number: int) -> None:
            newcomer = Peer(_identity(0), "newcomer", votes=False)
            async with open_network(
                key_seed=_seed(number),
                listen="127.0.0.1:0",
                chain_id=chain,
                peers=[newcomer],
                answer=answer,
            ) as network:
                sys.stdout.write(f"{number} {network.address}\n")
                sys.stdout.flush()
                async for _ in network.inbox:
                    pass

        async with trio.open_nursery() as tasks:
            for number in range(1, peers + 1):
                tasks.start_soon(one, number)


# --- who follows ----------------------------------------------------------------------------------


class _Follower:
    """A shell that only catches up."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.level = trio.Event()

    def follow(self, proven: Proven) -> None:
        self._engine.follow(proven, _now_ms())
        if self._engine.height > BLOCKS:
            self.level.set()

    def caught(self, lie: Lie) -> None:
        raise AssertionError(f"an honest peer was blamed: {lie}")

    def asked(self, outcome: str) -> None:
        """On a busy machine one may fail; that costs time, as it should."""

    def say(self, event: str, **facts: object) -> None:
        """Nobody listens."""


def _now_ms() -> TimeMs:
    return TimeMs(time.time_ns() // 1_000_000)


async def _follow(store: ChainStore, addresses: list[str]) -> tuple[float, float]:
    """Seconds until level, and the lag of the loop meanwhile that one sample in 100 exceeds."""
    engine = Engine(
        Ports(
            chain=store.chain,
            kind=TRANSACTION,
            store=store,
            scheme=ED25519,
            signer=None,
            node_key=NodeKey(node_key_of(_seed(0))),
            link_of=peer_id_of,
            clock=time.perf_counter,
        )
    )
    engine.start(_now_ms())
    follower = _Follower(engine)
    peers = [
        Peer(_identity(number), f"peer {number}", votes=True, addresses=(address,))
        for number, address in enumerate(addresses, start=1)
    ]
    lags_s: list[float] = []

    async def watch() -> None:
        while True:
            due_s = trio.current_time() + SAMPLE_S
            await trio.sleep_until(due_s)
            lags_s.append(trio.current_time() - due_s)

    async with open_network(
        key_seed=_seed(0),
        listen="127.0.0.1:0",
        chain_id=store.chain,
        peers=peers,
        answer=_nothing,
    ) as network:
        up = 0
        while up < len(peers):
            up += isinstance(await network.inbox.receive(), LinkUp)
        catchup = Catchup(network, engine, follower, chain=store.chain, kind=TRANSACTION)
        began = time.perf_counter()
        with trio.fail_after(300):
            async with trio.open_nursery() as tasks:
                tasks.start_soon(watch)
                tasks.start_soon(catchup.run)
                for peer in peers:
                    catchup.promise(peer.id, Height(BLOCKS + 1))
                await follower.level.wait()
                tasks.cancel_scope.cancel()
        return time.perf_counter() - began, quantiles(lags_s, n=100)[-1]


async def _nothing(_peer: PeerId, _question: bytes) -> bytes:
    raise AssertionError("nobody asks a newcomer")


def _caught_up(town: Town, folder: Path, peers: int) -> tuple[float, float]:
    """Blocks in a second from so many peers, and the lag in milliseconds."""
    chain = town.genesis.chain
    words = [sys.executable, "-P", "-m", "bench.catchup"]
    words += [str(folder / "whole"), chain.hex(), str(peers)]
    with (
        tempfile.TemporaryDirectory(dir=folder) as name,
        create_database(Path(name) / "data", _genesis(town)) as store,
        subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            lines = sorted(process.stdout.readline().split() for _ in range(peers))
            seconds, lag_s = trio.run(_follow, store, [address for _, address in lines])
        finally:
            process.kill()
    return BLOCKS / seconds, lag_s * 1_000


def _imported(town: Town, folder: Path) -> float:
    """Blocks in a second."""
    chain = town.genesis.chain
    with (
        tempfile.TemporaryDirectory(dir=folder) as name,
        open_database(folder / "whole", chain) as whole,
    ):
        path = Path(name) / "data"
        store, gathered = open_gathering(path, _genesis(town), bytes_max=GATHERED_BYTES)
        with store:
            importer = Importer(store, chain)
            began = time.perf_counter()
            for number in range(1, BLOCKS + 1):
                height = Height(number)
                certificate = whole.certificate(height)
                assert certificate is not None
                importer.take(Exported(whole.block(height), certificate, whole.receipts(height)))
            gathered.flush()
            return BLOCKS / (time.perf_counter() - began)


@final
@dataclass(frozen=True, slots=True)
class Figures:
    """Medians of RUNS."""

    imported: float
    """Blocks in a second."""
    caught_up: dict[int, tuple[float, float]]
    """The same and the lag in milliseconds, by the number of peers."""


def measure() -> Figures:
    """All of it."""
    sys.setswitchinterval(SWITCH_S)  # as a node does
    with tempfile.TemporaryDirectory(prefix="mithaq-bench-") as name:
        folder, town = Path(name), Town(PAYERS)
        _make(town, folder / "whole")
        imported = median(_imported(town, folder) for _ in range(RUNS))
        caught_up = {}
        for peers in (1, 3):
            runs = [_caught_up(town, folder, peers) for _ in range(RUNS)]
            rate, lag_ms = (median(values) for values in zip(*runs, strict=True))
            caught_up[peers] = rate, lag_ms
    return Figures(imported, caught_up)


def run(report: Report) -> None:
    """Of blocks and payments, beside an import's; and what the node's loop feels of it."""
    found = measure()
    report.fact("catchup.import, for comparison", found.imported, "blocks/s")
    for peers, (rate, lag_ms) in found.caught_up.items():
        report.fact(f"catchup.blocks/{peers}", rate, "blocks/s")
        report.fact(f"catchup.payments/{peers}", rate * PAYMENTS, "payments/s")
        ratio = rate / found.imported
        report.goal_at_least(f"catchup.of_import/{peers}", ratio, "", at_least=GOAL_RATIO)
        report.goal(f"catchup.loop_lag/{peers}", lag_ms, "ms", at_most=LAG_GOAL_MS)


if __name__ == "__main__":
    trio.run(_serve, Path(sys.argv[1]), ChainId(bytes.fromhex(sys.argv[2])), int(sys.argv[3]))
