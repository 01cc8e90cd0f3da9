"""The command line as a test sees it: words in; exit code, standard output and error out."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.main import main


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def result(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.out)

    @property
    def error(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.err)


def mithaq(*words: str | Path) -> Done:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in words])
    return Done(int(code), out.getvalue(), err.getvalue())


def testnet(home: Path, *more: str) -> Done:
    """Found a network in a home; nothing is started."""
    done = mithaq("testnet", "--home", home, "--json", *more)
    assert done.code == 0, done.err
    return done


testnet.__test__ = False  # type: ignore[attr-defined]  # its name is the command's
