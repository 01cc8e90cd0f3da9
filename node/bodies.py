"""Blocks whose bytes match their id, with their transactions checked one by one.

A transaction that can stand in no block makes the block bad, not its deliverer guilty: the header
names it. Such a block is kept with its fault, and every verdict about it is the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from ledger.transaction import CheckedTransaction, check_transaction
from node import wire
from node.verify import check_body
from primitives.block import Block, block_id
from primitives.errors import MithaqError
from primitives.ids import BlockId, ChainId, TransactionHash

Lookup = Callable[[TransactionHash], CheckedTransaction | None]


@final
@dataclass(frozen=True, slots=True)
class CheckedBlock:
    """A block that hashes to `id`. `fault` says which transaction can stand in no block, if any."""

    block: Block
    id: BlockId
    transactions: tuple[CheckedTransaction, ...]
    fault: str | None = None


def check_block(
    block: Block,
    identifier: BlockId,
    *,
    chain: ChainId,
    kind: Any,  # noqa: ANN401 - a generic alias, as in ledger.transaction
    known: Lookup,
) -> CheckedBlock:
    """Match a block with its id and check the transactions that are not `known`.

    Costs a signature check for each unknown one: run it in a thread.

    Raises:
        BadBlock: these are not the bytes behind the id.
    """
    hashes = check_body(block, identifier)
    checked: list[CheckedTransaction] = []
    for name, data in zip(hashes, block.transactions, strict=True):
        transaction = known(name)
        if transaction is None:
            try:
                transaction = check_transaction(data, chain, kind)
            except MithaqError as error:
                return CheckedBlock(block, identifier, (), f"transaction {name.hex()}: {error}")
        checked.append(transaction)
    return CheckedBlock(block, identifier, tuple(checked))


def body_of(
    message: wire.Wire,
    *,
    chain: ChainId,
    kind: Any,  # noqa: ANN401 - as above
    known: Lookup,
) -> CheckedBlock | None:
    """The checked block that a message carries, if it carries one that can be put together.

    Raises:
        BadBlock: the deliverer sent a body that is not the one it names.
    """
    match message:
        case wire.Proposed(pre_prepare, wire.FullBody(block)):
            identifier = pre_prepare.block_id
        case wire.Proposed(pre_prepare, wire.CompactBody() as compact):
            found, identifier = _assemble(compact, known), pre_prepare.block_id
            if found is None:
                return None
            block = found
        case wire.Decided(block, certificate):
            identifier = certificate.block_id
        case wire.Body(block):
            identifier = block_id(block.header)
        case _:
            return None
    return check_block(block, identifier, chain=chain, kind=kind, known=known)


def _assemble(body: wire.CompactBody, known: Lookup) -> Block | None:
    """The block of a compact proposal, if every transaction of it is known."""
    found = [known(name) for name in body.hashes]
    transactions = [transaction.data for transaction in found if transaction is not None]
    if len(transactions) < len(found):
        return None
    return Block(body.header, tuple(transactions))
