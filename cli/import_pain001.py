"""`mithaq import pain001`: an agency's own system asks for payments; the answer is a pain.002."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import click

from cli.files import read_file, replace_file
from cli.home import home_of, nodes_of
from cli.import_payments import PATIENCE, beside
from cli.session import Session, asking_command, facts, table
from exchange import limits
from primitives.errors import OperatorFault, Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.query import Names
    from client.client import Client
    from exchange.pain001 import Initiation
    from exchange.pain002 import LineStatus
    from services.treasury.rows import TreasuryRow

_OWNER_ONLY: Final = 0o600
_TITLES: Final = (
    "LINE",
    "PAYMENT",
    "PAYEE",
    "INVOICE",
    "AWARD",
    "AMOUNT",
    "STATUS",
    "REASON",
    "WHY",
)


@asking_command("pain001")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--agency", required=True, metavar="NAME", help="Key of the agency whose vendor book it is."
)
@click.option(
    "--certifier", required=True, metavar="NAME", help="Key of the officer who certifies."
)
@click.option(
    "--treasury", metavar="ACCOUNT", help="Whose money it is.  [default: the only treasury]"
)
@click.option(
    "--answer",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the answer goes.  [default: FILE's name with .pain002.xml, in this folder]",
)
@click.option(
    "--check",
    is_flag=True,
    help="Only say what would be certified: nothing is signed, and no answer is written.",
)
@PATIENCE
def pain001(
    session: Session,
    file: Path,
    agency: str,
    certifier: str,
    treasury: str | None,
    answer: Path | None,
    check: bool,
    patience: int,
) -> None:
    """Certify the invoices of FILE, a customer credit transfer initiation (ISO 20022 pain.001).

    Each payment names its invoice (CINV), award (PUOR) and delivery (DISP). The answer says of each
    whether it is accepted, settled or rejected, and why. Run it again to learn how they stand:
    nothing is certified twice.
    """
    from cli.booking import signer_of
    from cli.certifying import Certifying
    from cli.courier import Courier
    from cli.query import names_of
    from cli.vendor_book import book_path, read_book
    from exchange.pain001 import read_pain001

    home = home_of(session)
    signer = signer_of(home, certifier)
    data = read_file(file, limits.IMPORT_XML_BYTES_MAX)
    target = beside(file, answer, ".pain002.xml")
    names = names_of(home, None)
    book = read_book(book_path(home, agency))
    with Courier(nodes_of(session), patience_s=patience) as courier:
        found = courier.ask(lambda client: treasury_of(client, names, treasury))
        message = read_pain001(data, asset=found.asset, exponent=found.exponent)
        certifying = Certifying(courier, signer, found, book, message)
        lines = certifying.judge()
        if not check:
            lines = certifying.certify()
        height = courier.ask(lambda client: client.status().height)
    if not check:
        identifier = f"{book.file_id(message.id.encode())[:20]}-{height}"
        _write_answer(target, message, lines, identifier)
    told = _Told(message, lines, found, None if check else target, certifying.certified)
    told.report(session, names)


def treasury_of(client: "Client", names: "Names", word: str | None) -> "TreasuryRow":
    """The treasury of the ministry that is named, else the only one.

    Raises:
        OperatorFault: there is none such, or there are several and none is named.
    """
    from cli.report import ministry_of
    from services.treasury.rows import TreasuryRow

    ministry = ministry_of(client, names, word)
    row = next(client.rows("treasury.treasuries", treasury=ministry), None)
    if row is None:
        raise OperatorFault(f"account {ministry.hex()} is no treasury")
    assert isinstance(row, TreasuryRow), "it is asked for"
    return row


def _write_answer(
    path: Path, message: "Initiation", lines: "Sequence[LineStatus]", identifier: str
) -> None:
    """It quotes names and bank accounts, so only the owner may read it."""
    from exchange.pain002 import StatusReport, pain002

    report = StatusReport(
        id=identifier,
        time_ms=time.time_ns() // 1_000_000,
        original=message.id,
        original_version=message.version,
        lines=lines,
        fault=message.fault,
    )
    replace_file(path, pain002(report), mode=_OWNER_ONLY)


@final
@dataclass(frozen=True)
class _Told:
    """What came of a message; `answer` is None where nobody was asked to certify."""

    message: "Initiation"
    lines: "Sequence[LineStatus]"
    treasury: "TreasuryRow"
    answer: Path | None
    certified: int

    def report(self, session: Session, names: "Names") -> None:
        """Print how each payment stands.

        Raises:
            Rejected: the message or a payment of it is rejected.
        """
        from exchange.iso20022 import Status

        rejected = [line for line in self.lines if line.status is Status.REJECTED]
        answer = None if self.answer is None else str(self.answer)
        result: dict[str, Any] = {
            "message": self.message.id,
            "payments": len(self.lines),
            "certified": self.certified,
            "rejected": len(rejected),
            "answer": answer,
            "lines": [self._line(line) for line in self.lines],
        }
        listed = table(_TITLES, [self._shown(each, names) for each in result["lines"]])
        summary = [
            ("message", self.message.id),
            ("payments", str(len(self.lines))),
            ("certified now", str(self.certified)),
            ("rejected", str(len(rejected))),
            *([] if answer is None else [("answer file", answer)]),
        ]
        session.show(result, f"{listed}\n\n{facts(summary)}")
        if self.message.fault is not None:
            fault = self.message.fault
            raise Rejected(
                "import.message_refused",
                f"the message is refused as a whole, {fault.reason.value}: {fault.said}",
                {"reason": fault.reason.value, "answer": answer},
            )
        if rejected:
            raise Rejected(
                "import.payments_refused",
                f"{len(rejected)} of {len(self.lines)} payments are rejected",
                {"rejected": len(rejected), "answer": answer},
            )

    def _line(self, line: "LineStatus") -> dict[str, Any]:
        from exchange.pain001 import Instruction

        asked = self.message.lines[line.identity.number - 1]
        known = asked if isinstance(asked, Instruction) else None
        return {
            "number": line.identity.number,
            "end_to_end": line.identity.end_to_end,
            "creditor": None if known is None else known.creditor,
            "invoice": None if known is None else known.invoice,
            "award": None if known is None else known.award,
            "amount_minor": None if known is None else known.amount,
            "status": line.status.value,
            "reason": None if line.fault is None else line.fault.reason.value,
            "said": None if line.fault is None else line.fault.said,
        }

    def _shown(self, line: dict[str, Any], names: "Names") -> list[str]:
        from cli.conventions import money

        minor, asset = line["amount_minor"], self.treasury.asset
        said = None if line["said"] is None else names.in_text(line["said"])
        amount = None if minor is None else money(minor, self.treasury.exponent, asset)
        shown = {**line, "amount_minor": amount, "said": said}
        return [str(value or "-") for value in shown.values()]
