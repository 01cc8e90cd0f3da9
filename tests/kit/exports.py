"""Exports for tests: of a chain of one, whole or spoilt in one place."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from msgspec.structs import replace

from kit.api import ChainOfOne
from kit.certified import certify
from kit.ledger import key
from ledger.genesis import GenesisDocument
from ledger.receipt import receipts_root
from node.export_file import ExportAbout, ExportGenesis, export_head
from node.exporting import exported
from node.replay import Exported
from node.work import Work, finish
from primitives import limits
from primitives.block import Block, Header, block_id, transaction_hash, transactions_root
from primitives.certificate import Certificate
from primitives.codec import decode, encode
from primitives.ids import ZERO32, BlockId, Height, TimeMs, View
from storage.chain import ChainStore
from storage.stream import StreamWriter

Spoil = Callable[[Exported], Exported]


class Source(Protocol):
    """Whatever has a chain; a `ChainOfOne` does."""

    store: ChainStore
    genesis: GenesisDocument


@dataclass
class Held:
    """A store, and what its chain began with."""

    store: ChainStore
    genesis: GenesisDocument


def records(chain: Source, first: int = 1, last: int | None = None) -> Iterator[Exported]:
    """The heights of a chain."""
    head = chain.store.head().height if last is None else last
    for height in range(first, head + 1):
        data = exported(chain.store, Height(height))
        yield decode(data, Exported, limit=limits.EXPORT_RECORD_BYTES_MAX)


def write_export(
    chain: Source,
    path: Path,
    *,
    first: int = 1,
    last: int | None = None,
    spoil: dict[int, Spoil] | None = None,
    more: Sequence[Exported] = (),
) -> Path:
    """An export; `spoil` says what becomes of some heights on the way into the file."""
    found = [*records(chain, first, last), *more]
    head = Height(first + len(found) - 1)
    with path.open("wb") as file:
        about = ExportAbout(Height(first), head)
        writer = StreamWriter(file, export_head(chain.store.chain, about))
        writer.write(encode(ExportGenesis(chain.genesis, chain.store.header(Height(0)))))
        for one in found:
            into = (spoil or {}).get(one.height)
            writer.write(encode(one if into is None else into(one)))
        writer.end()
    return path


def certified_past_the_rules(chain: ChainOfOne, *transactions: bytes) -> Exported:
    """The next height, certified by a quorum that asked nobody whether it may stand there."""
    head = chain.store.head()
    receipts = tuple(b"" for _ in transactions)
    header = Header(
        chain=chain.chain,
        height=Height(head.height + 1),
        parent=head.block_id,
        time_ms=TimeMs(head.header.time_ms + 1_000),
        proposer=head.header.proposer,
        transactions_root=transactions_root([transaction_hash(data) for data in transactions]),
        state_root=head.header.state_root,
        receipts_root=receipts_root(receipts),
        validators_hash=chain.validators.hash,
        next_validators_hash=chain.validators.hash,
    )
    return recertified(chain, Exported(Block(header, transactions), _NOBODY, receipts))


def recertified(chain: ChainOfOne, found: Exported) -> Exported:
    """With a certificate over the block as it is."""
    certificate = certify(
        [key(name) for name in (f"validator {index}" for index in range(3))],
        chain.validators,
        chain=chain.chain,
        height=found.height,
        view=View(0),
        block=block_id(found.block.header),
    )
    return replace(found, certificate=certificate)


_NOBODY = Certificate(Height(0), View(0), BlockId(ZERO32), ())


def without_a_seal(found: Exported) -> Exported:
    """One signature fewer than a quorum."""
    certificate = found.certificate
    return replace(found, certificate=replace(certificate, seals=certificate.seals[1:]))


def with_a_forged_seal(found: Exported) -> Exported:
    """A signature with a bit turned."""
    certificate = found.certificate
    first, *others = certificate.seals
    forged = first.signature[:-1] + bytes([first.signature[-1] ^ 1])
    seals = (replace(first, signature=forged), *others)
    return replace(found, certificate=replace(certificate, seals=seals))


def with_other_receipts(found: Exported) -> Exported:
    """The receipts in another order."""
    return replace(found, receipts=found.receipts[::-1])


def with_another_time(found: Exported) -> Exported:
    """A header that nobody certified."""
    header = replace(found.block.header, time_ms=found.block.header.time_ms + 1)
    return replace(found, block=replace(found.block, header=header))


def without_a_transaction(found: Exported) -> Exported:
    """A transaction fewer, and its receipt."""
    block = replace(found.block, transactions=found.block.transactions[1:])
    return replace(found, block=block, receipts=found.receipts[1:])


def done(work: Work[Any]) -> Any:  # noqa: ANN401 - whatever it returns
    """The work's result."""
    return finish(work, lambda _: None)
