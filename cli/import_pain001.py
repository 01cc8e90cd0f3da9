"""`mithaq import pain001`: an agency's own system asks for payments; the answer is a pain.002."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cli.home import home_of, nodes_of
from cli.session import Session, asking_command, facts, table
from primitives.errors import OperatorFault, Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.query import Names
    from client.client import Client
    from exchange.pain001 import Initiation
    from exchange.pain002 import LineStatus
    from services.treasury.rows import TreasuryRow

_OWNER_ONLY: Final = 0o600


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
    "--patience",
    default=60,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="SECONDS",
    help="How long to wait for a network that does not move.",
)
def pain001(
    session: Session,
    file: Path,
    agency: str,
    certifier: str,
    treasury: str | None,
    answer: Path | None,
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
    data = _content(file)
    target = answer or Path(f"{file.stem}.pain002.xml")
    names = names_of(home, None)
    book = read_book(book_path(home, agency))
    with Courier(nodes_of(session), patience_s=patience) as courier:
        found = courier.ask(lambda client: treasury_of(client, names, treasury))
        message = read_pain001(data, asset=found.asset, exponent=found.exponent)
        certifying = Certifying(courier, signer, found, book, message)
        lines = certifying.run()
        height = courier.ask(lambda client: client.status().height)
        identifier = f"{book.file_id(message.id.encode())[:20]}-{height}"
    _write_answer(target, message, lines, identifier)
    _report(session, message, lines, target, certifying.certified)


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


def _content(path: Path) -> bytes:
    from exchange import limits

    try:
        with path.open("rb") as file:
            return file.read(limits.IMPORT_XML_BYTES_MAX + 1)
    except OSError as error:
        raise OperatorFault(f"{path} cannot be read: {error.strerror}") from error


def _write_answer(
    path: Path, message: "Initiation", lines: "Sequence[LineStatus]", identifier: str
) -> None:
    """It quotes names and bank accounts, so only the owner may read it."""
    from cli.transaction_file import replace_file
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


def _report(
    session: Session,
    message: "Initiation",
    lines: "Sequence[LineStatus]",
    target: Path,
    certified: int,
) -> None:
    """Print how each payment stands.

    Raises:
        Rejected: the message or a payment of it is rejected.
    """
    from exchange.iso20022 import Status

    rejected = [line for line in lines if line.status is Status.REJECTED]
    result: dict[str, Any] = {
        "message": message.id,
        "payments": len(lines),
        "certified": certified,
        "rejected": len(rejected),
        "answer": str(target),
        "lines": [
            {
                "number": line.identity.number,
                "end_to_end": line.identity.end_to_end,
                "status": line.status.value,
                "reason": None if line.fault is None else line.fault.reason.value,
                "said": None if line.fault is None else line.fault.said,
            }
            for line in lines
        ],
    }
    shown = [
        (
            each["number"],
            each["end_to_end"],
            each["status"],
            each["reason"] or "-",
            each["said"] or "-",
        )
        for each in result["lines"]
    ]
    summary = facts(
        [
            ("message", message.id),
            ("payments", len(lines)),
            ("certified now", certified),
            ("rejected", len(rejected)),
            ("answer file", target),
        ]
    )
    listed = table(["LINE", "PAYMENT", "STATUS", "REASON", "WHY"], shown)
    session.show(result, f"{listed}\n\n{summary}")
    if message.fault is not None:
        fault = message.fault
        raise Rejected(
            "import.message_refused",
            f"the message is refused as a whole, {fault.reason.value}: {fault.said}",
            {"reason": fault.reason.value, "answer": str(target)},
        )
    if rejected:
        raise Rejected(
            "import.payments_refused",
            f"{len(rejected)} of {len(lines)} payments are rejected, see {target}",
            {"rejected": len(rejected), "answer": str(target)},
        )
