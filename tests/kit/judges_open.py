"""Other people's judges of what a treasury publishes: each says what it finds wrong, or nothing.

They run without the network (`offline` around them): what they need is beside the project.
"""

from __future__ import annotations

import contextlib
import functools
import json
import types
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import frictionless
import jsonref
from libcoveocds import schema
from libcoveocds.api import ocds_json_output
from libcoveocds.config import LibCoveOCDSConfig

from kit.data_act_rules import broken
from kit.offline import offline

STANDARD: Final = Path(__file__).parents[2].parent / "shared/data/ocds/standard-1.1.5.zip"
"""Schema and codelists of OCDS 1.1.5."""
_FINDINGS: Final = (
    "validation_errors",
    "additional_checks",
    "additional_fields",
    "additional_closed_codelist_values",
    "deprecated_fields",
)


def ocds_faults(package: bytes) -> list[str]:
    """What libcoveocds says of a release package or a record package."""
    config = LibCoveOCDSConfig({"context": "api", "standard_zip": STANDARD.resolve().as_uri()})
    with offline(), _schemas_at_hand():
        found: dict[str, Any] = ocds_json_output(
            json_data=json.loads(package), lib_cove_ocds_config=config
        )
    return [f"{name}: {found[name]}" for name in _FINDINGS if found.get(name)]


@contextlib.contextmanager
def _schemas_at_hand() -> Iterator[None]:
    """Schemas out of the zip: for records, libcoveocds would fetch one of them from its address."""

    def read(uri: str) -> Any:  # noqa: ANN401 - JSON
        with zipfile.ZipFile(STANDARD) as standard:
            [name] = [
                each
                for each in standard.namelist()
                if each.endswith(uri.rsplit("/", maxsplit=1)[-1])
            ]
            return json.loads(standard.read(name))

    theirs = schema.jsonref
    reading = functools.partial(jsonref.replace_refs, loader=read)
    schema.jsonref = types.SimpleNamespace(**vars(jsonref) | {"replace_refs": reading})
    try:
        yield
    finally:
        schema.jsonref = theirs


def data_act_faults(folder: Path) -> list[str]:
    """Which of the broker's rules the files A, B and C of a folder break."""
    named = ("file-a.csv", "file-b.csv", "file-c.csv")
    a, b, c = ((folder / name).read_bytes() for name in named)
    return broken(a, b, c)


def fiscal_package_faults(folder: Path) -> list[str]:
    """What frictionless says of a data package: its descriptor, its tables, each cell."""
    with offline():
        report = frictionless.validate(str(folder / "datapackage.json"), type="package")
    return [str(each) for each in report.flatten(["rowNumber", "fieldName", "type", "note"])]
