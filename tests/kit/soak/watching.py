"""What LevelDB was at when it was killed, by the notes that it makes in its file LOG."""

import re
from pathlib import Path
from typing import Final

_BEGUN: Final = re.compile(r"Compacting |Level-0 table #\d+: started|Recovering log #")
_ENDED: Final = re.compile(r"Compacted |Level-0 table #\d+: \d+ bytes|Delete type=0")


def busy_with(log: Path) -> str:
    """What LevelDB had begun and not ended, by its own notes."""
    if not log.exists():
        return "no database"
    busy = ""
    for line in log.read_text(errors="replace").splitlines():
        if found := _BEGUN.search(line):
            busy = found[0]
        elif _ENDED.search(line):
            busy = ""
    for what, words in (
        ("a compaction", "Compacting"),
        ("writing a table", "Level-0"),
        ("reading its log back", "Recovering"),
    ):
        if busy.startswith(words):
            return what
    return "writing to its log"
