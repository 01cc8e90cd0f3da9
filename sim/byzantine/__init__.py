"""Seats that break the rules: honest engines whose words are bent before they leave.

Each kind is a small class that says which rules it attacks. A seat has one key, its own, and keeps
to what its engine knows, so that its lies are well-formed and up to date.
"""

from collections.abc import Callable
from typing import Final

from sim.actors import Actor, Silent, Stage
from sim.byzantine.bent import Bent, Make
from sim.byzantine.censor import Censor
from sim.byzantine.clone import Clone
from sim.byzantine.equivocator import Equivocator
from sim.byzantine.flatterer import Flatterer
from sim.byzantine.flooder import Flooder
from sim.byzantine.latecomer import Latecomer
from sim.byzantine.liar import Forgetful, Liar
from sim.byzantine.replayer import Replayer, words_elsewhere
from sim.byzantine.twins import Twins
from sim.byzantine.withholder import Withholder


def bent(make: Make) -> Callable[[Stage], Actor]:
    """An actor of one engine and such a seat."""
    return lambda stage: Bent(stage, make)


KINDS: Final[dict[str, Callable[[Stage], Actor]]] = {
    "silent": Silent,
    "twins": Twins,
    "clone": Clone,
    "liar": bent(Liar),
    "forgetful": bent(Forgetful),
    "equivocator": bent(Equivocator),
    "flatterer": bent(Flatterer),
    "withholder": bent(Withholder),
    "flooder": bent(Flooder),
    "latecomer": bent(Latecomer),
    "censor": bent(Censor),
    "replayer": lambda stage: Bent(
        stage, lambda means: Replayer(means, elsewhere=words_elsewhere(stage.members.size))
    ),
}
"""By name, for profiles (sim/profiles.py) and seeds."""
