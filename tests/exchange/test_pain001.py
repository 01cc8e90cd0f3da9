"""Payment files of agencies: what is read, and by which code what is wrong is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from exchange import limits
from exchange.iso20022 import Reason
from exchange.pain001 import VERSIONS, Initiation, Instruction, Refused, read_pain001
from kit.initiations import BIC, IBAN, NEW, OLD, Invoice, initiation
from kit.iso_schemas import initiations, invalid
from primitives.errors import Malformed, OperatorFault

SPACE = "urn:iso:std:iso:20022:tech:xsd:"


def read(data: bytes) -> Initiation:
    return read_pain001(data, asset="GBP", exponent=2)


def refusal(data: bytes) -> tuple[Reason, str]:
    """Of a message with one payment."""
    [line] = read(data).lines
    assert isinstance(line, Refused), line
    return line.fault.reason, line.fault.said


@pytest.mark.parametrize("version", [OLD, NEW])
def test_an_invoice_is_read_with_its_award_and_its_delivery(version: str) -> None:
    """The same from the version of most banks today and from the one before it."""
    data = initiation(Invoice(), Invoice(invoice="INV-2", amount="0.5"), version=version)
    assert invalid(data, version) == []

    message = read(data)

    assert (message.version, message.id, message.fault) == (version, "MSG-1", None)
    first, second = message.lines
    assert isinstance(first, Instruction)
    assert isinstance(second, Instruction)
    assert (first.invoice, first.award, first.delivery) == ("INV-1", "ROAD-1", 1)
    assert (first.amount, first.due) == (125_000, "2026-06-30")
    assert (first.creditor, first.account, first.bic) == ("Acme Bridges Ltd", IBAN, BIC)
    assert (first.identity.batch, first.identity.instruction) == ("BATCH-1", "I-E2E-1")
    assert (second.identity.number, second.amount) == (2, 50)


@pytest.mark.parametrize("path", initiations(), ids=lambda path: path.name[:60])
def test_files_of_many_countries_are_understood(path: Path) -> None:
    """None names an award, so each payment is refused, and for a reason of its own."""
    data = path.read_bytes()

    message = read(data)

    assert message.version in VERSIONS
    assert message.fault is None
    assert len(message.lines) == data.count(b"<CdtTrfTxInf>") > 0
    reasons = {line.fault.reason for line in message.lines if isinstance(line, Refused)}
    assert len([line for line in message.lines if isinstance(line, Refused)]) == len(message.lines)
    assert reasons <= {
        Reason.CURRENCY_NOT_ALLOWED,
        Reason.AMOUNT_INVALID,
        Reason.REMITTANCE_INVALID,
        Reason.PAYMENT_TYPE_INVALID,
        Reason.CREDITOR_ACCOUNT_INVALID,
        Reason.CREDITOR_NAME_MISSING,
    }


def test_every_version_is_among_these_files() -> None:
    """So that none is accepted that was never tried."""
    assert {read(path.read_bytes()).version for path in initiations()} == set(VERSIONS)


@pytest.mark.parametrize(
    ("wrong", "reason", "said"),
    [
        (Invoice(amount="0.00"), Reason.ZERO_AMOUNT, "expected more than nothing, found 0"),
        (Invoice(amount="1.234"), Reason.AMOUNT_INVALID, "at most 2 places, found '1.234'"),
        (Invoice(amount="92233720368547758.08"), Reason.AMOUNT_INVALID, "found '92233720368"),
        (Invoice(currency="EUR"), Reason.CURRENCY_NOT_ALLOWED, "expected GBP, found 'EUR'"),
        (Invoice(creditor=""), Reason.CREDITOR_NAME_MISSING, "expected a name, found nothing"),
        (Invoice(iban=""), Reason.CREDITOR_ACCOUNT_INVALID, "found nothing"),
        (Invoice(iban="GB30NWBK60161331926819"), Reason.CREDITOR_ACCOUNT_INVALID, "check digits"),
        (Invoice(invoice=""), Reason.REMITTANCE_INVALID, "the invoice, a document of type CINV"),
        (Invoice(award=""), Reason.REMITTANCE_INVALID, "the award, a document of type PUOR"),
        (Invoice(delivery="two"), Reason.REMITTANCE_INVALID, "in DISP, found 'two'"),
        (Invoice(delivery="0"), Reason.REMITTANCE_INVALID, "in DISP, found '0'"),
    ],
)
def test_what_is_wrong_with_one_payment_costs_that_payment(
    wrong: Invoice, reason: Reason, said: str
) -> None:
    """A code of the standard, and what was expected and found."""
    message = read(initiation(Invoice(), wrong, Invoice(invoice="INV-3")))

    first, second, third = message.lines
    assert isinstance(second, Refused)
    assert (second.fault.reason, second.identity.number) == (reason, 2)
    assert said in second.fault.said
    assert isinstance(first, Instruction)
    assert isinstance(third, Instruction)


def test_a_delivery_may_be_left_out() -> None:
    """Whoever imports it looks for the one that it is for."""
    [line] = read(initiation(Invoice(delivery=""))).lines

    assert isinstance(line, Instruction)
    assert line.delivery is None


def test_two_numbers_for_one_kind_of_document_are_refused() -> None:
    """Nobody knows which invoice it is."""
    data = initiation(Invoice()).replace(b">DISP<", b">CINV<")

    assert refusal(data) == (
        Reason.REMITTANCE_INVALID,
        "RmtInf: expected one document of type CINV, found 'INV-1' and '1'",
    )


def test_an_award_may_be_a_referred_document() -> None:
    """As later versions have it."""
    data = initiation(Invoice(award="", delivery="ROAD-7")).replace(b">DISP<", b">PUOR<")
    assert invalid(data, NEW) == []

    [line] = read(data).lines

    assert isinstance(line, Instruction)
    assert (line.award, line.delivery) == ("ROAD-7", None)


def test_trailing_zeros_are_no_smaller_units() -> None:
    """An amount may be written with five places."""
    [line] = read(initiation(Invoice(amount="12.34000"))).lines

    assert isinstance(line, Instruction)
    assert line.amount == 1234


@pytest.mark.parametrize("due", ["2026-02-30", "soon", "2026-6-1"])
def test_a_day_that_is_none_is_refused(due: str) -> None:
    """For every payment of the block, as they share it."""
    reason, said = refusal(initiation(Invoice(), due=due))

    assert (reason, said) == (
        Reason.DATE_INVALID,
        f"ReqdExctnDt: expected a day of the calendar, found {due!r}",
    )


def test_a_moment_is_a_day() -> None:
    """Later versions may give a time."""
    data = initiation(Invoice()).replace(
        b"<Dt>2026-06-30</Dt>", b"<DtTm>2026-06-30T12:00:00+02:00</DtTm>"
    )
    assert invalid(data, NEW) == []

    [line] = read(data).lines

    assert isinstance(line, Instruction)
    assert line.due == "2026-06-30"


def test_a_cheque_is_no_transfer() -> None:
    """What the treasury does is pay into accounts."""
    assert refusal(initiation(Invoice(), method="CHK"))[0] is Reason.PAYMENT_TYPE_INVALID


@pytest.mark.parametrize(
    ("count", "total", "reason", "said"),
    [
        ("3", None, Reason.COUNT_WRONG, "GrpHdr/NbOfTxs: expected 2, as many payments as there"),
        ("two", None, Reason.COUNT_WRONG, "found two"),
        (None, "2500.01", Reason.CONTROL_SUM_WRONG, "expected 2500, the sum of the payments"),
        (None, "x", Reason.CONTROL_SUM_WRONG, "found x"),
    ],
)
def test_a_message_whose_sums_are_wrong_is_refused_as_a_whole(
    count: str | None, total: str | None, reason: Reason, said: str
) -> None:
    """Something got lost on the way, and nobody knows what."""
    message = read(initiation(Invoice(), Invoice(invoice="2"), count=count, total=total))

    assert message.fault is not None
    assert message.fault.reason is reason
    assert said in message.fault.said


def test_sums_of_a_block_are_those_of_its_payments() -> None:
    """A block that says otherwise loses its payments."""
    said = b"<PmtMtd>TRF</PmtMtd><NbOfTxs>2</NbOfTxs>"
    data = initiation(Invoice()).replace(b"<PmtMtd>TRF</PmtMtd>", said)
    assert invalid(data, NEW) == []

    assert read(data).fault is None
    assert refusal(data) == (
        Reason.COUNT_WRONG,
        "NbOfTxs: expected 1, as many payments as there are, found 2",
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "well-formed XML"),
        (b"Payee,Amount\n", "well-formed XML"),
        (b"<a><b></a>", "line 1, column 9"),
        (b'<?xml version="1.0" encoding="x-none"?><a/>', "UTF-8"),
        (b"<Document/>", "expected a Document of pain.001.001.03 to pain.001.001.13"),
        (f'<Document xmlns="{SPACE}pain.008.001.02"/>'.encode(), "found '{urn:iso"),
        (f'<Document xmlns="{SPACE}{NEW}"/>'.encode(), "expected a message identifier"),
        (f'<X xmlns="{SPACE}{NEW}"/>'.encode(), "expected a Document"),
        (initiation(Invoice(), message="M" * 36), "1 to 35 characters, found 'MMM"),
        (initiation(), "expected at least one payment"),
    ],
)
def test_what_is_no_message_is_refused_in_one_sentence(data: bytes, said: str) -> None:
    """There is nobody whom an answer could name."""
    with pytest.raises(Malformed) as found:
        read(data)

    assert said in str(found.value)


@pytest.mark.parametrize(
    "prolog",
    [
        '<!DOCTYPE a [<!ENTITY lol "lol"><!ENTITY l2 "&lol;&lol;&lol;">]><a>&l2;</a>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]><a/>',
    ],
)
def test_a_document_type_is_refused_before_it_is_looked_at(prolog: str) -> None:
    """It could become gigabytes, or read another file."""
    with pytest.raises(Malformed, match="without a document type"):
        read(prolog.encode())


def test_a_file_at_the_limit_is_read_and_one_byte_more_is_not() -> None:
    """Comments fill it up."""
    data = initiation(Invoice()).rstrip()
    comment = b"<!--" + b"x" * 1017 + b"-->"
    many, room = divmod(limits.IMPORT_XML_BYTES_MAX - len(data), len(comment))
    full = data + comment * many + b" " * room
    assert len(read(full).lines) == 1

    with pytest.raises(Malformed, match="at most 16777216 bytes"):
        read(full + b"\n")


def test_more_payments_than_a_message_may_have_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the limit they are read."""
    monkeypatch.setattr(limits, "IMPORT_INSTRUCTIONS_MAX", 2)
    assert len(read(initiation(Invoice(), Invoice())).lines) == 2

    with pytest.raises(Malformed, match="expected at most 2 payments, found 3"):
        read(initiation(Invoice(), Invoice(), Invoice()))


def test_a_namespace_that_every_name_would_carry_is_refused() -> None:
    """A short file with a long one and many names would be gigabytes; nor is a tag without end."""
    most = limits.IMPORT_XML_NAMESPACE_MAX
    for many, said in ((0, ""), (1, f"at most {most} characters, found one of {most + 1}")):
        data = f'<a xmlns="{"u" * (most + many)}"/>'.encode()
        with pytest.raises(Malformed) as found:
            read(data)
        assert (said or "expected a Document") in str(found.value)


def test_tags_stand_close_to_each_other() -> None:
    """At the limit and a byte beyond it."""
    most = limits.IMPORT_XML_TAG_BYTES_MAX
    data = initiation(Invoice()).rstrip()
    assert len(read(data + b"<!--" + b"x" * (most - 6) + b"-->").lines) == 1

    with pytest.raises(Malformed, match=f"at most {most} bytes from one tag to the next"):
        read(data + b"<!--" + b"x" * (most - 5) + b"-->")


def test_a_deep_file_costs_nothing() -> None:
    """A hundred thousand elements in one another are one element that nobody asked for."""
    deep = b"<a>" * 100_000 + b"</a>" * 100_000
    data = initiation(Invoice()).replace(b"<CstmrCdtTrfInitn>", deep + b"<CstmrCdtTrfInitn>")

    assert len(read(data).lines) == 1


def test_without_defusedxml_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node has no need of it."""
    monkeypatch.setitem(sys.modules, "defusedxml.common", None)

    with pytest.raises(OperatorFault, match=r"install requirements-exchange\.lock"):
        read(initiation(Invoice()))
