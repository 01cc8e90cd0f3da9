"""What a check found: damages, named so that a person can look at each.

A database with one fault has few damages, one that lies in ruins has millions. All are counted, the
first `CHECK_DAMAGES_MAX` are told.
"""

from collections.abc import Iterator
from typing import Annotated, final

from msgspec import Meta, Struct

from primitives import limits
from primitives.errors import StorageFault
from primitives.ids import INTEGER_MAX, Height, Natural
from storage.keyvalue import Reader
from storage.schema import Region


@final
class Damage(Struct, frozen=True, kw_only=True):
    """One row that is not as it must be, or is not there, or should not be there."""

    region: str
    height: Natural[Height] | None
    key: Annotated[bytes, Meta(description="of the row, with its region byte; empty if unknown")]
    what: str

    def in_words(self) -> str:
        """In one line."""
        place = "" if self.height is None else f", height {self.height}"
        key = f", key {self.key.hex()}" if self.key else ""
        return f"{self.region}{place}{key}: {self.what}"


@final
class Findings:
    """The damages of one check; the only writer of their list."""

    def __init__(self) -> None:
        self.damages: list[Damage] = []
        self.count = 0

    def found(
        self, region: Region, what: str, *, height: int | None = None, key: bytes = b""
    ) -> None:
        """One more. A height that no block can have is no height, whatever its key says."""
        self.count += 1
        if len(self.damages) < limits.CHECK_DAMAGES_MAX:
            self.damages.append(
                Damage(
                    region=region.name.lower(),
                    height=None if height is None or height > INTEGER_MAX else Height(height),
                    key=key,
                    what=what,
                )
            )


@final
class CarefulReader:
    """Reads on where the disk itself says that a part is damaged, and notes that."""

    def __init__(self, reader: Reader, findings: Findings) -> None:
        self._reader, self._findings = reader, findings

    def get(self, key: bytes) -> bytes | None:
        """The value, or None where there is none or it cannot be read."""
        try:
            return self._reader.get(key)
        except StorageFault as error:
            self._findings.found(Region(key[0]), str(error), key=key)
            return None

    def iterate(self, *, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The rows, up to the first that cannot be read."""
        last = start
        try:
            for key, value in self._reader.iterate(start=start, stop=stop):
                yield key, value
                last = key
        except StorageFault as error:
            what = f"the rows after this key cannot be read: {error}"
            self._findings.found(Region(start[0]), what, key=last)

    def rows(self, region: Region) -> Iterator[tuple[bytes, bytes]]:
        """All rows of a region."""
        return self.iterate(start=bytes([region]), stop=bytes([region + 1]))
