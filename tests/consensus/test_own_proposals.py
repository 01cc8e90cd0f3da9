"""At most one proposal per view, whoever made the first with our key, and what we forgot (R9).

Found by a flooder in the simulator (tests/seeds/a_second_proposal_of_ones_own.toml).
"""

from consensus import effects as do
from consensus import events as on
from consensus.replica import Replica
from kit.consensus import block, pre_prepare, view_change
from primitives.ids import Height, Seat, View


def primary_of_view(view: int) -> Replica:
    """Awake at height 1 of four validators; seat (1 + view) mod 4 proposes in this view."""
    replica = Replica()
    seat = Seat((1 + view) % 4)
    replica.step(on.HeightStarted(Height(1), 4, seat, 1_000, 10_000, 100))
    replica.step(on.Awoke())
    replica.step(on.IntervalOver(Height(1)))
    return replica


def test_a_primary_that_hears_its_own_forgotten_proposal_makes_no_other() -> None:
    """It comes from others, after a loss of memory or from a clone; the work comes later."""
    replica = primary_of_view(0)
    replica.step(on.PrePrepareReceived(pre_prepare("forgotten"), has_body=False))

    effects = replica.step(on.WorkArrived(Height(1)))

    assert not any(isinstance(effect, do.Build) for effect in effects)


def test_nor_does_the_primary_of_a_later_view() -> None:
    """With a quorum of view changes in its hands."""
    replica = primary_of_view(1)
    changes = [view_change(seat, 1) for seat in (0, 1, 3)]
    forgotten = pre_prepare("forgotten", view=1, changes=changes)
    replica.step(on.PrePrepareReceived(forgotten, has_body=False))

    effects = [
        effect for change in changes for effect in replica.step(on.ViewChangeReceived(change))
    ]

    assert replica.now.wish == 1
    assert not any(isinstance(effect, do.Build) for effect in effects)


def test_a_body_that_was_built_counts_when_its_proposal_comes_back() -> None:
    """If the signer refuses it, nothing names it, and the engine keeps no body of it (R35)."""
    replica = primary_of_view(0)
    replica.step(on.WorkArrived(Height(1)))
    replica.step(on.Built(Height(1), View(0), block("built")))

    assert replica.now.bodies <= replica.kept_blocks
    replica.step(on.PrePrepareReceived(pre_prepare("built"), has_body=True))
    assert replica.now.bodies == replica.kept_blocks == {block("built")}
