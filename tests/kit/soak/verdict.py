"""What a judge says of what a killed process has left."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """What a judge found in a folder."""

    at: int
    """Where it stands now, after one step more."""
    strange: list[str]
