"""The two databases under one contract."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.keyvalue import KeyValue
from storage.leveldb import create_leveldb
from storage.memory import MemoryKeyValue

OPENERS: dict[str, Callable[[Path], KeyValue]] = {
    "leveldb": create_leveldb,
    "memory": lambda _: MemoryKeyValue(),
}


@pytest.fixture(params=sorted(OPENERS))
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyValue]:
    with OPENERS[request.param](tmp_path / "database") as opened:
        yield opened
