"""Builders for flows and cases: short definitions, and what a test says in one line."""

import json
from pathlib import Path
from typing import Any

from cli.nested import with_placeholders
from kit.ledger import account_id
from ledger.calls import NO_CALLS
from ledger.cases import CASES, Case, CaseParty
from ledger.flows import (
    Anyone,
    Definition,
    FlowState,
    Need,
    Party,
    Silence,
    Transition,
    Who,
)
from primitives.crypto import commitment
from primitives.ids import AccountId, Digest
from primitives.named import from_named
from services.casework.cases import MoveCase, OpenCase

ROOT = Path(__file__).parents[2]
FLOW = "licence"
DAY = 86_400_000
ANYONE = Anyone()
APPLICANT = Party("applicant")


def way(
    transition: str,
    to: str,
    who: Who = ANYONE,
    *needs: Need,
    rest_ms: int = 0,
    assigns: str | None = None,
    calls: bytes = NO_CALLS,
) -> Transition:
    """A transition; anybody may, unless something else is said."""
    return Transition(transition, to, who, rest_ms, needs, assigns, calls)  # type: ignore[arg-type]


def silent(transition: str, to: str, after_ms: int, calls: bytes = NO_CALLS) -> Transition:
    """What silence does."""
    return way(transition, to, Silence(after_ms), calls=calls)


def state(code: str, *transitions: Transition) -> FlowState:
    """A state and the ways out of it."""
    return FlowState(code, transitions)


def flow(*states: FlowState, parties: tuple[str, ...] = ("applicant",)) -> Definition:
    """A flow about an applicant, unless something else is said."""
    return Definition(parties, states)


def simple() -> Definition:
    """Apply; then anybody grants it, or silence does after ten days."""
    return flow(
        state("door", way("apply", "open")),
        state("open", way("grant", "granted"), silent("lapse", "lapsed", 10 * DAY)),
        state("granted"),
        state("lapsed"),
    )


def flow_of_file(name: str) -> Definition:
    """An example of configs/flows."""
    text = (ROOT / "configs/flows" / name).read_text("utf-8")
    return from_named(with_placeholders(json.loads(text)), Definition)


def paper(name: str) -> Digest:
    """The salted commitment of a document of this name."""
    return Digest(commitment(b"s" * 32, name.encode()))


def party(code: str, name: str) -> CaseParty:
    """An account in its place."""
    return CaseParty(code, account_id(name))


def opening(transition: str = "apply", **fields: Any) -> OpenCase:  # noqa: ANN401
    """Open a case of the flow of works, about health."""
    values: dict[str, Any] = {
        "owner": account_id("works"),
        "flow": FLOW,
        "version": 1,
        "parties": (party("applicant", "health"),),
        "transition": transition,
        "document": None,
        "assignee": None,
        "records": (),
        **fields,
    }
    return OpenCase(**values)


def moving(
    case: Digest,
    transition: str,
    *,
    document: Digest | None = None,
    assignee: AccountId | None = None,
    records: tuple[int, ...] = (),
) -> MoveCase:
    """Move a case."""
    return MoveCase(case, transition, document, assignee, records)


def case_of(chain: Any, name: Digest) -> Case:  # noqa: ANN401
    """The row of a case that there is."""
    row = CASES.read(chain.state, name)
    assert row is not None
    return row
