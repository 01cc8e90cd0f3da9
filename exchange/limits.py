"""Bounds of files that are brought in, each with its reason; `primitives.limits` has the rest."""

from typing import Final

IMPORT_FILE_BYTES_MAX: Final = 64 * 1024 * 1024
"""Half a million payments: an import of a quarter of an hour. More is several files."""
IMPORT_LINE_BYTES_MAX: Final = 16 * 1024
"""One row of a spreadsheet with many columns that we do not read."""
IMPORT_XML_BYTES_MAX: Final = 16 * 1024 * 1024
"""Ten thousand payments of ISO 20022; as a tree in memory it has ten times as much."""
IMPORT_XML_TAG_BYTES_MAX: Final = 64 * 1024
"""From one tag to the next; a text that somebody wrote for people is a hundredth of this."""
IMPORT_XML_NAMESPACE_MAX: Final = 256
"""Characters: each name in it carries it, so that a long one makes much memory out of a small file.
Those of ISO 20022 have fifty."""
IMPORT_JSON_DEPTH_MAX: Final = 64
"""Objects and lists in each other; a release of OCDS has a tenth of that."""
IMPORT_INSTRUCTIONS_MAX: Final = 10_000
"""Payments of one message: each is a transaction and two questions to a node."""
