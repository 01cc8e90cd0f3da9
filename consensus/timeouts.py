"""How long a view may last (consensus.md §6, rule R33)."""

from primitives.ids import View
from primitives.validators import faults_tolerated


def view_timeout_ms(view: View, *, validators: int, t0_ms: int, tmax_ms: int) -> int:
    """T(v) = min(T0 · 2^(min(v, 64) // (f + 1)), Tmax), in milliseconds.

    It grows only every f + 1 views, because f faulty primaries in a row are normal, and never
    beyond Tmax: after an hour without a quorum the chain resumes within 2 · Tmax of healing.
    """
    doublings = min(view, 64) // (faults_tolerated(validators) + 1)
    return int(min(t0_ms << doublings, tmax_ms))
