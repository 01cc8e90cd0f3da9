"""An office that deals with cases of a permit, a second a block, and what is asked about it."""

from dataclasses import dataclass, field
from typing import Any

from kit.flows import APPLICANT, flow, moving, opening, party, silent, state, way
from kit.ledger import account_id
from kit.payments import Ledger
from ledger.flows import Definition, Holder
from ledger.operation import Operation
from ledger.receipt import Receipt
from ledger.roles import NOTARY, REGISTRAR
from node.reports import Reports
from primitives.codec import decode
from primitives.ids import Digest, Height
from services.casework.cases import CaseOpened, DefineFlow
from services.table import RECEIPT

PERMIT = "permit"
CLERK, HEAD = Holder(REGISTRAR, None), Holder(NOTARY, None)
"""Held by registrar and notary."""
SILENCE_S = 20


def slow() -> Definition:
    """A clerk looks, the head decides, and may send back; who does not answer gives up."""
    return flow(
        state("door", way("apply", "received", APPLICANT)),
        state("received", way("note", "received", CLERK), way("accept", "review", CLERK)),
        state("review", way("send_back", "incomplete", HEAD), way("grant", "granted", HEAD)),
        state(
            "incomplete",
            way("supplement", "received", APPLICANT),
            silent("give_up", "lapsed", SILENCE_S * 1000),
        ),
        state("granted"),
        state("lapsed"),
    )


def quick() -> Definition:
    """The head decides at once."""
    return flow(
        state("door", way("apply", "review", APPLICANT)),
        state("review", way("grant", "granted", HEAD)),
        state("granted"),
    )


@dataclass
class Office:
    """Works publishes the flow; health applies."""

    ledger: Ledger = field(default_factory=Ledger.begin)

    def done(self, actor: str, operation: Operation) -> Receipt[Any, Any]:
        """In the next block."""
        self.ledger.act(actor, operation)
        self.ledger.block()
        store = self.ledger.chain.store
        (data, *_) = store.receipts(store.head().height)
        receipt: Receipt[Any, Any] = decode(data, RECEIPT, limit=len(data))
        assert receipt.refusal is None, receipt.refusal
        return receipt

    def pass_by(self, seconds: int) -> None:
        """Blocks in which nothing is done."""
        for _ in range(seconds):
            self.ledger.block()

    def publish(self, definition: Definition, name: str = PERMIT) -> None:
        self.done("works", DefineFlow(name, definition))

    def opened(self, version: int = 1, name: str = PERMIT) -> Digest:
        """A new case."""
        applying = opening(flow=name, version=version, parties=(party("applicant", "health"),))
        (event, _) = self.done("health", applying).events
        assert isinstance(event, CaseOpened)
        return event.case

    def move(self, case: Digest, *steps: tuple[str, str]) -> None:
        """By whom, and how; a second each."""
        for actor, transition in steps:
            self.done(actor, moving(case, transition))

    @property
    def time_ms(self) -> int:
        return self.ledger.chain.store.head().header.time_ms

    @property
    def height(self) -> Height:
        return self.ledger.chain.store.head().height

    def ask(self, query: str, **given: str) -> Any:  # noqa: ANN401 - rows of any query
        """About the procedures of works."""
        chain = self.ledger.chain
        words = {"owner": account_id("works").hex(), **given}
        return Reports(chain.store, chain.genesis).answer(f"casework.{query}", words)
