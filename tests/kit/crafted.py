"""Blocks and votes that no honest engine makes, over a network of engines (kit/engines.py)."""

from msgspec.structs import replace

from kit.engines import Network
from kit.spoken import Voice
from ledger.transaction import CheckedTransaction
from node.blocks import Blocks
from node.mempool import Mempool
from primitives.block import Block, transaction_hash, transactions_root
from primitives.ids import TimeMs, View
from services.table import TRANSACTION


def voices(network: Network) -> list[Voice]:
    return [network.voice(node) for node in network.validators()]


def built(
    network: Network, *transactions: CheckedTransaction, view: int = 0, ahead_ms: int = 0
) -> Block:
    """A good block of the next height, as its primary in a view would build it."""
    node = network.validators()[0]
    mempool = Mempool()
    for tx in transactions:
        mempool.add(tx)
    blocks = Blocks(node.store, mempool, chain=network.chain, kind=TRANSACTION, clock=lambda: 0.0)
    proposer = network.members.primary(blocks.height, View(view))
    at = TimeMs(network.now_ms + ahead_ms)
    return blocks.build(View(view), proposer=proposer, now_ms=at).block


def changed(block: Block, **fields: object) -> Block:
    return Block(replace(block.header, **fields), block.transactions)


def with_transactions(block: Block, *transactions: bytes) -> Block:
    """The same header over other transactions."""
    root = transactions_root([transaction_hash(data) for data in transactions])
    return Block(replace(block.header, transactions_root=root), transactions)
