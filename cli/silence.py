"""What can be said of a node that does not answer, from its folder on this machine."""

import json
from typing import Final

from cli.home import Home
from cli.processes import is_stopped, last_words, running
from node.config import NodeFolder

WORDS_MAX: Final = 300


def silence_of(home: Home, name: str) -> str | None:
    """In words; None where the home has no folder of that node."""
    entry = next((one for one in home.entries() if one.name == name), None)
    if entry is None:
        return None
    folder = NodeFolder(home.path / entry.folder)
    if not folder.config.exists():
        return None
    process = running(folder)
    if process is None:
        if not folder.log.exists():
            return "its process does not run"
        return _ended(last_words(folder))
    if is_stopped(folder):
        return f"process {process} is stopped, by a signal or a debugger: kill -CONT {process}"
    return f"process {process} runs and does not answer: it starts, or its machine is overloaded"


def _ended(line: str) -> str:
    """With the reason in its last line; a line of the ordinary day gives none."""
    try:
        words = json.loads(line)
    except ValueError:
        words = None
    if not isinstance(words, dict):
        return f"its process has ended: {line[:WORDS_MAX]}"
    event, reason = f"{words.get('event')} at {words.get('timestamp')}", words.get("reason")
    if words.get("level") in {"info", "debug"}:
        return f"its process was killed, or its machine lost power; its last line: {event}"
    return f"its process has ended: {event}: {reason}"[:WORDS_MAX]
