"""What can be said of a node that does not answer, from its folder on this machine."""

import json

from cli.home import Home
from cli.processes import is_stopped, last_words, running
from node.config import NodeFolder

_WORDS_MAX = 300


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
        return f"its process has ended; its last words: {_said(last_words(folder))}"
    if is_stopped(folder):
        return f"process {process} is stopped, by a signal or a debugger: kill -CONT {process}"
    return f"process {process} runs and does not answer: it starts, or its machine is overloaded"


def _said(line: str) -> str:
    """A line of a node's log as a person reads it; anything else as it is."""
    try:
        words = json.loads(line)
    except ValueError:
        return line[:_WORDS_MAX]
    if not isinstance(words, dict):
        return line[:_WORDS_MAX]
    reason = words.get("reason")
    event = f"{words.get('event')} at {words.get('timestamp')}"
    return f"{event}: {reason}"[:_WORDS_MAX] if reason else event
