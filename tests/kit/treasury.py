"""A ministry of finance, an agency with its officers, vendors: where treasury tests begin.

    world = World.begin()
    world.does("contractor", an_award())
    world.refused("contractor", an_award("ROAD-2", amount=MONEY))

`begin` stops where the money is allotted and nothing is committed; `with_award`, `with_delivery`,
`with_voucher` and `with_payment` each go one step further.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from kit.ledger import GBP, Chain, account_id, genesis_account, genesis_document, pay
from ledger import books
from ledger.accounts import AccountKind
from ledger.books import Holding
from ledger.genesis import GenesisDocument, GenesisRole
from ledger.operation import Operation, Refusal
from ledger.receipt import Outcome, Receipt, read_receipt
from ledger.state import Overlay
from primitives.codec import encode
from primitives.ids import AccountId, TimeMs
from services.table import RECEIPT
from services.treasury import awards, deliveries, funds, lines, payments, treasuries, vouchers
from services.treasury import offices as roles
from services.treasury.awards import AwardKind
from services.treasury.period import period_of

MINISTRY: Final = "treasury"
AGENCY: Final = "health"
FUND: Final = "019-2026/2027-1031-000"
QUARTER: Final = "2026-q2"
LINE: Final = f"{FUND}:{QUARTER}:BRDG:252"
OTHER_LINE: Final = f"{FUND}:{QUARTER}:BRDG:410"
AWARD: Final = "ROAD-7"
INVOICE: Final = "INV-1"

MONEY: Final = 1_000_000_00
"""In the single account, and appropriated: a million pounds."""
APPORTIONED: Final = 800_000_00
ALLOTTED: Final = 500_000_00
"""To `LINE`; to `OTHER_LINE` a fifth of it."""
AWARDED: Final = 100_000_00
DELIVERED: Final = 60_000_00
INVOICED: Final = 20_000_00
WARRANT: Final = 450_000_00
THRESHOLD: Final = 50_000_00
"""Two officers pay more than this."""
INTEREST_BP: Final = 800
DAY: Final = 24 * 60 * 60 * 1_000

OF_THE_TREASURY: Final = {
    "budgeter": roles.BUDGET_OFFICER,
    "accountant": roles.CHIEF_ACCOUNTANT,
    "auditor": roles.AUDITOR,
}
OF_THE_AGENCY: Final = {
    "allotter": roles.ALLOTMENT_OFFICER,
    "contractor": roles.CONTRACTING_OFFICER,
    "contractor-2": roles.CONTRACTING_OFFICER,
    "receiver": roles.RECEIVING_OFFICER,
    "certifier": roles.CERTIFYING_OFFICER,
    "payer": roles.DISBURSING_OFFICER,
    "payer-2": roles.DISBURSING_OFFICER,
    "payer-3": roles.DISBURSING_OFFICER,
    "debtor": roles.DEBT_OFFICER,
    "custodian": roles.CUSTODIAN,
    "custodian-2": roles.CUSTODIAN,
}
OTHERS: Final = ("parliament", "vendor", "vendor-2", "grantee", "grantee-2", "creditor")


def treasury_document() -> GenesisDocument:
    """A network whose officers have their offices; `treasury` may open a treasury."""
    names = (*OF_THE_TREASURY, *OF_THE_AGENCY, *OTHERS)
    people = [genesis_account(name, kind=AccountKind.PERSON) for name in names]
    document = genesis_document(accounts=people)
    grants = [
        GenesisRole(roles.TREASURER, None, account_id(MINISTRY)),
        *_grants(MINISTRY, OF_THE_TREASURY),
        *_grants(AGENCY, OF_THE_AGENCY),
    ]
    return replace(
        document,
        role_definitions=(*document.role_definitions, *roles.ROLE_DEFINITIONS),
        roles=(*document.roles, *grants),
    )


def _grants(scope: str, offices: dict[str, str]) -> list[GenesisRole]:
    return [
        GenesisRole(role, account_id(scope), account_id(name)) for name, role in offices.items()
    ]


class World:
    """A chain with a treasury, and what its people do on it."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain

    @classmethod
    def founded(cls) -> World:
        """A network with offices, and no treasury yet."""
        return cls(Chain.begin(treasury_document()))

    @classmethod
    def opened(cls) -> World:
        """An open treasury with money and a fund, of which nothing is appropriated."""
        world = cls.founded()
        world.does(
            MINISTRY,
            treasuries.OpenTreasury(
                asset=GBP,
                legislature=account_id("parliament"),
                payment_threshold=THRESHOLD,
                payment_officers=2,
                interest_bp=INTEREST_BP,
            ),
            pay_in(MONEY),
        )
        world.does("budgeter", a_fund())
        return world

    @classmethod
    def begin(cls) -> World:
        """A fund that is appropriated, apportioned and allotted to two lines."""
        world = cls.opened()
        world.does("parliament", funds.Appropriate(FUND, MONEY, None))
        world.does("budgeter", funds.Apportion(FUND, QUARTER, APPORTIONED))
        limits = [a_warrant(name) for name in ("contractor", "contractor-2")]
        world.does(
            "allotter",
            lines.Allot(LINE, ALLOTTED),
            lines.Allot(OTHER_LINE, ALLOTTED // 5),
            *limits,
        )
        return world

    @classmethod
    def with_award(cls, **fields: Any) -> World:  # noqa: ANN401 - of the award
        """The award `AWARD` to the vendor."""
        world = cls.begin()
        world.does("contractor", an_award(**fields))
        return world

    @classmethod
    def with_delivery(cls) -> World:
        """Of which something was delivered."""
        world = cls.with_award()
        world.does("receiver", a_delivery(world.today))
        return world

    @classmethod
    def with_voucher(cls) -> World:
        """And an invoice for a part of it is certified."""
        world = cls.with_delivery()
        world.does("certifier", a_voucher(world.in_days(30)))
        return world

    @classmethod
    def with_payment(cls) -> World:
        """And paid."""
        world = cls.with_voucher()
        world.does("payer", a_payment())
        return world

    # acts

    def act(
        self, actor: str, *operations: Operation, with_: tuple[str, ...] = ()
    ) -> Receipt[Any, Any]:
        """The receipt of operations of one actor, in a block of their own; others sign too."""
        before = dict(self.chain.state.rows)
        body = self.chain.body(*((actor, each) for each in operations))
        (*_, receipt) = self.chain.block(self.chain.check(body, actor, *with_))
        assert read_receipt(encode(receipt), RECEIPT) == receipt, "whoever gets it can read it"
        if receipt.outcome is Outcome.REFUSED and not self.chain.done:
            changed = {slot[0] for slot, _ in self.chain.state.rows.items() ^ before.items()}
            assert changed <= {10}, "a refusal leaves no trace but its id"
        return receipt

    def does(
        self, actor: str, *operations: Operation, with_: tuple[str, ...] = ()
    ) -> tuple[Any, ...]:
        """The events of what is done."""
        receipt = self.act(actor, *operations, with_=with_)
        assert receipt.outcome is Outcome.APPLIED, receipt.refusal
        return tuple(receipt.events)

    def refused(self, actor: str, *operations: Operation, with_: tuple[str, ...] = ()) -> Refusal:
        """Why something is refused."""
        refusal = self.act(actor, *operations, with_=with_).refusal
        assert isinstance(refusal, Refusal), f"{actor} did {operations}"
        return refusal

    # what is there

    @property
    def state(self) -> Overlay:
        """What the last block left."""
        return Overlay(self.chain.state)

    @property
    def treasury(self) -> treasuries.Treasury:
        """The row of the treasury."""
        return treasuries.need(self.state, account_id(MINISTRY))

    def fund(self, code: str = FUND) -> funds.Fund:
        """The row of a fund."""
        return funds.need(self.state, code)

    def line(self, code: str = LINE) -> lines.BudgetLine:
        """The row of a line."""
        return lines.need(self.state, code)

    def award(self, code: str = AWARD) -> awards.Award:
        """The row of an award."""
        return awards.need(self.state, code)

    def voucher(self, invoice: str = INVOICE, payee: str = "vendor") -> vouchers.Voucher:
        """The row of a voucher."""
        found = self.state[vouchers.VOUCHERS].find(vouchers.VoucherKey(account_id(payee), invoice))
        assert found is not None, f"{payee} has no voucher {invoice}"
        return found

    def purse(self, name: str | AccountId, asset: str = GBP) -> int:
        """What an account has."""
        account = account_id(name) if isinstance(name, str) else name
        return books.holding_of(self.state, Holding(account, asset)).amount

    # time

    @property
    def today(self) -> str:
        """The day of the next block."""
        return self.in_days(0)

    def in_days(self, days: int) -> str:
        """The day so many days after the next block."""
        from services.treasury.period import day_of

        return day_of(TimeMs(self.chain.time_ms + 1_000 + days * DAY))

    @property
    def month(self) -> str:
        """The month of the next block."""
        return period_of(TimeMs(self.chain.time_ms + 1_000))

    def wait(self, days: int = 1) -> None:
        """An empty block so many days later."""
        self.chain.time_ms = TimeMs(self.chain.time_ms + days * DAY - 1_000)
        self.chain.block()

    def next_month(self) -> str:
        """Wait until the month is over; which it was."""
        over = self.month
        while self.month == over:
            self.wait()
        return over


def pay_in(amount: int, reference: str = "budget 2026") -> Operation:
    """Money for the single account, by an ordinary transfer."""
    made = pay("vendor", amount, reference)
    to = treasuries.single_account(account_id(MINISTRY))
    return replace(made, lines=(replace(made.lines[0], to=to),))


def a_fund(code: str = FUND, **fields: Any) -> funds.DefineFund:  # noqa: ANN401
    """A fund of the agency, for roads."""
    values: dict[str, Any] = {
        "treasury": account_id(MINISTRY),
        "agency": account_id(AGENCY),
        "available_from": "2026-01-01",
        "available_until": "2027-12-31",
        "function": "04.5.1",
    }
    return funds.DefineFund(fund=code, **{**values, **fields})


def a_warrant(officer: str, limit: int = WARRANT) -> Operation:
    """What a contracting officer of the agency may award."""
    from services.treasury.warrants import SetWarrant

    return SetWarrant(agency=account_id(AGENCY), officer=account_id(officer), limit=limit)


def an_award(code: str = AWARD, *, line: str = LINE, **fields: Any) -> awards.MakeAward:  # noqa: ANN401
    """A contract with the vendor, for two years."""
    values: dict[str, Any] = {
        "line": line,
        "kind": AwardKind.CONTRACT,
        "recipient": account_id("vendor"),
        "amount": AWARDED,
        "starts": "2026-01-01",
        "ends": "2027-12-31",
        "place": None,
        "process": None,
        "terms": None,
    }
    return awards.MakeAward(award=code, **{**values, **fields})


def a_delivery(date: str, *, award: str = AWARD, **fields: Any) -> deliveries.AcceptDelivery:  # noqa: ANN401
    """What the receiving officer accepts."""
    values: dict[str, Any] = {"amount": DELIVERED, "milestone": None, "record": None}
    return deliveries.AcceptDelivery(award=award, date=date, **{**values, **fields})


def a_voucher(due: str, *, award: str = AWARD, **fields: Any) -> vouchers.CertifyVoucher:  # noqa: ANN401
    """The vendor's first invoice for the first delivery."""
    values: dict[str, Any] = {
        "delivery": 1,
        "payee": account_id("vendor"),
        "invoice": INVOICE,
        "amount": INVOICED,
    }
    return vouchers.CertifyVoucher(award=award, due=due, **{**values, **fields})


def a_payment(
    invoice: str = INVOICE, payee: str = "vendor", *others: str
) -> payments.DisburseVoucher:
    """A voucher is paid; these officers sign too."""
    return payments.DisburseVoucher(
        payee=account_id(payee),
        invoice=invoice,
        with_officers=tuple(account_id(name) for name in others),
    )
