"""The official schemas of ISO 20022 as other people's packages carry them, and samples of theirs.

Of these packages only files are used; they judge what we write, and what we say of what we read.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from xmlschema import XMLSchema10

from kit.offline import offline

_AT: Final = {
    "pain.001": ("pain001", "pain001/templates/{version}/{version}.xsd"),
    "pain.002": ("pain001", "pain001/pain002/schemas/{version}.xsd"),
    "pacs.008": ("pacs008", "pacs008/templates/{version}/{version}.xsd"),
    "camt.053": ("camt053", "camt053/xsd/{version}.xsd"),
}


@cache
def schema(version: str) -> XMLSchema10:
    """The schema of a version such as pain.001.001.09."""
    package, path = _AT[version[:8]]
    with offline():
        return XMLSchema10(str(distribution(package).locate_file(path.format(version=version))))


def invalid(data: bytes, version: str) -> list[str]:
    """What the schema says against a file."""
    judge = schema(version)
    with offline():
        return [f"{error.path}: {error.reason}" for error in judge.iter_errors(data.decode())]


def initiations() -> list[Path]:
    """Payment files as banks of many countries want them, and files with every element."""
    folder = Path(str(distribution("pain001").locate_file("pain001/corpus/data")))
    return sorted(folder.rglob("*pain.001.001.??*.xml")) + sorted(
        folder.glob("coverage/pain.001.001.??/*.xml")
    )
