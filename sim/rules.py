"""The numbered rules of docs/protocol.md that a full run must have seen."""

from typing import Final

RULES: Final = tuple(range(1, 57))
"""R1 to the last; a test compares them with the page."""
