"""Exports: the same bytes from every node, made in one go or in several."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.api import ChainOfOne
from kit.exports import done, records, write_export
from kit.ledger import pay
from ledger.transaction import check_transaction
from node.export_file import ExportAbout, ExportGenesis, ExportReader, export_head
from node.exporting import ExportRequest, ExportResult, export_chain
from node.premises import Premises
from primitives import limits
from primitives.codec import encode
from primitives.errors import Malformed, OperatorFault, Rejected
from primitives.ids import Height
from services.table import TRANSACTION
from storage.edges import Part
from storage.new_file import part_of
from storage.stream import StreamWriter

HEIGHTS = 6


@pytest.fixture
def chain(tmp_path: Path) -> ChainOfOne:
    made = ChainOfOne(folder=tmp_path)
    for number in range(HEIGHTS):
        data = made.signed("treasury", pay("health", 1, f"export-{number}"))
        tx = check_transaction(data, made.chain, TRANSACTION)
        made.waiting[tx.id] = tx
        made.make_block()
    return made


def export(premises: Premises, file: Path, first: int = 1, last: int | None = None) -> ExportResult:
    asked = ExportRequest(
        file=str(file), first=Height(first), last=None if last is None else Height(last)
    )
    result: ExportResult = done(export_chain(premises, asked))
    return result


def test_an_export_has_genesis_and_every_height(chain: ChainOfOne, tmp_path: Path) -> None:
    """Read back, each is what the node has; the reader ends with the last."""
    result = export(chain.premises, tmp_path / "c.export")

    assert (result.first, result.last, result.kept) == (1, HEIGHTS, 0)
    assert result.bytes == (tmp_path / "c.export").stat().st_size
    with (tmp_path / "c.export").open("rb") as file:
        reader = ExportReader(file, "c.export")
        assert reader.document == chain.genesis
        assert reader.genesis().chain == chain.chain
        assert list(reader) == list(records(chain))


def test_a_part_of_a_chain_can_be_exported(chain: ChainOfOne, tmp_path: Path) -> None:
    """From one height to another; none is a file with genesis alone."""
    export(chain.premises, tmp_path / "part", 3, 4)
    export(chain.premises, tmp_path / "none", 1, 0)

    assert (tmp_path / "part").read_bytes() == write_export(
        chain, tmp_path / "same", first=3, last=4
    ).read_bytes()
    with (tmp_path / "none").open("rb") as file:
        assert list(ExportReader(file, "none")) == []


@pytest.mark.parametrize(("first", "last"), [(1, HEIGHTS + 1), (HEIGHTS + 2, None), (5, 3), (0, 3)])
def test_heights_that_are_not_there_are_refused(
    chain: ChainOfOne, tmp_path: Path, first: int, last: int | None
) -> None:
    """And nothing is left of the attempt that would be in the way of the next one."""
    with pytest.raises(Rejected, match=f"this node has 1 to {HEIGHTS}"):
        export(chain.premises, tmp_path / "c.export", first, last)

    assert not part_of(tmp_path / "c.export").exists()
    export(chain.premises, tmp_path / "c.export")


def test_an_interrupted_export_goes_on_to_the_same_bytes(chain: ChainOfOne, tmp_path: Path) -> None:
    """Wherever it was cut: between two records, within one, or after the last."""
    whole = write_export(chain, tmp_path / "whole").read_bytes()
    chain.make_block()  # one that the interrupted export did not mean
    sizes = {0, len(whole), *range(200, len(whole), 397)}
    kept = set()
    for size in sorted(sizes - {0}):
        file = tmp_path / f"{size}.export"
        part_of(file).write_bytes(whole[:size])
        kept.add(export(chain.premises, file).kept)
        assert file.read_bytes() == whole
        assert not part_of(file).exists()

    assert kept == set(range(HEIGHTS + 1))


def test_a_stopped_export_keeps_what_it_has(chain: ChainOfOne, tmp_path: Path) -> None:
    """Ctrl-C closes the work; the same command goes on from there."""
    file = tmp_path / "c.export"
    asked = ExportRequest(file=str(file), first=Height(1), last=None)
    work = export_chain(chain.premises, asked)
    for _ in range(3):
        next(work)
    work.close()

    assert not file.exists()
    assert export(chain.premises, file).kept == 2  # the first step wrote genesis
    assert file.read_bytes() == write_export(chain, tmp_path / "whole").read_bytes()


def test_a_part_of_another_export_is_not_gone_on_with(chain: ChainOfOne, tmp_path: Path) -> None:
    """Other heights, other bytes or no export at all: the operator says what becomes of it."""
    file = tmp_path / "c.export"
    part = part_of(file)
    write_export(chain, part, first=2)
    with pytest.raises(OperatorFault, match=f"is of heights 2 to {HEIGHTS} of chain"):
        export(chain.premises, file)

    last = list(records(chain))[-1]
    write_export(chain, part, spoil={2: lambda _: last})
    with pytest.raises(OperatorFault, match="this node has another one: remove it"):
        export(chain.premises, file)

    write_export(chain, part)
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    with pytest.raises(OperatorFault, match=r"the file is damaged: .*: remove it"):
        export(chain.premises, file)

    part.write_bytes(b"somebody's notes")
    with pytest.raises(OperatorFault, match="is no file of"):
        export(chain.premises, file)
    assert part.read_bytes() == b"somebody's notes"


def test_nothing_is_overwritten(chain: ChainOfOne, tmp_path: Path) -> None:
    """A file that exists stays as it is; two exports into one do not mix."""
    file = tmp_path / "c.export"
    asked = ExportRequest(file=str(file), first=Height(1), last=None)
    work = export_chain(chain.premises, asked)
    next(work)
    with pytest.raises(OperatorFault, match="is being written by another export"):
        export(chain.premises, file)
    work.close()

    file.write_bytes(b"mine")
    with pytest.raises(OperatorFault, match="exists already"):
        export(chain.premises, file)


def test_the_largest_height_fits_a_record_and_one_byte_more_does_not(
    chain: ChainOfOne, tmp_path: Path
) -> None:
    """EXPORT_RECORD_BYTES_MAX holds a full block, its certificate and its receipts."""
    assert limits.EXPORT_RECORD_BYTES_MAX >= (
        limits.BLOCK_MESSAGE_BYTES_MAX
        + limits.CERTIFICATE_BYTES_MAX
        + limits.BLOCK_RECEIPTS_BYTES_MAX
    )
    for size, fault in (
        (limits.EXPORT_RECORD_BYTES_MAX, "not a Exported"),
        (limits.EXPORT_RECORD_BYTES_MAX + 1, "bytes, at most"),
    ):
        path = tmp_path / "large"
        with path.open("wb") as file:
            about = ExportAbout(Height(1), Height(1))
            writer = StreamWriter(file, export_head(chain.chain, about))
            writer.write(encode(ExportGenesis(chain.genesis, chain.begun.header)))
            writer.write(encode((bytes(size - 6),)))
            writer.end()
        with path.open("rb") as file, pytest.raises(Malformed, match=fault):
            list(ExportReader(file, "large"))


def test_a_node_exports_what_it_kept(chain: ChainOfOne, tmp_path: Path) -> None:
    """Below, it says from where on, and nothing is left of the attempt."""
    chain.store.retire(Part.BODIES, Height(3), lambda _: b"a record")
    with pytest.raises(Rejected, match="body of height 1 is not kept here: kept from 3 on"):
        export(chain.premises, tmp_path / "c.export")

    assert not part_of(tmp_path / "c.export").exists()
    assert export(chain.premises, tmp_path / "c.export", 3).first == 3
