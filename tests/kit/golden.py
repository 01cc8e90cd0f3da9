"""Golden files: what was once agreed, byte for byte.

`REWRITE=1 pytest tests/...` writes what the code makes now. Only commit a difference that was
meant: bytes under a hash or a signature are a promise to every proof that exists.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest


def compare_or_rewrite(path: Path, made: dict[str, Any]) -> None:
    """Fail where `made` differs from the golden file; under REWRITE=1 write it and skip."""
    text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("REWRITE") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        pytest.skip(f"rewrote {path.name}: read the difference before you commit it")
    assert json.loads(path.read_text(encoding="utf-8")) == made, (
        f"{path.name} no longer describes the code; if that is meant, REWRITE=1 writes it anew"
    )
