"""Who votes at which height, as the state at the head has it; all rows of validators stay there.

The rows are not trusted for being there: a set counts where the header of the height names its
hash, and that header is certified.
"""

from bisect import bisect_right
from typing import final

import msgspec

from ledger.membership import MEMBERSHIP, VALIDATORS
from ledger.state import EntrySource
from node.check.findings import Findings
from primitives.errors import StorageFault
from primitives.ids import Height
from primitives.validators import ValidatorSet
from storage import schema
from storage.schema import Region


@final
class Governors:
    """The validator set of every height up to the head's."""

    def __init__(self, state: EntrySource, findings: Findings) -> None:
        """Follows the rows from the newest to that of genesis."""
        self._from: list[int] = []
        self._sets: list[ValidatorSet] = []
        at: Height | None = None
        try:
            membership = MEMBERSHIP.read(state, None)
            at = None if membership is None else membership.newest
            while at is not None:
                row = VALIDATORS.read(state, at)
                if row is None:
                    raise ValueError("it is missing")
                keys = tuple(record.key for record in row.validators)
                self._from.insert(0, at)
                self._sets.insert(0, ValidatorSet(keys))
                if row.previous is not None and row.previous >= at:
                    raise ValueError(f"it names {row.previous} as the row before it")
                at = row.previous
        except (msgspec.DecodeError, StorageFault, ValueError, AssertionError) as error:
            key = b"" if at is None else schema.state_key(VALIDATORS.number, VALIDATORS.key(at))
            what = f"the row of validators cannot be used: {error}"
            findings.found(Region.STATE, what, height=at, key=key)

    def at(self, height: Height) -> ValidatorSet | None:
        """Who votes on a block, or None where the rows do not tell."""
        place = bisect_right(self._from, height) - 1
        return None if place < 0 else self._sets[place]
