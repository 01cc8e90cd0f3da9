"""`python -m verifier FILE [--chain HEX]`: the offline check of either file, as a program.

Exit codes: 0 valid, 1 invalid, 2 usage or unreadable file, 3 valid but no chain was pinned.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from verifier import evidence
from verifier.check import verify
from verifier.proof_file import FILE_BYTES_MAX


def main(arguments: Sequence[str]) -> int:
    """Judge one file; the verdict goes to standard output."""
    parser = argparse.ArgumentParser(
        prog="verifier",
        description="Check a Mithaq proof or evidence file without network or trust in a node.",
        epilog="exit codes: 0 valid, 1 invalid, 2 usage or unreadable, 3 valid but not pinned",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the proof or evidence file")
    parser.add_argument(
        "--chain", type=_chain_id, metavar="HEX", help="the chain id that you trust, 64 digits"
    )
    options = parser.parse_args(arguments)
    try:
        with options.file.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
            if evidence.is_evidence(data):
                data += file.read(evidence.FILE_BYTES_MAX + 1 - len(data))
    except OSError as error:
        sys.stderr.write(f"verifier: {options.file}: {error.strerror}\n")
        return 2
    judge = evidence.verify_evidence if evidence.is_evidence(data) else verify
    verdict = judge(data, options.chain)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a text stream
    sys.stdout.write(verdict.text())
    return verdict.outcome.value


def _chain_id(text: str) -> bytes:
    try:
        chain = bytes.fromhex(text)
    except ValueError:
        chain = b""
    if len(chain) != 32:
        raise argparse.ArgumentTypeError("expected 64 hexadecimal digits")
    return chain


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
