"""How a command ends: its exit code, and a failure that a person and a program can both read.

Here every error of the house (`primitives.errors`, `client.faults`) gets its exit code and its
stable code.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import final

from client.faults import NotFinal, Unreachable
from primitives.errors import (
    BadSignature,
    Malformed,
    MithaqError,
    OperatorFault,
    Rejected,
    RemoteFault,
    StorageFault,
)


@unique
class ExitCode(IntEnum):
    """What the shell sees; each is explained in `mithaq --help`."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    NOT_PINNED = 3
    UNREACHABLE = 4
    TIMED_OUT = 5
    LOCAL_FAULT = 6
    HALF_DEAD = 7


EXPLAINED = {
    ExitCode.OK: "done",
    ExitCode.REFUSED: "refused by the chain or a node, invalid, or damaged",
    ExitCode.USAGE: "the command was not understood",
    ExitCode.NOT_PINNED: "the proof is valid, but its chain or checkpoint was not pinned",
    ExitCode.UNREACHABLE: "no node answers; of `proof verify`: valid, but older than asked for",
    ExitCode.TIMED_OUT: "not final yet",
    ExitCode.LOCAL_FAULT: "files, ports or permissions of this machine",
    ExitCode.HALF_DEAD: "a node ended itself because its loop stood still; start it again",
}
assert EXPLAINED.keys() == set(ExitCode), "every exit code is explained"


@final
@dataclass(frozen=True, slots=True)
class Failure:
    """An error as it is printed."""

    exit_code: ExitCode
    code: str
    message: str
    facts: Mapping[str, object] = field(default_factory=dict)


def failure_of(error: MithaqError | OSError) -> Failure:
    """What to say about an error, and how to end."""
    match error:
        case Rejected(code=code, message=message, facts=facts):
            return Failure(ExitCode.REFUSED, code, message, facts)
        case Malformed():
            return Failure(ExitCode.REFUSED, "malformed", str(error))
        case BadSignature():
            return Failure(ExitCode.REFUSED, "bad_signature", str(error))
        case RemoteFault():
            return Failure(ExitCode.REFUSED, "remote_fault", str(error))
        case Unreachable():
            return Failure(ExitCode.UNREACHABLE, "node.unreachable", str(error))
        case NotFinal():
            return Failure(ExitCode.TIMED_OUT, "not_final", str(error))
        case StorageFault():
            return Failure(ExitCode.LOCAL_FAULT, "storage", str(error))
        case OperatorFault():
            # A configuration with several faults lists them also one by one.
            listed = getattr(error, "faults", None)
            facts = {} if listed is None else {"faults": list(listed)}
            return Failure(ExitCode.LOCAL_FAULT, "local", str(error), facts)
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            return Failure(ExitCode.LOCAL_FAULT, "local", f"{where}{error.strerror or error}")
        case _:
            return Failure(ExitCode.REFUSED, "refused", str(error))
