"""Catalogues by hand: `PYTHONPATH=.:tests python -m kit.languages update | compile | missing`.

`update` puts what the code says now into each .po, and keeps what is translated; a translator fills
in what is empty; `compile` writes the .mo, which is what the program reads; `missing` lists what
lacks its translation.
"""

from __future__ import annotations

import argparse
import sys

from kit.languages.catalogue import joined, missing, mo, path, po, written
from primitives.languages import ENGLISH, LANGUAGES


def main() -> int:
    """The exit code: 1 where something lacks its translation."""
    parser = argparse.ArgumentParser(prog="kit.languages", description=__doc__)
    parser.add_argument("command", choices=["update", "compile", "missing"])
    command = parser.parse_args().command
    lacking = 0
    for language in LANGUAGES:
        if language == ENGLISH:
            continue
        if command == "update":
            path(language, "po").parent.mkdir(parents=True, exist_ok=True)
            path(language, "po").write_bytes(po(joined(language)))
        elif command == "compile":
            path(language, "mo").write_bytes(mo(written(language)))
        else:
            for message in missing(joined(language)):
                sys.stdout.write(f"{message.context or ''}\t{message.id!r}\n")
                lacking += 1
    return 1 if lacking else 0


if __name__ == "__main__":
    raise SystemExit(main())
