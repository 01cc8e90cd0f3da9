"""A view that is over without a block, in a line of the log: what it still lacked, and of whom.

Whoever reads later why a block was late finds the cause where the timer fired (R24), not only in
the question `mithaq why`, which is about now.
"""

from collections.abc import Sequence

from consensus.events import TimerFired, Verdict
from consensus.instance import Instance, judged_as
from node.outbox import Note, Timer
from primitives.ids import Seat
from primitives.validators import primary_of, quorum


def given_up(now: Instance, timer: Timer, names: Sequence[str]) -> tuple[Note, ...]:
    """The note about the view that this timer ends; none where it ends none."""
    if not isinstance(timer, TimerFired):
        return ()
    if timer.height != now.height or not timer.view == now.wish == now.entered:
        return ()
    n, view = now.validators, timer.view
    prepares, commits = now.prepares.seats(view), now.commits.seats(view)
    heard = prepares | commits
    return (
        Note(
            "view.given_up",
            {
                "height": now.height,
                "view": view,
                "primary": names[primary_of(n, now.height, view)],
                "proposal": _proposal(now),
                "prepares": len(prepares),
                "commits": len(commits),
                "needed": quorum(n),
                "silent": [name for seat, name in enumerate(names) if Seat(seat) not in heard],
            },
        ),
    )


def _proposal(now: Instance) -> str:
    proposal = now.proposals.get(now.wish)
    if proposal is None:
        return "none came"
    if proposal.block_id not in now.bodies:
        return "its block did not come"
    verdict = now.verdicts.get(judged_as(proposal))
    if verdict is None:
        return "not checked yet"
    return "bad here" if verdict is Verdict.BAD else "good"
