"""What can go wrong between a client and a network, beside a refusal (`primitives.errors`)."""

from typing import final

from primitives.errors import MithaqError


@final
class Unreachable(MithaqError):
    """No node answered in a way that a client understands."""


@final
class NotFinal(MithaqError):
    """What was waited for has not happened yet; it still may."""
