"""From the award to the payments: a contract that is paid by milestones."""

from __future__ import annotations

from datetime import timedelta

from kit.initiations import IBAN, OTHER_IBAN, Invoice, initiation
from kit.iso_schemas import invalid
from kit.road.stage import (
    AGENCY,
    BUILDER,
    POUND,
    THRESHOLD,
    Stage,
    pounds,
    text_of,
)
from services.treasury import awards, lines
from services.treasury.awards import AwardKind


def the_contract_is_awarded(stage: Stage) -> None:
    """The award of the OCDS process draws on one line, inside the officer's warrant."""
    country, process = stage.country, stage.process
    stage.comes(process.awarded)
    stage.teller.chapter("The contract is awarded")
    contract = awards.MakeAward(
        award=process.award_code,
        line=stage.road_line,
        kind=AwardKind.CONTRACT,
        recipient=country[BUILDER],
        amount=process.award_minor,
        starts=process.starts,
        ends=process.ends,
        place="GB-LND",
        process=process.ocid,
        terms=text_of("The contract, signed by both"),
    )
    country.does("contractor", contract)
    stage.publish_documents()
    stage.teller.tell(
        f"{process.buyer} awards the contract of the process {process.ocid} to "
        f"{process.supplier}. From now on this money is promised and cannot be promised again."
    )
    line = stage.line(stage.road_line)
    stage.teller.show(
        [
            ("award", process.award_code),
            ("obligated", f"{pounds(line.obligated_minor)} of {pounds(line.allotted_minor)}"),
            ("works", f"{process.starts} to {process.ends}"),
        ]
    )
    stage.attempt(
        "The officer promises the same money a second time.",
        "contractor",
        awards.MakeAward(
            award="ROAD-TWICE",
            line=stage.road_line,
            kind=AwardKind.CONTRACT,
            recipient=country[BUILDER],
            amount=process.award_minor,
            starts=process.starts,
            ends=process.ends,
            place=None,
            process=None,
            terms=None,
        ),
    )
    stage.attempt(
        "The agency takes the promised money from its line.",
        "allotter",
        lines.Allot(stage.road_line, -stage.road_allotment),
    )


def milestones_are_met(stage: Stage) -> None:
    """Nothing is invoiced that was not received, and who ordered does not receive."""
    country, process = stage.country, stage.process
    first = process.installments[0]
    stage.comes(first.paid - timedelta(days=20))
    stage.teller.chapter("Milestones")
    early = stage.voucher(process.award_code, BUILDER, first.invoice, first.minor)
    stage.attempt("An invoice is certified before anything was delivered.", "certifier", early)
    for number, installment in enumerate(process.installments, 1):
        country.does("receiver", stage.delivery(process.award_code, installment.minor, number))
    stage.teller.tell(
        "The receiving officer walks along the works and accepts what is there: the first and the "
        "second section of the road. She did not order them, and she will "
        "not certify their invoices."
    )
    line = stage.line(stage.road_line)
    stage.teller.show(
        [
            ("delivered", f"{pounds(line.delivered_minor)} of {pounds(line.obligated_minor)}"),
        ]
    )
    stage.attempt(
        "She accepts more than was ever ordered.",
        "receiver",
        stage.delivery(process.award_code, process.award_minor, 8),
    )
    stage.attempt(
        "The contracting officer accepts the next section himself.",
        "contractor",
        stage.delivery(process.award_code, POUND, 9),
    )


def invoices_are_paid(stage: Stage) -> None:
    """Certified against the delivery, paid once, by two officers where it is much."""
    country, process = stage.country, stage.process
    stage.teller.chapter("Invoices are certified and paid")
    stage.attempt(
        "An invoice asks for more than was delivered.",
        "certifier",
        stage.voucher(process.award_code, BUILDER, "MORE-1", process.installments[0].minor + 1),
    )
    invoices_come_as_a_file(stage)
    for installment in process.installments:
        invoice = installment.invoice
        stage.comes(installment.paid)
        large = installment.minor > THRESHOLD
        if large:
            stage.attempt(
                f"One officer alone pays {pounds(installment.minor)}.",
                "payer",
                stage.payment(BUILDER, invoice),
            )
            country.does("payer", stage.payment(BUILDER, invoice, "payer-2"), with_=("payer-2",))
        else:
            country.does("payer", stage.payment(BUILDER, invoice))
        stage.teller.tell(
            f"On {country.clock.now():%-d %B %Y} the invoice {invoice} is paid: "
            f"{pounds(installment.minor)}, " + ("by two officers." if large else "by one officer.")
        )
    first = process.installments[0]
    again = stage.voucher(process.award_code, BUILDER, first.invoice, first.minor)
    stage.attempt("The builder sends the first invoice a second time.", "certifier", again)
    stage.attempt("It is paid a second time.", "payer", stage.payment(BUILDER, first.invoice))


def invoices_come_as_a_file(stage: Stage) -> None:
    """The agency's own system says pain.001, the ledger answers pain.002, line by line."""
    country, process = stage.country, stage.process
    stage.enter_payee(process.supplier, IBAN, BUILDER)
    stage.enter_payee(f"{process.buyer}, treasury", OTHER_IBAN, "single account")
    file = country.home.parent / "invoices.xml"
    answer = country.home.parent / "answer.xml"
    invoices = [
        Invoice(
            invoice=each.invoice,
            award=process.award_code,
            delivery=str(number),
            amount=f"{each.minor // POUND}.00",
            creditor=process.supplier,
            end_to_end=f"E2E-{number}",
        )
        for number, each in enumerate(process.installments, 1)
    ]
    file.write_bytes(initiation(*invoices, due=stage.due()))
    words = ("import", "pain001", file, "--agency", AGENCY, "--certifier", "certifier")
    certified = [country.run(*words, "--answer", answer).result["certified"] for _ in range(2)]
    assert certified == [len(invoices), 0], "what is certified is not certified again"
    assert invalid(answer.read_bytes(), "pain.002.001.12") == []
    stage.teller.tell(
        f"The agency's own system writes its {len(invoices)} invoices as ISO 20022 has it "
        "(pain.001); the certifying officer lets them in. The file is sent twice, by mistake, and "
        "nothing is certified twice. The answer (pain.002) is valid by the official schema."
    )
