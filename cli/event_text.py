"""Events in words: the sentence that an event's docstring is, with its fields filled in."""

from functools import lru_cache
from typing import Any

from ledger.operation import Event, sentence
from primitives.named import from_named
from services.table import EVENTS


def sentence_of(event: Event) -> str:
    """What became true, on one line."""
    return " ".join(sentence(event).split())


def sentence_of_named(event: dict[str, Any]) -> str:
    """The same of an event in its named form."""
    return sentence_of(from_named(event, _kinds()[event["event"]]))


@lru_cache(maxsize=1)
def _kinds() -> dict[str, type[Event]]:
    return {str(kind.__struct_config__.tag): kind for kind in EVENTS}
