"""The answer to a pain.001: the customer payment status report, pain.002, line by line.

It is written in the version that belongs to the question: .03 answers .03, later ones get .12. Each
line names the payment by the sender's own identifiers, says how it stands, and where it was
rejected why: a code for the sender's program and the sentence behind it for people, in pieces of
105 characters as the standard has them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, final

from exchange.iso20022 import NAMESPACE, TEXT_105, Status, moment
from exchange.pain001 import Fault, Identity
from exchange.xml import Element, document, element

ANSWERS: Final = {"pain.001.001.03": "pain.002.001.03"}
LATER: Final = "pain.002.001.12"
_PIECES_MAX: Final = 10
_PART: Final = "PART"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LineStatus:
    """How one payment stands; `fault` where it is rejected."""

    identity: Identity
    status: Status
    fault: Fault | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """What is answered: to which message, and how each of its lines stands.

    `fault` is why the message was rejected as a whole.
    """

    id: str
    time_ms: int
    original: str
    original_version: str
    lines: Sequence[LineStatus]
    fault: Fault | None


def pain002(report: StatusReport) -> bytes:
    """The file of a report."""
    version = ANSWERS.get(report.original_version, LATER)
    whole = element(
        "OrgnlGrpInfAndSts",
        element("OrgnlMsgId", report.original),
        element("OrgnlMsgNmId", report.original_version),
        element("OrgnlNbOfTxs", str(len(report.lines))),
        element("GrpSts", _together(report.lines, report.fault)),
        None if report.fault is None else _reason(report.fault),
    )
    body = element(
        "CstmrPmtStsRpt",
        element("GrpHdr", element("MsgId", report.id), element("CreDtTm", moment(report.time_ms))),
        whole,
        *_batches(report),
    )
    return document(element("Document", body), f"{NAMESPACE}{version}")


def _batches(report: StatusReport) -> Iterator[Element]:
    for name, lines in groupby(report.lines, key=lambda line: line.identity.batch):
        listed = list(lines)
        yield element(
            "OrgnlPmtInfAndSts",
            element("OrgnlPmtInfId", name or "NOTPROVIDED"),
            element("OrgnlNbOfTxs", str(len(listed))),
            element("PmtInfSts", _together(listed, report.fault)),
            *map(_line, listed),
        )


def _line(line: LineStatus) -> Element:
    identity = line.identity
    return element(
        "TxInfAndSts",
        element("StsId", str(identity.number)),
        None if identity.instruction is None else element("OrgnlInstrId", identity.instruction),
        element("OrgnlEndToEndId", identity.end_to_end),
        element("TxSts", line.status.value),
        None if line.fault is None else _reason(line.fault),
    )


def _together(lines: Sequence[LineStatus], fault: Fault | None) -> str:
    """The status of several payments: theirs, or that it is of parts."""
    if fault is not None:
        return Status.REJECTED.value
    found = {line.status for line in lines}
    return found.pop().value if len(found) == 1 else _PART


def _reason(fault: Fault) -> Element:
    said = fault.said[: TEXT_105 * _PIECES_MAX]
    pieces = [said[at : at + TEXT_105] for at in range(0, len(said), TEXT_105)]
    return element(
        "StsRsnInf",
        element("Rsn", element("Cd", fault.reason.value)),
        *(element("AddtlInf", piece) for piece in pieces),
    )
