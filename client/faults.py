"""What can go wrong between a client and a network, beside a refusal (`primitives.errors`)."""

from typing import final

from primitives.errors import MithaqError


@final
class Unreachable(MithaqError):
    """No node answered in a way that a client understands."""

    def __init__(self, message: str, *, again_s: float | None = None) -> None:
        """`again_s`: it answered that it is late, and to come back after so long."""
        super().__init__(message)
        self.again_s = again_s


@final
class NotFinal(MithaqError):
    """What was waited for has not happened yet; it still may."""
