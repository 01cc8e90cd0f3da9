"""What must never happen, by name: each law says which rules it guards.

A violation ends the run of its seed. Which law was broken is part of the finding: a change of the
product that is caught by the wrong law, or by a crash, was not caught by the check that was meant.
"""

from typing import ClassVar


class Violation(Exception):
    """A law of the world was broken."""

    rules: ClassVar[tuple[int, ...]] = ()
    """The rules of docs/protocol.md that this law guards."""


class Disagreement(Violation):
    """Two honest nodes decided different blocks of one height."""

    rules = (1, 4, 10, 14, 18, 19, 20, 21, 25, 35)


class Divergence(Violation):
    """Two honest nodes hold different states, receipts or validators at one height."""

    rules = (17, 23, 45)


class BadCertificate(Violation):
    """What proves a decision is not a quorum of different members who signed it."""

    rules = (1, 4)


class Equivocation(Violation):
    """An honest node signed two statements that exclude each other (E1 to E6), in all its lives."""

    rules = (9, 12, 18, 19, 25, 35, 36, 37, 39)


class TooSoon(Violation):
    """A node signed something new before enough others had answered in this run."""

    rules = (41,)


class Accusation(Violation):
    """An honest seat was named as a culprit."""

    rules = (12, 20, 26)


class NotDurable(Violation):
    """Something left a node, or was signed, before what it promises was on the disk."""

    rules = (35,)


class Forgotten(Violation):
    """What a node had told its clients to be final is not in its chain."""

    rules = (23, 38)


class WentBack(Violation):
    """A view, a prepared view or the signer's high-water mark fell."""

    rules = (8, 18, 25, 36, 39)


class Overgrown(Violation):
    """A node remembers more than its bounds allow."""

    rules = (42, 43)


class ExecutedTwice(Violation):
    """A transaction stands in two blocks, or twice in one."""

    rules = (16, 17)


class NotTheSame(Violation):
    """A message that was written is read as another."""

    rules = (5,)


class Blamed(Violation):
    """An honest node refused what another honest node said."""

    rules = (5, 32)


class StaleTimer(Violation):
    """A timer of another height or view had an effect."""

    rules = (24,)


class RestartDiffers(Violation):
    """Two starts from one disk stand at different places, or a start changed the disk."""

    rules = (39,)


class Unjustified(Violation):
    """An honest node proposed, prepared or committed what its rules did not let it."""

    rules = (3, 4, 10, 13, 14, 18, 19)


class Stuck(Violation):
    """A healed quorum did not decide within the bound."""

    rules = (7, 11, 22, 27, 28, 29, 30, 33, 34, 39, 41, 44)


class ProcessEnded(Violation):
    """A node ended by an error of its own: that is a bug, but nothing that a law looks for."""
