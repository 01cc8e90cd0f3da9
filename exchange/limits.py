"""Bounds of files that are brought in, each with its reason; `primitives.limits` has the rest."""

from typing import Final

IMPORT_FILE_BYTES_MAX: Final = 64 * 1024 * 1024
"""Half a million payments: an import of a quarter of an hour. More is several files."""
IMPORT_LINE_BYTES_MAX: Final = 16 * 1024
"""One row of a spreadsheet with many columns that we do not read."""
IMPORT_XML_BYTES_MAX: Final = 16 * 1024 * 1024
"""Ten thousand payments of ISO 20022; as a tree in memory it has ten times as much."""
IMPORT_INSTRUCTIONS_MAX: Final = 10_000
"""Payments of one message: each is a transaction and two questions to a node."""
