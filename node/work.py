"""Long work in steps, so that whoever has it done can show it, pace it and stop it.

A work is a generator. It yields how far it is, often: some milliseconds of work between two steps,
so that a node that does it beside its blocks can rest in between, and a client that goes away can
end it. What it returns is the result. Stopping it is closing it: files half-written and snapshots
of the database are let go in its `finally` blocks, and nothing else needs to be known of it.

A work reads no clock and starts no thread. Who drives it does: `node.api.labour` in a running node,
`finish` where nobody else needs the machine.
"""

from collections.abc import Callable, Generator
from typing import TypeVar, final

from msgspec import Struct

T = TypeVar("T")


@final
class Progress(Struct, frozen=True):
    """How far a work is: so much of a total, or so much where the total is not known (0).

    A work with several parts begins at 0 again with another `what`.
    """

    done: int
    total: int
    what: str


Work = Generator[Progress, None, T]


def finish(work: Work[T], hear: Callable[[Progress], None]) -> T:
    """Do it all, here and now.

    Raises:
        MithaqError: whatever the work ends with.
    """
    try:
        while True:
            hear(next(work))
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        work.close()
