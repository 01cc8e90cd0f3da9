"""The portable form of a chain: all that is public about it, in one file (docs/export-format.md).

```
head      ["mithaq.export", 1, chain, about]          about = [first height, last height]
record    [genesis document, header of block 0]
record*   [block, certificate, receipts]              one for each height, ascending, without a gap
end       ["end", records, SHA-256 of all before]
```

Every record is the canonical form of what validators decided and the ledger made of it, so two
exports of the same heights are equal byte for byte, whoever wrote them. Nothing in the file is to
be believed by itself: certificates carry it, from the genesis document on.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, final

from msgspec import Struct

from ledger.genesis import Genesis, GenesisDocument, genesis_block
from node.replay import Exported
from primitives import limits
from primitives.block import Header, block_id
from primitives.codec import decode, encode
from primitives.errors import Malformed, OperatorFault
from primitives.ids import ChainId, Height, Natural
from storage.stream import StreamHead, StreamReader

NAME: Final = "mithaq.export"
VERSION: Final = 1


@final
class ExportAbout(Struct, array_like=True, frozen=True):
    """Which heights an export has; block 0 is the genesis document."""

    first: Natural[Height]
    last: Natural[Height]


@final
class ExportGenesis(Struct, array_like=True, frozen=True):
    """What the chain begins with; the header is there for readers that do not know the ledger."""

    document: GenesisDocument
    header: Header


def export_head(chain: ChainId, about: ExportAbout) -> StreamHead:
    """How the file of these heights begins."""
    return StreamHead(NAME, VERSION, chain, encode(about))


def open_export(path: Path) -> BinaryIO:
    """A file to be read.

    Raises:
        OperatorFault: it cannot be.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise OperatorFault(f"{path} cannot be read: {error.strerror}") from error


@final
class ExportReader:
    """An export as it is read: what it begins with, then height after height, each once.

    Raises, from the first byte on:
        Malformed: no export, damaged, cut off, not canonical, or its heights are not what it says.
    """

    def __init__(self, file: BinaryIO, where: str) -> None:
        """`where` names the file in messages."""
        self._where = where
        self._stream = StreamReader(
            file,
            name=NAME,
            version=VERSION,
            record_bytes_max=limits.EXPORT_RECORD_BYTES_MAX,
            where=where,
        )
        self.chain = ChainId(self._stream.head.chain)
        self.about = decode(self._stream.head.about, ExportAbout, limit=64)
        if not 1 <= self.about.first <= self.about.last + 1:
            raise Malformed(
                f"{where}: heights {self.about.first} to {self.about.last}, expected at least 1"
            )
        self._records = iter(self._stream)
        self._begins = self._first()

    def _first(self) -> ExportGenesis:
        data = next(self._records, None)
        if data is None:
            raise Malformed(f"{self._where}: it ends without a genesis document")
        found = decode(data, ExportGenesis, limit=limits.GENESIS_BYTES_MAX)
        named = ChainId(block_id(found.header))
        if named != self.chain:
            raise Malformed(
                f"{self._where}: it is of chain {self.chain.hex()}, its block 0 is {named.hex()}"
            )
        return found

    @property
    def document(self) -> GenesisDocument:
        """What the network began with; `genesis` says whether it is this chain's."""
        return self._begins.document

    def genesis(self) -> Genesis:
        """Block 0, made from the document.

        Raises:
            Malformed: the document makes another block 0, or contradicts itself.
        """
        try:
            begun = genesis_block(self.document)
        except OperatorFault as error:
            raise Malformed(f"{self._where}: {error}") from error
        if begun.chain != self.chain:
            raise Malformed(
                f"{self._where}: it is of chain {self.chain.hex()}, its genesis document makes "
                f"{begun.chain.hex()}"
            )
        return begun

    def __iter__(self) -> Iterator[Exported]:
        """Every height; the end of the file is checked with the last."""
        height = self.about.first
        for data in self._records:
            try:
                found = decode(data, Exported, limit=limits.EXPORT_RECORD_BYTES_MAX)
            except Malformed as error:
                raise Malformed(f"{self._where}: height {height}: {error}") from error
            if found.height != height:
                raise Malformed(
                    f"{self._where}: the block of height {found.height} stands where "
                    f"{height} is expected"
                )
            if height > self.about.last:
                raise Malformed(
                    f"{self._where}: height {height} is above its last, {self.about.last}"
                )
            yield found
            height = Height(height + 1)
        if height != self.about.last + 1:
            raise Malformed(
                f"{self._where}: it ends with height {height - 1}, its head says {self.about.last}"
            )
