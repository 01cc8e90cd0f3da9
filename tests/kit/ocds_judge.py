"""libcoveocds as a program: packages as JSON lists on standard input, what it finds on its output.

In a process of its own: what it imports (by way of flattentool, ZODB) marks Python's own abstract
classes, and xmlschema, which judges other exports, does not survive that.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sys
import types
import zipfile
from collections.abc import Iterator
from typing import Any, Final

import jsonref
from libcoveocds import schema
from libcoveocds.api import ocds_json_output
from libcoveocds.config import LibCoveOCDSConfig

from kit.offline import offline

_FINDINGS: Final = (
    "validation_errors",
    "additional_checks",
    "additional_fields",
    "additional_closed_codelist_values",
    "deprecated_fields",
)


@contextlib.contextmanager
def _schemas_of(standard: str) -> Iterator[None]:
    """Schemas out of the zip: for records, libcoveocds would fetch one of them from its address."""

    def read(uri: str) -> Any:  # noqa: ANN401 - JSON
        with zipfile.ZipFile(standard) as files:
            wanted = f"/schema/{uri.rsplit('/', maxsplit=1)[-1]}"
            [name] = [each for each in files.namelist() if each.endswith(wanted)]
            return json.loads(files.read(name))

    theirs = schema.jsonref
    reading = functools.partial(jsonref.replace_refs, loader=read)
    schema.jsonref = types.SimpleNamespace(**vars(jsonref) | {"replace_refs": reading})
    try:
        yield
    finally:
        schema.jsonref = theirs


def _findings(package: dict[str, Any], standard: str) -> list[str]:
    config = LibCoveOCDSConfig({"context": "api", "standard_zip": f"file://{standard}"})
    found: dict[str, Any] = ocds_json_output(json_data=package, lib_cove_ocds_config=config)
    return [f"{name}: {found[name]}" for name in _FINDINGS if found.get(name)]


if __name__ == "__main__":
    _, standard_zip = sys.argv
    with offline(), _schemas_of(standard_zip):
        judged = [_findings(package, standard_zip) for package in json.load(sys.stdin)]
    json.dump(judged, sys.stdout, default=str)
