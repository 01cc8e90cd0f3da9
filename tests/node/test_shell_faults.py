"""A request of the API that meets a fault of ours ends the node, not only itself (rule R38)."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from consensus.events import IntervalOver
from kit.engines import begun
from kit.ledger import pay
from kit.nets import in_trio, seed_of
from node.config import LogLevel
from node.log import Log
from node.metrics import Metrics
from node.peering import Peering
from node.shell import Shell, now_ms
from p2p.network import open_network
from primitives.crypto import SigningKey
from primitives.errors import Rejected, StorageFault
from primitives.ids import Height
from services.table import TRANSACTION


async def nothing(_peer: object, _question: bytes) -> bytes:
    return b""


async def no_newcomer(_question: object) -> bytes:
    raise AssertionError("nobody joins here")


@in_trio
async def test_a_sync_that_fails_in_a_submission_ends_the_shell() -> None:
    """The client is told of an incident; the node does not go on with what it does not know."""
    network = begun(1)
    node = network.validators()[0]
    ahead_ms = now_ms() - network.now_ms
    data = network.transaction("treasury", pay("works", 1, "A"), ms=ahead_ms + 60_000).data

    def danger(point: str) -> None:
        node.database.danger = lambda _: None  # the next write would find the disk well again
        raise StorageFault(f"sync failed {point}")

    async with open_network(
        key_seed=seed_of(0), listen="127.0.0.1:0", chain_id=network.chain, peers=(), answer=nothing
    ) as links:
        log = Log("node0", LogLevel.ERROR)
        peering = Peering(
            links,
            store=node.store,
            chain=network.chain,
            key=SigningKey(seed_of(0)),
            bootstrap=(),
            log=log,
        )
        shell = Shell(
            engine=node.alive,
            network=links,
            peering=peering,
            store=node.store,
            chain=network.chain,
            kind=TRANSACTION,
            key=node.validator,
            log=log,
            metrics=Metrics(),
            newcomers=no_newcomer,
        )
        ended: list[BaseException] = []
        is_over = trio.Event()

        async def run() -> None:
            try:
                await shell.run()
            except* StorageFault as group:
                ended.extend(group.exceptions)
            finally:
                is_over.set()

        async with trio.open_nursery() as tasks:
            tasks.start_soon(run)
            await wait_all_tasks_blocked()
            with pytest.raises(Rejected):
                shell.unfence(Height(9), "the operator")
            assert ended == []
            for _ in range(2):  # the heartbeat's block, then the height that waits for work
                node.alive.fire(IntervalOver(node.alive.height), now_ms())
            node.database.danger = danger
            with pytest.raises(StorageFault):
                await shell.submit([data])
            with trio.move_on_after(15):
                await is_over.wait()
            tasks.cancel_scope.cancel()

    assert len(ended) == 1
