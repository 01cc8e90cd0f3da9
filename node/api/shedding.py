"""What a late loop still answers: questions are refused first, then submissions.

`node.lag` says how late the loop is. Where the node stands (`/v1/health`, `/v1/ready`,
`/v1/status`, `/v1/why`, `/metrics`) is answered always: that is how people find out. A submission,
and what became of one, outlives a question: who has paid wants to know. A refusal is given before
anything of the request is read, and says when to come back.
"""

from typing import Final, Protocol, final

from node.api.problems import BUSY, Problem, problem
from node.lag import Load

STANDING: Final = frozenset({"/v1/health", "/v1/ready", "/v1/status", "/v1/why", "/metrics"})
SUBMISSIONS: Final = "/v1/transactions"
QUERY: Final = "query"
SUBMISSION: Final = "submission"


class Loaded(Protocol):
    """A node whose loop may be late."""

    @property
    def load(self) -> Load:
        """What the API still does."""
        ...

    def shed(self, what: str) -> None:
        """A request was refused."""
        ...


@final
class Shedding:
    """Judges requests by their path and the load."""

    def __init__(self, node: Loaded) -> None:
        self._node = node

    def refusal(self, path: str) -> Problem | None:
        """Why a request is not served now, or None."""
        load = self._node.load
        if load is Load.CALM or path in STANDING:
            return None
        is_proof = path.endswith("/proof")
        what = SUBMISSION if path.startswith(SUBMISSIONS) and not is_proof else QUERY
        if load is Load.BUSY and what == SUBMISSION:
            return None
        self._node.shed(what)
        return problem(
            BUSY,
            "this node is late with its own work, which goes first; ask again in a moment, or "
            "another node",
            {"expected": Load.CALM.value, "actual": load.value},
        )
