"""docs/export-format.md is enough to read an export: with hashlib, msgpack and libsodium alone."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgpack
import pytest
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from kit.exports import Spoil, with_a_forged_seal, with_other_receipts, write_export
from kit.other_ledger import OtherChain
from primitives import limits

PAGE = Path(__file__).parents[2] / "docs" / "export-format.md"


def packed(value: object) -> bytes:
    data: bytes = msgpack.packb(value, use_bin_type=True)
    return data


def sha(name: str, *parts: bytes) -> bytes:
    return hashlib.sha256(b"mithaq/1/" + name.encode() + b"\0" + b"".join(parts)).digest()


def top(items: list[bytes]) -> bytes:
    if len(items) < 2:
        return b"".join(items)
    half = 1 << (len(items) - 1).bit_length() - 1
    return sha("list-node", top(items[:half]), top(items[half:]))


def root(items: list[bytes]) -> bytes:
    return sha("list-root", len(items).to_bytes(8, "big"), top(items))


def records_in(data: bytes) -> list[Any]:
    unpacker = msgpack.Unpacker(max_buffer_size=len(data))
    unpacker.feed(data)
    records: list[Any] = []
    at = 0
    for record in unpacker:
        assert packed(record) == data[at : unpacker.tell()], "canonical"
        if record[0] == "end":
            assert record[1:] == [len(records) - 1, hashlib.sha256(data[:at]).digest()]
            assert unpacker.tell() == len(data)
            return records
        records.append(record)
        at = unpacker.tell()
    raise AssertionError("no last record")


def check(data: bytes, pinned: bytes) -> int:
    """Paragraph 2 of the page; the last height that was checked."""
    head, (document, header), *heights = records_in(data)
    name, version, chain, about = head
    first, last = msgpack.unpackb(about)
    assert (name, version, chain) == ("mithaq.export", 1, pinned)
    assert sha("block", packed(header)) == chain
    assert (document[0], first, last) == ("mithaq.genesis", 1, len(heights))
    voters = sorted(record[1] for record in document[5])
    for number, (block, certificate, receipts) in enumerate(heights, start=1):
        below, (header, transactions) = header, block
        assert (header[0], header[1]) == (chain, number)
        assert header[2] == sha("block", packed(below))
        assert header[3] > below[3]
        assert header[8] == below[9] == sha("validators", packed(voters))
        check_certificate(certificate, header, chain, voters)
        assert header[5] == root([sha("transaction-hash", one) for one in transactions])
        assert header[7] == root([sha("receipt", one) for one in receipts])
        for one in transactions:
            body, signatures = msgpack.unpackb(one)
            assert body[0] == chain
            signed = b"mithaq/1/transaction-signature\0" + packed(body)
            for key, signature in signatures:
                crypto_sign_open(signature + signed, key)
    return int(header[1])


def check_certificate(found: Any, header: Any, chain: bytes, voters: list[bytes]) -> None:  # noqa: ANN401
    height, view, identifier, seals = found
    assert (height, identifier) == (header[1], sha("block", packed(header)))
    seats = [seat for seat, _ in seals]
    assert seats == sorted(set(seats))
    assert len(seats) >= len(voters) - (len(voters) - 1) // 3
    place = chain + height.to_bytes(8, "big") + view.to_bytes(4, "big") + identifier
    for seat, signature in seals:
        crypto_sign_open(signature + b"mithaq/1/commit\0" + place, voters[seat])


@pytest.fixture
def other() -> OtherChain:
    made = OtherChain.begin()
    for payments in (1, 3, 0):
        made.block(payments=payments)
    return made


def test_a_reader_written_from_the_page_reads_what_we_write(
    other: OtherChain, tmp_path: Path
) -> None:
    """Every check of its second paragraph, for every height."""
    data = write_export(other.chain, tmp_path / "c.export").read_bytes()

    assert check(data, other.chain.chain) == 3


@pytest.mark.parametrize("spoil", [with_a_forged_seal, with_other_receipts])
def test_it_refuses_what_we_refuse(other: OtherChain, tmp_path: Path, spoil: Spoil) -> None:
    """The checks are not for show."""
    data = write_export(other.chain, tmp_path / "c.export", spoil={2: spoil}).read_bytes()

    with pytest.raises((AssertionError, BadSignatureError)):
        check(data, other.chain.chain)


def test_the_bounds_on_the_page_are_those_of_the_code() -> None:
    """A number in a document is a promise."""
    page = PAGE.read_text(encoding="utf-8")

    assert f"at most {limits.EXPORT_RECORD_BYTES_MAX:,} bytes" in page
    assert f"at most {limits.GENESIS_BYTES_MAX // 2**20} MiB" in page
    assert f"at most {limits.BLOCK_TRANSACTIONS_MAX:,} transactions" in page
    assert f"{limits.BLOCK_BYTES_MAX:,} bytes together" in page
