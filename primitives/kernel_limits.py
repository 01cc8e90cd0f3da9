"""Every bound of the kernel's parts, with its reason; `limits` has those of blocks and wires."""

from typing import Final

# bodies and their charters (K6)
PROCEDURES_MAX: Final = 16
"""Procedures in the charter of a body: opening a motion reads them all."""
PROCEDURE_LENGTH_MAX: Final = 32
"""Characters in the code of a procedure."""
PROCEDURE_OPERATIONS_MAX: Final = 64
"""Tags of operations that a procedure may pass: as many as a transaction has calls."""
TAG_LENGTH_MAX: Final = 64
"""Characters in the tag of an operation."""
VOTING_MS_MAX: Final = 366 * 24 * 3_600_000
"""A vote stays open for a year at most: its members and its rules are those of its beginning."""
TIMELOCK_MS_MAX: Final = 366 * 24 * 3_600_000
"""A decision waits for a year at most; what comes later is another motion."""
