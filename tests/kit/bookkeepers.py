"""Another program of double entry, which judges the journal of a treasury."""

from __future__ import annotations

from collections.abc import Sequence

from beancount import loader

from kit.offline import offline


def read_journal(text: bytes) -> tuple[Sequence[object], list[str]]:
    """What Beancount finds in a journal, and what it has against it."""
    with offline():
        entries, errors, _ = loader.load_string(text.decode())
    return entries, [error.message for error in errors]
