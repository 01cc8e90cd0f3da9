"""Seats that lie, by name: what a schedule may put in the place of a validator."""

from collections.abc import Callable, Mapping
from typing import Final

from sim.actors import Actor, Silent, Stage

KINDS: Final[Mapping[str, Callable[[Stage], Actor]]] = {"silent": Silent}
"""Name → what sits there."""
