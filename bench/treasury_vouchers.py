"""Vouchers: what each step of a public payment costs, and how many a network disburses.

The steps go over a state in memory as in bench/kernel_books.py, beside a plain transfer: processor
time of executing a call, and the entries that it writes.

Then four validators and the load share this machine. Vouchers are certified first; then each is
disbursed by a transaction of its own with its own signature, in batches that were signed before,
just as plain payments were a moment before on the same network.
"""

import secrets
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from bench import ledger, load, network
from bench.kernel_books import ACCOUNTS, Blocks
from bench.report import Report
from client.client import Client
from client.wallet import Wallet, line
from ledger.accounts import AccountKind, WeightedKey, account_of_key
from ledger.act import Act, Deed, Work
from ledger.operation import Operation
from ledger.roles import ROLES, RoleGrant, RoleKey
from ledger.state import Overlay
from node.keys import Purpose, read_key
from primitives import limits
from primitives.codec import encode
from primitives.crypto import SigningKey
from primitives.ids import AccountId, Height, TimeMs, TransactionId
from services.authority.accounts import OpenAccount
from services.authority.roles import GrantRole
from services.money import Transfer
from services.table import LAW
from services.treasury import offices
from services.treasury.awards import AwardKind, MakeAward
from services.treasury.deliveries import AcceptDelivery
from services.treasury.funds import Apportion, Appropriate, DefineFund
from services.treasury.lines import Allot
from services.treasury.payments import DisburseVoucher, OffsetVoucher
from services.treasury.returns import RefundAward, ReturnPayment, ReturnReason
from services.treasury.treasuries import OpenTreasury, single_account
from services.treasury.vouchers import CancelVoucher, CertifyVoucher
from services.treasury.warrants import SetWarrant

RUNS: Final = 3
SECONDS: Final = 10.0
UNDER_WAY: Final = 4
VOUCHERS: Final = 15_000
"""More than are disbursed in that time."""
GOAL_SHARE: Final = 40
GOAL_RATE: Final = 300
FUND: Final = "019-X-1031-000"
LINE: Final = f"{FUND}:2026:ROAD:252"
MUCH: Final = 10**12
EARLY: Final = "1970-01-01"
LATE: Final = "2099-12-31"
OF_THE_AGENCY: Final = (
    offices.ALLOTMENT_OFFICER,
    offices.CONTRACTING_OFFICER,
    offices.RECEIVING_OFFICER,
    offices.CERTIFYING_OFFICER,
    offices.DISBURSING_OFFICER,
    offices.DEBT_OFFICER,
)


@dataclass(frozen=True)
class People:
    """Accounts by what they are; the officers by their role."""

    ministry: AccountId
    parliament: AccountId
    agency: AccountId
    officers: dict[str, AccountId]

    def budget(self) -> Iterator[tuple[AccountId, Operation]]:
        """From an open treasury to a line with much to spend."""
        officers = self.officers
        buyer = officers[offices.CONTRACTING_OFFICER]
        allotter = officers[offices.ALLOTMENT_OFFICER]
        budgeter = officers[offices.BUDGET_OFFICER]
        yield self.ministry, OpenTreasury("GBP", self.parliament, MUCH, 1, 0)
        yield budgeter, DefineFund(self.ministry, FUND, self.agency, EARLY, None, "04")
        yield self.parliament, Appropriate(FUND, MUCH, None)
        yield budgeter, Apportion(FUND, "2026", MUCH)
        yield allotter, Allot(LINE, MUCH)
        yield allotter, SetWarrant(self.agency, buyer, MUCH)

    def award(self, code: str, amount: int) -> tuple[AccountId, Operation]:
        """A blanket award."""
        made = MakeAward(
            award=code,
            line=LINE,
            kind=AwardKind.BLANKET,
            recipient=None,
            amount=amount,
            starts=EARLY,
            ends=LATE,
            place=None,
            process=None,
            terms=None,
        )
        return self.officers[offices.CONTRACTING_OFFICER], made

    def delivery(self, code: str, amount: int) -> tuple[AccountId, Operation]:
        """All of it is there."""
        accepted = AcceptDelivery(code, amount, EARLY, None, None)
        return self.officers[offices.RECEIVING_OFFICER], accepted

    def voucher(
        self, code: str, payee: AccountId, invoice: str, amount: int
    ) -> tuple[AccountId, Operation]:
        """An invoice for the first delivery."""
        certified = CertifyVoucher(code, 1, payee, invoice, amount, LATE)
        return self.officers[offices.CERTIFYING_OFFICER], certified

    def payment(self, payee: AccountId, invoice: str) -> tuple[AccountId, Operation]:
        """It is paid by one officer."""
        paid = DisburseVoucher(payee, invoice, ())
        return self.officers[offices.DISBURSING_OFFICER], paid


# each step alone, in memory


def _in_memory() -> tuple[Blocks, People]:
    """A state with a line to spend from, and money in the single account."""
    begun = ledger.genesis(ACCOUNTS)
    ministry, parliament, agency, budgeter, *rest = map(ledger.account, range(10))
    people = People(
        ministry,
        parliament,
        agency,
        {offices.BUDGET_OFFICER: budgeter, **dict(zip(OF_THE_AGENCY, rest, strict=True))},
    )
    state = Blocks(begun)
    overlay = Overlay(state.state)

    def act(actor: AccountId) -> Act:
        deed = Deed(
            state=overlay,
            law=LAW,
            block=Work(),
            chain=begun.chain,
            signers=frozenset(map(ledger.signer, range(10))),
            transaction_id=TransactionId(bytes(32)),
            height=Height(1),
            time_ms=TimeMs(0),
        )
        return Act(deed, actor)

    for key in (
        RoleKey(offices.TREASURER, None, ministry),
        RoleKey(offices.BUDGET_OFFICER, ministry, budgeter),
        *(RoleKey(role, agency, people.officers[role]) for role in OF_THE_AGENCY),
    ):
        overlay[ROLES][key] = RoleGrant(Height(0), None, None)
    for actor, operation in people.budget():
        act(actor).perform(operation)
    funded = line(to=single_account(ministry), amount=10**8, reference="funds")
    act(ministry).perform(Transfer("GBP", (funded,)))
    overlay.keep()
    for (number, key_), value in overlay.writes().items():
        assert value is not None, "nothing was deleted"
        state.state.rows[number, key_] = value
    return state, people


def _steps(report: Report) -> None:
    state, people = _in_memory()

    def payee(number: int) -> AccountId:
        return ledger.account(100 + number % (ACCOUNTS - 100))

    def cancel(number: int) -> tuple[AccountId, Operation]:
        certifier = people.officers[offices.CERTIFYING_OFFICER]
        return certifier, CancelVoucher(payee(number), f"{number}", "mistake")

    def set_off(number: int) -> tuple[AccountId, Operation]:
        debts = people.officers[offices.DEBT_OFFICER]
        creditor = ledger.account(50)
        return debts, OffsetVoucher(payee(number), f"{number}", "tax", creditor, 2)

    def send_back(number: int) -> tuple[AccountId, Operation]:
        return payee(number), ReturnPayment(f"{number}", ReturnReason.AC04)

    def certify(number: int) -> tuple[AccountId, Operation]:
        return people.voucher(f"A-{number}", payee(number), f"{number}", 10)

    def pay(number: int) -> tuple[AccountId, Operation]:
        return people.payment(payee(number), f"{number}")

    def refund(number: int) -> tuple[AccountId, Operation]:
        return payee(number), RefundAward(f"A-{number}", f"credit {number}", 1)

    for name, made in (
        ("make_award", lambda number: people.award(f"A-{number}", 10)),
        ("accept_delivery", lambda number: people.delivery(f"A-{number}", 10)),
        ("certify_voucher", certify),
        ("cancel_voucher", cancel),
        ("certify_voucher/anew", certify),
        ("disburse_voucher", pay),
        ("return_payment", send_back),
        ("certify_voucher/returned", certify),
        ("offset_voucher", set_off),
        ("disburse_voucher/set off", pay),
        ("refund_award", refund),
    ):
        spent, writes, _ = state.run(made)
        report.fact(f"treasury.vouchers/{name}", spent * 1e6, "us per call")
        report.fact(f"treasury.vouchers/{name}.writes", writes, "entries per call")


# a network of four


class _Ministry:
    """Founds a treasury on a network, certifies vouchers, and signs their payment."""

    def __init__(self, net: network.Network, client: Client) -> None:
        self._client, self._chain = client, net.chain
        keys = {
            name: read_key(net.home / "keys" / f"{name}.key", Purpose.ACCOUNT).signing()
            for name in ("treasury", "registrar", "agency-1", "agency-2")
        }
        roles = (offices.BUDGET_OFFICER, *OF_THE_AGENCY)
        officers = {role: SigningKey(secrets.token_bytes(32)) for role in roles}
        self._wallets = {
            account_of_key(key.public): Wallet.of_key(key, chain=net.chain)
            for key in (*keys.values(), *officers.values())
        }
        ids = {name: account_of_key(key.public) for name, key in keys.items()}
        self._registrar = ids["registrar"]
        self._officers = officers
        self.people = People(
            ids["treasury"],
            ids["agency-2"],
            ids["agency-1"],
            {role: account_of_key(key.public) for role, key in officers.items()},
        )
        self.payee = ids["agency-2"]

    def found(self) -> None:
        """Officers, a treasury with money, and one award of which everything is delivered."""
        people = self.people
        for role, key in self._officers.items():
            scope = people.ministry if role == offices.BUDGET_OFFICER else people.agency
            opened = OpenAccount(
                account=None,
                kind=AccountKind.PERSON,
                threshold=1,
                signers=(WeightedKey(key.public, 1),),
                name="",
                keeper=None,
                floor=0,
            )
            granted = GrantRole(role, scope, account_of_key(key.public), None)
            self._do(self._registrar, opened, granted)
        for actor, operation in people.budget():
            self._do(actor, operation)
        funded = line(to=single_account(people.ministry), amount=10**8, reference="funds")
        self._do(people.ministry, Transfer("GBP", (funded,)))
        self._do(*people.award("BENCH", 10**7))
        self._do(*people.delivery("BENCH", 10**7))

    def certify(self, count: int) -> None:
        """So many invoices of one payee, many calls to a transaction."""
        last = None
        for first in range(0, count, limits.CALLS_MAX):
            numbers = range(first, min(first + limits.CALLS_MAX, count))
            made = [self.people.voucher("BENCH", self.payee, f"{n}", 1) for n in numbers]
            last = self._wallets[made[0][0]].transaction(*(operation for _, operation in made))
            self._client.submit(last)
        assert last is not None, "there are vouchers"
        self._client.settle(last, timeout_s=load.PATIENCE_S)

    def payments(self, count: int) -> list[bytes]:
        """A transaction with a signature of its own for each, in canonical form."""
        return [encode(self._payment(number)) for number in range(count)]

    def _payment(self, number: int) -> msgspec.Struct:
        actor, operation = self.people.payment(self.payee, f"{number}")
        return self._wallets[actor].transaction(operation)

    def _do(self, actor: AccountId, *operations: Operation) -> None:
        self._client.settle(self._wallets[actor].transaction(*operations))


def _one_network(base_port: int) -> tuple[load.Run, load.Run]:
    """Plain payments, then disbursements."""
    net = network.start(base_port)
    try:
        with Client([f"http://127.0.0.1:{net.api_port(0)}"]) as client:
            ministry = _Ministry(net, client)
            ministry.found()
            ministry.certify(VOUCHERS)
        plain = load.measure(net, load.BEFORE, load.BATCH, UNDER_WAY, SECONDS)
        with tempfile.TemporaryDirectory(prefix="mithaq-bench-") as folder:
            file = Path(folder) / "payments"
            file.write_bytes(encode(tuple(ministry.payments(VOUCHERS))))
            paid = load.measure(net, load.BEFORE, load.BATCH, UNDER_WAY, SECONDS, str(file))
        assert _paid(net) == paid.outcome.payments, "what is final is paid"
        return plain, paid
    finally:
        net.mithaq("localnet", "down")
        shutil.rmtree(net.home)


def _paid(net: network.Network) -> int:
    """How many pence the award has paid: one for each voucher."""
    with Client([f"http://127.0.0.1:{net.api_port(0)}"]) as client:
        [row] = client.rows("treasury.award", award="BENCH")
    return int(row.paid_minor)


def _median(runs: Sequence[tuple[load.Run, load.Run]]) -> tuple[load.Run, load.Run]:
    """The network in the middle, by its share."""
    shares = sorted(runs, key=lambda pair: pair[1].outcome.rate / pair[0].outcome.rate)
    return shares[len(shares) // 2]


def run(report: Report) -> None:
    """Each step alone; then a network's rate of vouchers beside its rate of payments."""
    _steps(report)
    runs = [_one_network(25_500 + 10 * number) for number in range(RUNS)]
    plain, paid = _median(runs)
    rate = statistics.median(pair[1].outcome.rate for pair in runs)
    share = 100 * paid.outcome.rate / plain.outcome.rate
    report.goal_at_least("treasury.vouchers/rate", rate, "per second", at_least=GOAL_RATE)
    report.goal_at_least("treasury.vouchers/of plain payments", share, "%", at_least=GOAL_SHARE)
    report.fact("treasury.vouchers/plain payments", plain.outcome.rate, "per second")
    report.fact("treasury.vouchers/CPU", paid.cpu_us, "us per voucher and node")
    report.fact("treasury.vouchers/CPU of a payment", plain.cpu_us, "us per payment and node")
    report.fact("treasury.vouchers/p50", paid.outcome.percentile(50), "ms to final")
    report.fact("treasury.vouchers/p99", paid.outcome.percentile(99), "ms to final")
    report.fact("treasury.vouchers/others", 100 * paid.others, "% of the cores used by other work")
