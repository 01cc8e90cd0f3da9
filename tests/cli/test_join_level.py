"""When a newcomer follows: as far as more than f others were when it came near."""

from __future__ import annotations

from msgspec.structs import replace

from cli.join import ALONE_S, Level
from kit.api import ChainOfOne
from node.status import NodeStatus, Syncing
from primitives.ids import Height

SYNCING = Syncing(
    from_height=Height(0), height=Height(3), target=Height(9), peers=3, blocks_per_s=1
)


def status(own: int, *others: int | None, sync: Syncing | None = None) -> NodeStatus:
    """Of a newcomer, with what four validators told it."""
    one = ChainOfOne().status()
    told = [None if height is None else Height(height) for height in others]
    validators = tuple(
        replace(validator, last_seen_height=height)
        for validator, height in zip(one.validators, told, strict=True)
    )
    return replace(one, height=Height(own), validators=validators, sync=sync)


def test_one_block_behind_is_not_level() -> None:
    """In a chain that stands still, too: that block comes."""
    level = Level(0.0)
    assert not level.reached(status(3, 4, 4, 4, 4), 0.0)
    assert not level.reached(status(3, 4, 4, 4, 4), 60.0)
    assert level.reached(status(4, 4, 4, 4, 4), 60.2)


def test_a_chain_that_goes_on_is_not_run_after_for_ever() -> None:
    """With what they had when it came near it is level, whatever came since."""
    level = Level(0.0)
    assert not level.reached(status(3, 4, 4, 4, 4), 0.0)
    assert level.reached(status(4, 5, 5, 5, 5), 0.2)


def test_who_falls_behind_again_is_measured_anew() -> None:
    """More than one block away is far, as is a node that says it fetches blocks."""
    level = Level(0.0)
    assert not level.reached(status(3, 4, 4, 4, 4), 0.0)
    assert not level.reached(status(3, 9, 9, 9, 9, sync=SYNCING), 0.2)
    assert not level.reached(status(5, 9, 9, 9, 9), 0.4)
    assert not level.reached(status(8, 9, 9, 9, 9), 0.6)
    assert level.reached(status(9, 9, 9, 9, 9), 0.8)


def test_one_liar_of_four_neither_holds_nor_hastens_it() -> None:
    """With f = 1, two have to say it."""
    assert Level(0.0).reached(status(4, 900, 4, 4, 4), 0.0)
    assert not Level(0.0).reached(status(3, 1, 4, 4, 4), 0.0)


def test_a_single_voice_counts_after_a_while() -> None:
    """From the first word on, ten seconds; nobody's word is no height."""
    level = Level(0.0)
    assert not level.reached(status(4, None, None, None, None), 50.0)
    assert not level.reached(status(4, 4, None, None, None), 50.0 + ALONE_S / 2)
    assert level.reached(status(4, 4, None, None, None), 50.0 + ALONE_S)
