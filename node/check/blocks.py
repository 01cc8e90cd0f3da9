"""The chain itself: each header, certificate, body and list of receipts, and how they belong.

Four regions are read side by side in the order of heights, so that every row is read once and a row
that should not be there is met on the way. What the indexes should hold is derived from each block
here and compared in `indexes`.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, final

from ledger.movements import movements
from ledger.receipt import Receipt, read_receipt, receipts_root
from ledger.touched import accounts_named, accounts_touched
from ledger.transaction import Transaction, read_transaction, transaction_id
from node.check.findings import CarefulReader, Findings
from node.check.tally import MISSING, SUPERFLUOUS, Row, Tally
from node.check.validators import Governors
from node.work import Progress, Work
from primitives.block import Header, block_id, transaction_hash, transactions_root
from primitives.certificate import Certificate
from primitives.codec import decode, encode
from primitives.crypto import ED25519, check_certificate
from primitives.domains import Domain
from primitives.errors import Malformed, RemoteFault
from primitives.ids import BlockId, ChainId, Height, TimeMs
from services.table import RECEIPT, TRANSACTION
from storage import schema
from storage.decision import Head
from storage.edges import Edges
from storage.schema import Region

TRANSACTIONS_A_STEP: Final = 32
"""About a millisecond."""
_HEIGHT_KEY_BYTES: Final = 9
DERIVED: Final = (Region.HEIGHT, Region.TRANSACTION, Region.ACCOUNT_TX, Region.WINDOW)
"""What follows from the blocks."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What is known of the chain before its blocks are looked at."""

    id: ChainId
    head: Head
    edges: Edges
    swept: Edges
    forgotten: TimeMs
    first: Height
    """The lowest height to check, and the highest."""
    last: Height
    whole: bool
    """No heights were named: everything is checked."""

    def expects_body(self, height: int) -> bool:
        """Whether the transactions of a height must be there."""
        return height >= self.edges.bodies or height == 0

    def expects_receipts(self, height: int) -> bool:
        """Whether the receipts of a height must be there."""
        return height >= self.edges.receipts or height == 0

    def expects_block(self, height: int) -> bool:
        """Whether both must be there, so that the rows of the indexes follow from them."""
        return self.expects_body(height) and self.expects_receipts(height)


@final
@dataclass(frozen=True, slots=True)
class Derived:
    """What the blocks say that the indexes hold."""

    tallies: dict[Region, Tally] = field(
        default_factory=lambda: {region: Tally() for region in DERIVED}
    )
    unknown: set[int] = field(default_factory=set)
    """Heights whose blocks are damaged: nothing follows from them."""

    def expect(self, rows: Iterator[Row]) -> Iterator[None]:
        """Add them up, with a breath in between."""
        for count, (key, value) in enumerate(rows):
            self.tallies[Region(key[0])].expect(key, value)
            if count % (4 * TRANSACTIONS_A_STEP) == 0:
                yield


@final
class Column:
    """One region's rows, asked for by ascending heights; what nobody asks for is superfluous."""

    def __init__(
        self,
        reader: CarefulReader,
        region: Region,
        chain: Chain,
        findings: Findings,
        *,
        leaving: range = range(0),
    ) -> None:
        """`leaving` are heights whose rows may be there or not: they are being taken away."""
        start, stop = bytes([region]), bytes([region + 1])
        if not chain.whole:
            start = schema.of_height(region, chain.first)[0]
            stop = schema.of_height(region, chain.last)[1]
        self._rows = reader.iterate(start=start, stop=stop)
        self._region, self._findings, self._leaving = region, findings, leaving
        self._next = next(self._rows, None)

    def at(self, height: int) -> bytes | None:
        """The value of a height."""
        wanted = schema.of_height(self._region, Height(height))[0]
        while self._next is not None and self._next[0] < wanted:
            self._superfluous(self._next[0])
            self._next = next(self._rows, None)
        if self._next is None or self._next[0] != wanted:
            return None
        value = self._next[1]
        self._next = next(self._rows, None)
        return value

    def end(self) -> None:
        """Nothing more is asked for."""
        while self._next is not None:
            self._superfluous(self._next[0])
            self._next = next(self._rows, None)

    def _superfluous(self, key: bytes) -> None:
        height = int.from_bytes(key[1:], "big") if len(key) == _HEIGHT_KEY_BYTES else None
        if height is None or height not in self._leaving:
            self._findings.found(self._region, SUPERFLUOUS, height=height, key=key)


@final
class Blocks:
    """The check of the chain."""

    def __init__(
        self, reader: CarefulReader, chain: Chain, governors: Governors, findings: Findings
    ) -> None:
        self._reader, self._chain = reader, chain
        self._governors, self._findings = governors, findings
        self._before: tuple[int, BlockId, TimeMs] | None = None
        self.derived = Derived()
        self.signatures = 0
        self.transactions = 0
        self.blocks = 0

    def check(self) -> Work[None]:
        """All heights, one after the other."""
        chain, findings = self._chain, self._findings
        headers = Column(self._reader, Region.HEADER, chain, findings)
        certificates = Column(self._reader, Region.CERTIFICATE, chain, findings)
        going = range(chain.swept.bodies, chain.edges.bodies)
        bodies = Column(self._reader, Region.BODY, chain, findings, leaving=going)
        going = range(chain.swept.receipts, chain.edges.receipts)
        receipts = Column(self._reader, Region.RECEIPTS, chain, findings, leaving=going)
        single = self._single_headers()
        row = range(max(chain.edges.headers, chain.first), chain.last + 1)
        total = len(single) + len(row)
        self._before = self._below_the_range()
        for done, height in enumerate(itertools.chain(single, row)):
            yield Progress(done, total, "blocks")
            header = self._header(height, headers.at(height))
            self._certificate(height, header, certificates.at(height))
            for _ in self._body(height, header, bodies.at(height), receipts.at(height)):
                yield Progress(done, total, "blocks")
            self.blocks += 1
        for column in (headers, certificates, bodies, receipts):
            column.end()

    def _single_headers(self) -> list[int]:
        """Heights below the edge: block 0, and those that lead from there to a snapshot."""
        chain = self._chain
        stop = min(chain.edges.headers, chain.last + 1)
        found = [
            int.from_bytes(key[1:], "big")
            for key, _ in self._reader.iterate(
                start=schema.header_key(chain.first), stop=schema.header_key(Height(stop))
            )
            if len(key) == _HEIGHT_KEY_BYTES
        ]
        if chain.first == 0 < stop and found[:1] != [0]:
            found.insert(0, 0)
        return found

    def _below_the_range(self) -> tuple[int, BlockId, TimeMs] | None:
        """The block that the first one names as its parent, where it is not checked itself."""
        height = Height(self._chain.first - 1)
        data = None if height < 0 else self._reader.get(schema.header_key(height))
        try:
            header = None if data is None else decode(data, Header, limit=len(data))
        except Malformed:
            header = None
        return None if header is None else (height, block_id(header), header.time_ms)

    def _header(self, height: int, data: bytes | None) -> Header | None:
        before, self._before = self._before, None
        header: Header | None = self._decoded(Region.HEADER, height, data, Header)
        if header is None:
            self.derived.unknown.add(height)
            return None
        identifier = block_id(header)
        for what, found, expected in self._header_facts(height, header, identifier, before):
            if found != expected:
                self._bad(Region.HEADER, height, f"{what} is {found}, expected {expected}")
        if before is not None and before[0] == height - 1 and header.time_ms <= before[2]:
            what = f"its time is {header.time_ms}, that of the block before it is {before[2]}"
            self._bad(Region.HEADER, height, what)
        self.derived.tallies[Region.HEIGHT].expect(
            schema.height_key(identifier), schema.pack_number(height)
        )
        self._before = (height, identifier, header.time_ms)
        return header

    def _header_facts(
        self,
        height: int,
        header: Header,
        identifier: BlockId,
        before: tuple[int, BlockId, TimeMs] | None,
    ) -> Iterator[tuple[str, object, object]]:
        """(what, as found, as it must be)."""
        chain = self._chain
        yield "its height", header.height, height
        if height == 0:
            yield "the id of block 0", identifier.hex(), chain.id.hex()
        else:
            yield "its chain", header.chain.hex(), chain.id.hex()
        if height == chain.head.height:
            yield "the block's id", identifier.hex(), chain.head.block_id.hex()
        if before is not None and before[0] == height - 1:
            yield "its parent", header.parent.hex(), before[1].hex()
        for what, at, named in (
            ("the hash of its validators", height, header.validators_hash),
            ("the hash of the next validators", height + 1, header.next_validators_hash),
        ):
            governing = self._governors.at(Height(at))
            if governing is not None:
                yield what, named.hex(), governing.hash.hex()

    def _certificate(self, height: int, header: Header | None, data: bytes | None) -> None:
        if height == 0:
            if data is not None:
                self._bad(Region.CERTIFICATE, 0, "block 0 has no certificate")
            return
        certificate = self._decoded(Region.CERTIFICATE, height, data, Certificate)
        if certificate is None or header is None:
            return
        if certificate.height != height or certificate.block_id != block_id(header):
            self._bad(
                Region.CERTIFICATE,
                height,
                f"it is over block {certificate.block_id.hex()} of height {certificate.height}, "
                f"the block here is {block_id(header).hex()}",
            )
            return
        validators = self._governors.at(Height(height))
        if validators is None:
            self._bad(Region.CERTIFICATE, height, "it cannot be judged: nobody knows who votes")
            return
        self.signatures += len(certificate.seals)
        try:
            check_certificate(certificate, Domain.COMMIT, self._chain.id, validators, ED25519)
        except RemoteFault as error:
            self._bad(Region.CERTIFICATE, height, str(error))

    def _body(
        self, height: int, header: Header | None, body: bytes | None, receipts: bytes | None
    ) -> Iterator[None]:
        chain = self._chain
        transactions = outcomes = None
        if body is not None and 0 < height < chain.swept.bodies:
            self._bad(Region.BODY, height, SUPERFLUOUS)
        if receipts is not None and 0 < height < chain.swept.receipts:
            self._bad(Region.RECEIPTS, height, SUPERFLUOUS)
        if body is not None or chain.expects_body(height):
            transactions = self._decoded(Region.BODY, height, body, tuple[bytes, ...])
        if receipts is not None or chain.expects_receipts(height):
            outcomes = self._decoded(Region.RECEIPTS, height, receipts, tuple[bytes, ...])
        yield
        if header is not None and transactions is not None:
            root = transactions_root([transaction_hash(data) for data in transactions])
            if not self._root(Region.BODY, height, root, header.transactions_root):
                transactions = None
        yield
        if header is not None and outcomes is not None:
            root = receipts_root(outcomes)
            if not self._root(Region.RECEIPTS, height, root, header.receipts_root):
                outcomes = None
        yield
        if not chain.expects_block(height):
            return  # what is there until it is swept accounts for no row of an index
        if transactions is None or outcomes is None:
            self.derived.unknown.add(height)
            return
        self.transactions += len(transactions)
        try:
            rows = index_rows(height, transactions, outcomes, chain)
            yield from self.derived.expect(rows)
        except Malformed as error:
            self._bad(Region.RECEIPTS, height, str(error))
            self.derived.unknown.add(height)

    def _root(self, region: Region, height: int, found: bytes, expected: bytes) -> bool:
        if found == expected:
            return True
        what = f"has the root {found.hex()}, the header says {expected.hex()}"
        self._bad(region, height, what)
        return False

    def _decoded(self, region: Region, height: int, data: bytes | None, kind: type[Any]) -> Any:  # noqa: ANN401 - of that type
        if data is None:
            self._bad(region, height, MISSING)
            return None
        try:
            return decode(data, kind, limit=len(data))
        except Malformed as error:
            self._bad(region, height, str(error))
            return None

    def _bad(self, region: Region, height: int, what: str) -> None:
        key = schema.of_height(region, Height(height))[0]
        self._findings.found(region, what, height=height, key=key)


def index_rows(
    height: int, transactions: Sequence[bytes], receipts: Sequence[bytes], chain: Chain
) -> Iterator[Row]:
    """The rows that the indexes hold of one block.

    Raises:
        Malformed: the block's transactions and receipts do not belong together.
    """
    if len(transactions) > len(receipts):
        raise Malformed(f"{len(receipts)} receipts for {len(transactions)} transactions")
    at, is_indexed = Height(height), height >= chain.edges.index
    if is_indexed:
        yield from _rows_of_duties(at, len(transactions), receipts)
    for index, (data, outcome) in enumerate(zip(transactions, receipts, strict=False)):
        transaction: Transaction[Any] = read_transaction(data, TRANSACTION)
        receipt: Receipt[Any, Any] = read_receipt(outcome, RECEIPT)
        identifier = transaction_id(encode(transaction.body))
        if receipt.transaction_id != identifier:
            raise Malformed(
                f"receipt {index} is of transaction {receipt.transaction_id.hex()}, "
                f"the one at this place is {identifier.hex()}"
            )
        if is_indexed:
            yield schema.transaction_key(identifier), schema.pack_place(at, index)
            moved = movements(receipt.events)
            for account in accounts_touched(transaction, receipt.events):
                yield schema.account_tx_key(account, at, index), moved.get(account, b"")
        valid_until = transaction.body.valid_until
        if valid_until >= chain.forgotten:
            yield schema.window_key(valid_until, identifier), schema.pack_number(height)


def _rows_of_duties(height: Height, first: int, receipts: Sequence[bytes]) -> Iterator[Row]:
    """Those of what fell due: its receipts stand behind those of the transactions."""
    for index, outcome in enumerate(receipts[first:], first):
        receipt: Receipt[Any, Any] = read_receipt(outcome, RECEIPT)
        yield schema.transaction_key(receipt.transaction_id), schema.pack_place(height, index)
        moved = movements(receipt.events)
        for account in accounts_named(receipt.events):
            yield schema.account_tx_key(account, height, index), moved.get(account, b"")
