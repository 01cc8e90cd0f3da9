"""What a node must hold on its disk before anything leaves it (rule R35)."""

from node.signer_memory import Memory
from primitives import limits
from primitives.codec import decode
from sim.machine import Machine
from sim.spoken import Statement, place_of
from sim.violations import NotDurable
from storage import schema


def signer_memory(machine: Machine) -> Memory | None:
    """The signer's file as it is on the disk."""
    data = machine.memory.read()
    if data is None:
        return None
    return decode(data, Memory, limit=limits.SIGNER_MEMORY_BYTES_MAX)


def check_durable(machine: Machine, statement: Statement) -> None:
    """What leaves is in the vote log, unless decided since, and in the signer's file.

    Raises:
        NotDurable: it is not.
    """
    height, view, step = place_of(statement)
    if (
        height > machine.height
        and machine.database.get(schema.vote_key(height, view, step)) is None
    ):
        raise NotDurable(f"{machine.name} let {step.name} of {height}/{view} go unrecorded")
    memory = signer_memory(machine)
    if memory is None:
        raise NotDurable(f"{machine.name} signed without a memory")
    if (memory.height, memory.view) < (height, view):
        raise NotDurable(f"{machine.name} let go what its signer's file is older than")
    known = [signed.signature for signed in memory.signed]
    same_view = (memory.height, memory.view) == (height, view)
    if same_view and statement.signature not in known:
        raise NotDurable(f"{machine.name} let go what its signer's file does not know")
