"""`python -m verifier FILE [--chain PIN] [--max-age AGE]`: the offline check, as a program.

Exit codes: 0 valid, 1 invalid, 2 usage or unreadable file, 3 valid but not pinned, 4 valid but
older than asked for.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from verifier import evidence
from verifier.check import verify
from verifier.pins import AgeLimit, read_age, read_pin
from verifier.proof_file import FILE_BYTES_MAX

T = TypeVar("T")


def main(arguments: Sequence[str]) -> int:
    """Judge one file; the verdict goes to standard output."""
    parser = argparse.ArgumentParser(
        prog="verifier",
        description="Check a Mithaq proof or evidence file without network or trust in a node.",
        epilog="exit codes: 0 valid, 1 invalid, 2 usage or unreadable, 3 valid but not pinned, "
        "4 valid but older",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the proof or evidence file")
    parser.add_argument(
        "--chain",
        type=_argument(read_pin),
        metavar="PIN",
        help="what you trust: CHAINID, or a checkpoint CHAINID@HEIGHT:VALIDATORSHASH",
    )
    parser.add_argument(
        "--max-age",
        type=_argument(read_age),
        metavar="AGE",
        help="how old the block of a proof may be, as 30d, 12h, 90m or 45s",
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
    if evidence.is_evidence(data):
        verdict = evidence.verify_evidence(data, options.chain)
    else:
        most = options.max_age
        age = None if most is None else AgeLimit(now_ms=int(time.time() * 1000), most_ms=most)
        verdict = verify(data, options.chain, age=age)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a text stream
    sys.stdout.write(verdict.text())
    return verdict.outcome.value


def _argument(read: Callable[[str], T]) -> Callable[[str], T]:
    def argument(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return argument


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
