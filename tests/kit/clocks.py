"""A process whose clock is wrong, and put right while it runs."""

from pathlib import Path

from kit.programs import needs


class WrongClock:
    """The time of day that libfaketime shows a process; what measures durations stays true."""

    def __init__(self, file: Path) -> None:
        """`file` is where the process looks each time."""
        needs("faketime")
        (self._library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
        self._file = file
        self.set(0)

    def set(self, seconds: int) -> None:
        """So far ahead, or behind if negative, from now on."""
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{seconds:+}s\n")
        beside.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        """What the process must be started with."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
