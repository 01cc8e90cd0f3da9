"""The worked example in docs/proof-format.md is a real file, and every number in it is true.

`REWRITE=1 pytest tests/verifier/test_proof_format_page.py` writes the example anew: read the
difference, it is a change of the format.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import Any

import msgpack
import pytest

from kit.proofs import small_chain
from ledger.books import Balance
from node.proof import write_proof
from services.table import TABLES
from verifier import Outcome, read_pin, verify

PAGE = Path(__file__).parents[2] / "docs" / "proof-format.md"
MARK = "<!-- worked example -->\n"
WIDTH = 96


def wrapped(data: bytes) -> str:
    digits = data.hex()
    return "\n".join(digits[at : at + WIDTH] for at in range(0, len(digits), WIDTH))


def sha(name: str, *parts: bytes) -> str:
    return hashlib.sha256(b"mithaq/1/" + name.encode() + b"\0" + b"".join(parts)).hexdigest()


def packed(value: object) -> bytes:
    data: bytes = msgpack.packb(value, use_bin_type=True)
    return data


def steps(outer: list[Any]) -> list[tuple[str, str]]:
    """Every intermediate value, from the decoded file with hashlib and msgpack alone."""
    _, _, (_, genesis, validators), _, header, _, _, subject = outer
    transaction, receipt = subject[1], subject[2]
    body = msgpack.unpackb(transaction)[0]
    return [
        ("chain id", sha("block", packed(genesis))),
        ("block id", sha("block", packed(header))),
        ("validators hash", sha("validators", packed(validators))),
        ("transaction id", sha("transaction-id", packed(body))),
        ("transaction hash", sha("transaction-hash", transaction)),
        ("transactions root", header[5].hex()),
        ("receipt hash", sha("receipt", receipt)),
        ("receipts root", header[7].hex()),
    ]


def example() -> str:
    chain = small_chain()
    data = write_proof(chain.receipt_proof())
    outer = msgpack.unpackb(data)
    parts = [("the array of eight, format and version", data[:15])] + [
        (name, packed(outer[index]))
        for index, name in (
            (2, "anchor"),
            (3, "steps"),
            (4, "header"),
            (5, "certificate"),
            (6, "signers"),
            (7, "subject"),
        )
    ]
    assert b"".join(piece for _, piece in parts) == data
    pieces = "\n".join(f"{name} ({len(piece)} bytes)\n{wrapped(piece)}" for name, piece in parts)
    values = "\n".join(f"{name:<18}{value}" for name, value in steps(outer))
    verdict = verify(data, chain.pin).text().rstrip("\n")
    return (
        f"The file, {len(data)} bytes, in its parts:\n```\n{pieces}\n```\n"
        f"What a reader computes:\n```\n{values}\n```\n"
        f"What our verifier then says:\n```\n{verdict}\n```\n"
    )


def test_the_page_shows_the_file_that_the_code_makes() -> None:
    """Byte for byte, with every intermediate value and the verdict."""
    text, mark, shown = PAGE.read_text(encoding="utf-8").partition(MARK)
    assert mark, "the page has lost its mark"
    if os.environ.get("REWRITE") == "1":
        PAGE.write_text(text + mark + example(), encoding="utf-8")
        pytest.skip("rewrote the worked example: read the difference before you commit it")
    assert shown == example()


def test_the_example_on_the_page_verifies_as_it_stands() -> None:
    """Whoever copies the digits from the page has a valid proof."""
    shown = PAGE.read_text(encoding="utf-8").partition(MARK)[2]
    first, second = shown.split("```\n")[1], shown.split("```\n")[3]
    digits = "".join(line for line in first.splitlines() if re.fullmatch(r"[0-9a-f]+", line))
    named = re.search(r"^chain id +([0-9a-f]{64})$", second, re.MULTILINE)
    assert named is not None
    verdict = verify(bytes.fromhex(digits), read_pin(named[1]))
    assert verdict.outcome is Outcome.VALID


def test_every_table_has_its_name_on_the_page() -> None:
    """And the row of a balance has the fields that the page gives it."""
    text = " ".join(PAGE.read_text("utf-8").split())

    assert [t.name for t in TABLES if f" {t.number} {t.name}" not in text] == []
    assert f"value = [{', '.join(Balance.__struct_fields__)}]" in text
