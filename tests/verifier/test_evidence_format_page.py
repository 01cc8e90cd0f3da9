"""The worked example in docs/evidence-format.md is a real file, and every number in it is true.

`REWRITE=1 pytest tests/verifier/test_evidence_format_page.py` writes the example anew: read the
difference, it is a change of the format.
"""

import hashlib
import os
import re
from pathlib import Path

import msgpack
import pytest

from kit.lineage import Lineage
from node.evidence_file import write_evidence
from verifier import Outcome, read_pin, verify_evidence

PAGE = Path(__file__).parents[2] / "docs" / "evidence-format.md"
MARK = "<!-- worked example -->\n"
WIDTH = 96


def wrapped(data: bytes) -> str:
    digits = data.hex()
    return "\n".join(digits[at : at + WIDTH] for at in range(0, len(digits), WIDTH))


def packed(value: object) -> bytes:
    data: bytes = msgpack.packb(value, use_bin_type=True)
    return data


def sha(name: str, data: bytes) -> str:
    return hashlib.sha256(b"mithaq/1/" + name.encode() + b"\0" + data).hexdigest()


def example() -> str:
    chain = Lineage.made()
    data = write_evidence(chain.file())
    outer = msgpack.unpackb(data)
    names = ("anchor", "steps", "last", "signer", "first", "second")
    parts = [("the array of eight, format and version", data[:18])]
    parts += [(name, packed(outer[index])) for index, name in enumerate(names, 2)]
    assert b"".join(piece for _, piece in parts) == data
    pieces = "\n".join(f"{name} ({len(piece)} bytes)\n{wrapped(piece)}" for name, piece in parts)
    (_, genesis, founders), (changing,), last = outer[2:5]
    values = [
        ("chain id", sha("block", packed(genesis))),
        ("validators of 1", sha("validators", packed(founders))),
        ("validators of 6", sha("validators", packed(changing[2]))),
        ("block id of 5", sha("block", packed(changing[0]))),
        ("block id of 11", sha("block", packed(last[0]))),
        ("case", sha("evidence", packed(["E2", outer[5], 12, 0]))),
    ]
    computed = "\n".join(f"{name:<18}{value}" for name, value in values)
    verdict = verify_evidence(data, chain.pin).text().rstrip("\n")
    return (
        f"The file, {len(data)} bytes, in its parts:\n```\n{pieces}\n```\n"
        f"What a reader computes:\n```\n{computed}\n```\n"
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
    """Whoever copies the digits from the page has valid evidence."""
    shown = PAGE.read_text(encoding="utf-8").partition(MARK)[2]
    first, second = shown.split("```\n")[1], shown.split("```\n")[3]
    digits = "".join(line for line in first.splitlines() if re.fullmatch(r"[0-9a-f]+", line))
    named = re.search(r"^chain id +([0-9a-f]{64})$", second, re.MULTILINE)
    assert named is not None
    verdict = verify_evidence(bytes.fromhex(digits), read_pin(named[1]))
    assert verdict.outcome is Outcome.VALID
