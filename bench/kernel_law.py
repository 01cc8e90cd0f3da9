"""What it costs that the law is asked: a call that no norm binds, and one that norms bind.

Operations go over a state in memory, one act each, signatures unchecked, in one block. A figure is
the processor time of an act; with it go the entries that it writes. The question alone is measured
by itself too: it is asked of every call, kept ones too.
"""

import time
from typing import Final

from bench import ledger
from bench.report import Report
from ledger import norms
from ledger.act import Act, Deed, Work
from ledger.books import Line
from ledger.norms import BINDINGS, Binding, Ground
from ledger.operation import Operation
from ledger.parameters import NETWORK, Network, ParameterChange, ParameterName
from ledger.state import Overlay
from primitives import kernel_limits
from primitives.ids import Digest, Height, TimeMs, TransactionId
from services.authority.norms import EnactNorm, RepealNorm
from services.authority.parameters import SetParameters
from services.money import Transfer
from services.table import LAW

ACTS: Final = 2_000
PAYMENT: Final = "money.transfer"


class _Block:
    """One block on a state in which the first account is the governor."""

    def __init__(self) -> None:
        begun = ledger.genesis(ACTS)
        self.overlay = Overlay(ledger.Memory(begun))
        self.overlay[NETWORK][None] = Network("bench", ledger.account(0))
        self.overlay.keep()
        self._chain = begun.chain

    def bind(self, versions: int) -> None:
        """So many versions of norms bind payments, all in force."""
        grounds = (Ground(f"law/{number}", 1, TimeMs(0), None) for number in range(versions))
        self.overlay[BINDINGS][PAYMENT] = Binding(tuple(grounds))
        self.overlay.keep()

    def act(self, number: int) -> Act:
        """The act of an account, as if its signature had been checked."""
        deed = Deed(
            state=self.overlay,
            law=LAW,
            block=Work(),
            chain=self._chain,
            signers=frozenset((ledger.signer(number),)),
            transaction_id=TransactionId(number.to_bytes(32, "big")),
            height=Height(1),
            time_ms=TimeMs(1_000),
        )
        return Act(deed, ledger.account(number))

    def perform(self, number: int, operation: Operation) -> tuple[float, int]:
        """Seconds that it takes, and entries that it writes."""
        act = self.act(number)
        started = time.process_time()
        act.perform(operation)
        self.overlay.keep()
        return time.process_time() - started, len(self.overlay.newest)


def _payment(number: int, name: str) -> Operation:
    payee = ledger.account((number + 1) % ACTS)
    return Transfer("GBP", (Line(payee, 1, f"{name} {number}", "", None, None),))


def _payments(report: Report, block: _Block, name: str) -> None:
    done = [block.perform(number, _payment(number, name)) for number in range(ACTS)]
    report.fact(f"kernel.law/payment.{name}", sum(s for s, _ in done) / ACTS * 1e6, "us per call")
    act, asked = block.act(0), _payment(0, name)
    started = time.process_time()
    for _ in range(ACTS):
        norms.require_lawful(act, asked)
    spent = time.process_time() - started
    report.fact(f"kernel.law/question.{name}", spent / ACTS * 1e6, "us per call")


def run(report: Report) -> None:
    """Payments without law, under one norm and under the most; and what making law costs."""
    block = _Block()
    _payments(report, block, "unbound")
    block.bind(1)
    _payments(report, block, "bound")
    block.bind(kernel_limits.BINDING_GROUNDS_MAX)
    _payments(report, block, "bound_by_the_most")
    text = Digest(bytes(32))
    heartbeat = (ParameterChange(ParameterName.HEARTBEAT_MS, 30_000),)
    for name, operation in (
        ("enact", EnactNorm("law/a", text, None, None, ("money.issue", "money.retire"))),
        ("amend", EnactNorm("law/a", text, None, None, ("money.issue", "money.retire"))),
        ("repeal", RepealNorm("law/a")),
        ("set_parameters", SetParameters(heartbeat)),
    ):
        spent, writes = block.perform(0, operation)
        report.fact(f"kernel.law/{name}", spent * 1e6, "us per call")
        report.fact(f"kernel.law/{name}.writes", writes, "entries per call")
