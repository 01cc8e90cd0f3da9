"""What it costs to close a month: nothing depends on how much was paid in it.

A treasury has as many funds as it may, each with a line. So many vouchers were certified and paid
in a month, by the rules that post to the funds; all have rows. In the next month every fund has
changed already, so that a close finds the month in the history, which is the longer way. Measured
is the processor time of the whole act, from the rows as they are stored.
"""

import time
from statistics import median
from typing import Final

from bench import ledger
from bench.report import Report
from ledger.act import Act, Deed, Work
from ledger.roles import ROLES, RoleGrant, RoleKey
from ledger.state import Overlay
from primitives import treasury_limits
from primitives.ids import AccountId, Height, TimeMs, TransactionId
from services.table import LAW
from services.treasury import funds, lines, offices
from services.treasury.chart import Step
from services.treasury.closing import ClosePeriod, digest_of, trial_balance
from services.treasury.funds import Apportion, Appropriate, DefineFund, LineCode
from services.treasury.lines import Allot
from services.treasury.treasuries import OpenTreasury
from services.treasury.vouchers import VOUCHERS, Voucher, VoucherKey, VoucherStatus

MAY: Final = TimeMs(1_777_600_800_000)
"""1 May 2026, 02:00 UTC."""
JUNE: Final = TimeMs(MAY + 31 * 86_400_000)
VOUCHERS_PAID: Final = (1_000, 100_000)
CLOSES: Final = 21
GOAL_MS: Final = 50
EACH: Final = 10**12
SOME: Final = TransactionId(bytes(32))

MINISTRY, PARLIAMENT, ACCOUNTANT, AUDITOR, OFFICER, AGENCY, VENDOR = map(ledger.account, range(7))
GRANTS: Final = (
    RoleKey(offices.TREASURER, None, MINISTRY),
    RoleKey(offices.BUDGET_OFFICER, MINISTRY, OFFICER),
    RoleKey(offices.ALLOTMENT_OFFICER, AGENCY, OFFICER),
    RoleKey(offices.CHIEF_ACCOUNTANT, MINISTRY, ACCOUNTANT),
    RoleKey(offices.AUDITOR, MINISTRY, AUDITOR),
)


class _Year:
    """A treasury whose vouchers of May are paid."""

    def __init__(self, vouchers: int) -> None:
        self._begun = ledger.genesis(7)
        self._state = ledger.Memory(self._begun)
        self._overlay = Overlay(self._state)
        for key in GRANTS:
            self._overlay[ROLES][key] = RoleGrant(Height(0), None, None)
        codes = self._found()
        for number in range(vouchers):
            self._pay(codes[number % len(codes)], number)
        late = self._act(OFFICER, JUNE)
        for code in codes:
            funds.post(late, lines.parts_of(code).fund, Step.GAIN_EQUIPMENT, 1)
        self._commit()

    def close(self) -> float:
        """Milliseconds that it takes, on a state that nobody has read yet; nothing is kept."""
        self._overlay = Overlay(self._state)
        digest = digest_of(trial_balance(self._overlay, MINISTRY, "2026-05"))
        self._overlay = Overlay(self._state)
        act = self._act(ACCOUNTANT, JUNE)
        operation = ClosePeriod(MINISTRY, "2026-05", digest, AUDITOR)
        started = time.process_time()
        act.perform(operation)
        return (time.process_time() - started) * 1_000

    def _found(self) -> list[LineCode]:
        self._act(MINISTRY, MAY).perform(OpenTreasury("GBP", PARLIAMENT, 10**9, 2, 800))
        codes = []
        for number in range(treasury_limits.FUNDS_MAX):
            fund = f"019-X-{number:04}-000"
            code = lines.line_code(fund, "2026", "WORK", "252")
            budget, law = self._act(OFFICER, MAY), self._act(PARLIAMENT, MAY)
            budget.perform(DefineFund(MINISTRY, fund, AGENCY, "2026-01-01", None, "04"))
            law.perform(Appropriate(fund, EACH, None))
            budget.perform(Apportion(fund, "2026", EACH))
            budget.perform(Allot(code, EACH))
            # Accounts that only holdings have: a fund posts to all there are.
            for step in Step:
                funds.post(budget, fund, step, 1)
            codes.append(code)
        return codes

    def _pay(self, code: LineCode, number: int) -> None:
        act = self._act(OFFICER, MAY)
        lines.obligate(act, code, 100)
        lines.deliver(act, code, 100)
        lines.pay(act, code, 100)
        act.state[VOUCHERS][VoucherKey(VENDOR, f"{number}")] = Voucher(
            award="AWARD-1",
            delivery=1,
            amount=100,
            due="2026-05-31",
            certifier=OFFICER,
            certified_ms=MAY,
            status=VoucherStatus.PAID,
            interest=0,
            offsets=(),
            certified_in=SOME,
            paid_in=SOME,
            paid_ms=MAY,
            officers=(OFFICER,),
            period="2026-05",
            reason=None,
            attempt=1,
            number=number + 1,
        )

    def _act(self, actor: AccountId, time_ms: TimeMs) -> Act:
        deed = Deed(
            state=self._overlay,
            law=LAW,
            block=Work(),
            chain=self._begun.chain,
            signers=frozenset(map(ledger.signer, range(7))),
            transaction_id=SOME,
            height=Height(1),
            time_ms=time_ms,
        )
        return Act(deed, actor)

    def _commit(self) -> None:
        self._overlay.keep()
        for slot, value in self._overlay.writes().items():
            assert value is not None, "nothing was deleted"
            self._state.rows[slot] = value


def run(report: Report) -> None:
    """Closing a month after few vouchers and after many."""
    for vouchers in VOUCHERS_PAID:
        year = _Year(vouchers)
        spent = median(year.close() for _ in range(CLOSES))
        report.goal(f"treasury.close/{vouchers:,} vouchers", spent, "ms", at_most=GOAL_MS)
