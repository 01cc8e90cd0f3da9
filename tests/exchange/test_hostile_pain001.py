"""Payment files that somebody spoilt: they get an answer or one sentence, never worse."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.iso20022 import Reason, Status
from exchange.pain001 import Fault, Initiation, Refused, read_pain001
from exchange.pain002 import LineStatus, StatusReport, pain002
from kit.initiations import NEW, OLD, Invoice, initiation
from kit.iso_schemas import invalid
from primitives.errors import Malformed

SAMPLES = [
    initiation(Invoice(), Invoice(invoice="INV-2", amount="7.5"), version=version)
    for version in (OLD, NEW)
]
PIECES = st.sampled_from(
    [
        *(
            b"",
            b"<",
            b">",
            b"&",
            b"&#0;",
            b"&#x41;",
            b"]]>",
            b"<!---->",
            b"\0",
            b"\xff",
            b"-",
            b".",
        ),
        *(b"</PmtInf>", b"<PmtInf>", b"-", b".", b"<CdtTrfTxInf/>", b"9" * 40, b"x" * 300),
        "\N{PILE OF POO}".encode(),
    ]
)


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A message of which a few pieces are cut out and others put in."""
    data = draw(st.sampled_from(SAMPLES))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        cut = draw(st.integers(0, 30))
        data = data[:at] + draw(PIECES) + data[at + cut :]
    return data


def answer(message: Initiation) -> bytes:
    """What its sender gets, with the faults that were found."""
    nothing = Fault(reason=Reason.NARRATIVE, said="not asked for")
    lines = [
        LineStatus(
            identity=line.identity,
            status=Status.REJECTED,
            fault=line.fault if isinstance(line, Refused) else nothing,
        )
        for line in message.lines
    ]
    report = StatusReport(
        id="ANSWER",
        time_ms=0,
        original=message.id,
        original_version=message.version,
        lines=lines,
        fault=message.fault,
    )
    return pain002(report)


@settings(max_examples=150, deadline=None)
@given(spoilt())
def test_whatever_can_be_read_gets_an_answer_that_is_valid(data: bytes) -> None:
    """And whatever cannot is refused in one sentence."""
    message, said = None, ""
    try:
        message = read_pain001(data, asset="GBP", exponent=2)
    except Malformed as fault:
        said = str(fault)

    if message is None:
        assert said.startswith("expected ")
        return
    version = "pain.002.001.03" if message.version == OLD else "pain.002.001.12"
    assert invalid(answer(message), version) == []
