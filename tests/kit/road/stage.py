"""Who is in the story, what the money is called, and what stands in front of every chapter."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from client.wallet import line
from kit.initiations import BIC
from kit.road.country import Country
from kit.road.process import Process, moment
from kit.road.telling import Teller
from ledger.books import Line
from ledger.operation import Operation
from primitives.digest import digest
from primitives.domains import Domain
from primitives.errors import Rejected
from primitives.ids import Digest
from services.registry.stamps import StampAct, StampDocument
from services.treasury import deliveries, payments, vouchers
from services.treasury.rows import FundRow, LineRow

ASSET: Final = "GBP"
MINISTRY: Final = "treasury"
PARLIAMENT: Final = "parliament"
COUNCIL: Final = "council"
AGENCY: Final = "roads"
MEMBERS: Final = ("member-1", "member-2", "member-3")
BUILDER: Final = "builder"
TRUST: Final = "trust"
"""Gets a grant, and passes it on to two others."""
PARTNERS: Final = ("ramps", "signs")

OF_THE_TREASURY: Final = ("budgeter", "accountant", "auditor")
OF_THE_AGENCY: Final = (
    "allotter",
    "contractor",
    "receiver",
    "certifier",
    "payer",
    "payer-2",
    "debtor",
    "custodian",
    "custodian-2",
    "counter",
)

POUND: Final = 100
HEX: Final = re.compile(r"\b[0-9a-f]{64}\b")
AMOUNTS: Final = frozenset(
    {
        "allotted",
        "amount",
        "apportioned",
        "appropriated",
        "change",
        "cost",
        "delivered",
        "interest",
        "limit",
        "more",
        "obligated",
        "outlaid",
        "paid",
        "room",
        "threshold",
        "vouchered",
    }
)
"""Facts of a refusal that are amounts of money."""
RESERVE: Final = 5_000_000 * POUND
"""Appropriated beyond what is planned."""
SPARE: Final = 300_000 * POUND
GRANT: Final = 600_000 * POUND
CREDIT: Final = timedelta(days=90)
"""Within which an invoice is paid, or costs interest."""
THRESHOLD: Final = 20_000 * POUND
"""Two officers pay more than this."""


class Stage:
    """A country, the process that the road is built by, and who is told."""

    def __init__(self, country: Country, process: Process, teller: Teller) -> None:
        self.country = country
        self.process = process
        self.teller = teller
        year = process.begins.year
        self.fund = f"019-{year}/{year + 1}-1031-000"
        self.project = f"{year}-roads"
        self.road_line = f"{self.fund}:{self.project}:ROAD:320"
        self.grant_line = f"{self.fund}:{self.project}:ACCS:410"
        self.spare_line = f"{self.fund}:{self.project}:ROAD:250"
        self.law = f"law/{year}/budget"
        self.first_day = f"{year}-01-01"
        self.last_day = f"{year + 1}-12-31"
        self.road_allotment = process.award_minor + 500_000 * POUND
        self.grant_allotment = GRANT + 100_000 * POUND
        self.planned = self.road_allotment + self.grant_allotment + SPARE
        self.appropriated = self.planned + RESERVE
        self.documents = country.home.parent / "documents"
        self.published = country.home.parent / "published"
        self.attempts: list[tuple[str, Rejected]] = []

    def attempt(
        self, what: str, actor: str, operation: Operation, *, with_: Sequence[str] = ()
    ) -> Rejected:
        """Somebody tries what he may not; the ledger says why not."""
        refusal = self.country.tries(actor, operation, with_=with_)
        self.attempts.append((what, refusal))
        self.teller.refused(what, self.named(in_words(refusal)))
        return refusal

    def named(self, text: str) -> str:
        """Accounts by the names that the story has for them."""
        for name, account in self.country.known.items():
            text = text.replace(account.hex(), name)
        return HEX.sub(lambda found: f"{found[0][:8]}…", text)

    # what the chapters do again and again

    def delivery(self, award: str, amount: int, number: int) -> deliveries.AcceptDelivery:
        """What the receiving officer accepts today, as the milestone of this number."""
        return deliveries.AcceptDelivery(
            award=award,
            amount=amount,
            date=self.today,
            milestone=f"M{number}",
            record=text_of(f"Acceptance of {award}, number {number}"),
        )

    def voucher(
        self, award: str, payee: str, invoice: str, amount: int, *, delivery: int = 1
    ) -> vouchers.CertifyVoucher:
        """An invoice, certified to be due in a month."""
        return vouchers.CertifyVoucher(
            award=award,
            delivery=delivery,
            payee=self.country[payee],
            invoice=invoice,
            amount=amount,
            due=self.due(),
        )

    def payment(self, payee: str, invoice: str, *others: str) -> payments.DisburseVoucher:
        """A voucher paid, with these officers beside the one who acts."""
        return payments.DisburseVoucher(
            payee=self.country[payee],
            invoice=invoice,
            with_officers=tuple(sorted(self.country[name] for name in others)),
        )

    @property
    def today(self) -> str:
        """The day."""
        return f"{self.country.clock.now():%Y-%m-%d}"

    def due(self) -> str:
        """The day by which an invoice of today is to be paid."""
        return f"{self.country.clock.now() + CREDIT:%Y-%m-%d}"

    def publish_documents(self) -> None:
        """Documents of the process whose day has come are stamped: kept as they are from now on."""
        self.documents.mkdir(exist_ok=True)
        for package in self.process.releases:
            (release,) = package["releases"]
            file = self.documents / f"{release['id']}.json"
            if file.exists() or moment(release["date"]) > self.country.clock.now():
                continue
            file.write_text(json.dumps(package, indent=2))
            (sealed,) = self.country.run("export", "seal", file).result
            stamp = StampDocument(Digest(bytes.fromhex(sealed["commitment"])), StampAct.TIMESTAMP)
            self.country.does(AGENCY, stamp)

    def enter_payee(self, name: str, number: str, payee: str) -> None:
        """Where somebody is paid: in the agency's vendor book, on its own machine."""
        account = self.country[payee].hex()
        words = ("--account", number, "--bic", BIC, "--payee", account)
        self.country.run("vendors", "enter", name, "--agency", AGENCY, *words)

    # what anybody asks

    def export(self, name: str, *words: str | Path) -> Any:  # noqa: ANN401 - JSON
        """What `mithaq export` says of a file that it wrote."""
        return self.country.run("export", name, *words).result

    def line(self, code: str) -> LineRow:
        """A line of the budget, as it is now."""
        rows = self.country.rows("treasury.lines", treasury=self.country[MINISTRY])
        found: LineRow = next(row for row in rows if row.line == code)
        return found

    def fund_row(self) -> FundRow:
        """The fund, as it is now."""
        (row,) = self.country.rows("treasury.funds", treasury=self.country[MINISTRY])
        found: FundRow = row
        return found

    def holds(self, name: str, asset: str = ASSET) -> int:
        """What an account has of an asset."""
        balances = self.country.client.account(self.country[name]).balances
        return next((each.amount for each in balances if each.asset == asset), 0)

    def comes(self, day: datetime) -> None:
        """The day comes, unless it is over already."""
        if day > self.country.clock.now():
            self.country.wait_until(day)


def in_words(refusal: Rejected) -> str:
    """What a refusal says, with amounts in pounds and times as days: the ledger counts both."""
    text = refusal.message
    for name, value in refusal.facts.items():
        if not isinstance(value, int):
            continue
        if name in AMOUNTS:
            text = re.sub(rf"\b{value}\b", pounds(value), text)
        elif name.endswith("_ms"):
            text = text.replace(
                str(value), f"{datetime.fromtimestamp(value / 1000, UTC):%-d %B %Y}"
            )
    return text


def pounds(minor: int) -> str:
    """An amount for people."""
    return f"{minor // POUND:,}.{minor % POUND:02} {ASSET}"


def text_of(words: str) -> Digest:
    """The commitment to a text, whose words are kept elsewhere."""
    return digest(Domain.COMMITMENT, b"story", words.encode())


def paid(country: Country, to: str, amount: int, reference: str) -> Line:
    """One line of a payment."""
    return line(to=country[to], amount=amount, reference=reference)
