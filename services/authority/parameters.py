"""Parameters of the network: the governor changes them, by motion."""

from typing import Annotated, final

from msgspec import Meta, Struct

from ledger import membership, norms, parameters
from ledger.act import Act
from ledger.operation import Event, Operation
from ledger.query import Page, Query, Reading, entry_name
from primitives.ids import Height, Natural


@final
class ParameterChanged(Event, tag="authority.parameter_changed", frozen=True):
    """From block {height} on the parameter {name} is {value}; it was {before}."""

    height: Natural[Height]
    name: parameters.ParameterName
    value: Natural[int]
    before: Natural[int]


@final
class SetParameters(Operation, tag="authority.set_parameters", frozen=True):
    """Change parameters of the network from the next block on; what is not named stays.

    Only the governor may, so a motion of it was passed. A parameter that a norm binds (as
    parameters.heartbeat_ms) needs a norm in force besides.
    """

    changes: Annotated[parameters.ParameterChanges, Meta(description="each names one parameter")]

    def apply(self, act: Act) -> None:
        """Write the parameters; say each that changed."""
        parameters.require_governor(act)
        for change in self.changes:
            norms.require_ground(act, f"parameters.{change.name.value}")
        newest = membership.records_in(act, Height(act.height + 2))
        before = parameters.set_parameters(act, self.changes, len(newest))
        for change in self.changes:
            was = parameters.value_of(before, change.name)
            after = Height(act.height + 1)
            act.emit(ParameterChanged(after, change.name, change.value, was))


@final
class ParameterRow(Struct, frozen=True, kw_only=True):
    """A parameter and what it is set to; times are in milliseconds."""

    name: parameters.ParameterName
    value: Natural[int]


@final
class ParametersInForce(Query, tag="authority.parameters", frozen=True, kw_only=True):
    """What the network is set to, for the next block."""

    def answer(self, reading: Reading) -> Page[ParameterRow]:
        """Look up."""
        set_to = parameters.parameters(reading.state)
        rows = [
            ParameterRow(name=name, value=parameters.value_of(set_to, name))
            for name in parameters.ParameterName
        ]
        entry = entry_name(parameters.PARAMETERS, parameters.PARAMETERS.key(None))
        return Page(rows, None, [entry] * len(rows))
