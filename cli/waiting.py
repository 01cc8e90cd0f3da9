"""Whether a command waits for the block of what it submits."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import click


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Whether to wait for the block, how long, and where the proof goes."""

    wait: bool
    timeout_s: int
    proof: Path | None

    @property
    def waits(self) -> bool:
        """A proof exists only when the block does."""
        return self.wait or self.proof is not None


WAIT_OPTIONS: Final = (
    click.Option(["--wait"], is_flag=True, help="Wait for its block; print the receipt."),
    click.Option(
        ["--timeout"],
        default=60,
        type=click.IntRange(min=0),
        show_default=True,
        metavar="SECONDS",
        help="How long to wait.",
    ),
    click.Option(
        ["--proof"],
        type=click.Path(path_type=Path, dir_okay=False),
        help="Wait, and write the proof of the receipt to this file.",
    ),
)
