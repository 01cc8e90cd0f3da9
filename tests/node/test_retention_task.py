"""A running node drops what its policy does not keep, beside its blocks."""

import trio

from kit.api import ChainOfOne
from kit.ledger import key
from kit.nets import in_trio
from node.config import LogLevel
from node.log import Log
from node.retention import Policy
from node.retention_task import keep_retention
from primitives import limits
from primitives.ids import Height
from storage.edges import Edges
from storage.schema import Region

STRIDE = limits.RETENTION_STRIDE


@in_trio
async def test_each_stride_of_blocks_moves_the_edges_by_a_stride() -> None:
    """And takes the rows away; one block earlier nothing moves."""
    chain = ChainOfOne()
    policy = Policy(bodies=5, state=2)
    log = Log("node0", LogLevel.ERROR)
    blocks = iter([STRIDE + 4, 1, STRIDE])
    seen: list[Edges] = []

    async def next_block(_height: Height) -> None:
        seen.append(chain.store.edges())
        count = next(blocks, None)
        if count is None:
            tasks.cancel_scope.cancel()
            await trio.sleep_forever()
        for _ in range(count or 0):
            chain.make_block()

    async with trio.open_nursery() as tasks:
        tasks.start_soon(keep_retention, chain.store, policy, key("node 0"), log, next_block)

    assert [edges.bodies for edges in seen] == [1, 1, 1 + STRIDE, 1 + 2 * STRIDE]
    assert [edges.state for edges in seen] == [0, STRIDE + 3, STRIDE + 3, 2 * STRIDE + 4]
    assert {(edges.receipts, edges.index) for edges in seen} == {(1, 1)}
    height = chain.store.head().height
    assert _heights(chain) == [0, *range(1 + 2 * STRIDE, height + 1)]
    assert chain.store.records() == 4


def _heights(chain: ChainOfOne) -> list[int]:
    start, stop = bytes([Region.BODY]), bytes([Region.BODY + 1])
    rows = chain.store.database.iterate(start=start, stop=stop)
    return [int.from_bytes(name[1:], "big") for name, _ in rows]
