"""From the founding of a treasury to the lines of its budget."""

from __future__ import annotations

from kit.road.stage import (
    AGENCY,
    ASSET,
    BUILDER,
    COUNCIL,
    MEMBERS,
    MINISTRY,
    OF_THE_AGENCY,
    OF_THE_TREASURY,
    PARLIAMENT,
    PARTNERS,
    POUND,
    SPARE,
    THRESHOLD,
    TRUST,
    Stage,
    paid,
    pounds,
    text_of,
)
from ledger.accounts import AccountKind
from services.authority.norms import EnactNorm
from services.money import Transfer
from services.treasury import funds, lines, offices, treasuries
from services.treasury.warrants import SetWarrant


def offices_are_given(stage: Stage) -> None:
    """Who may do what: nobody holds two duties of one payment."""
    country = stage.country
    stage.teller.chapter("A treasury is founded")
    stage.teller.tell(
        f"Four ministries keep one ledger together; each runs a computer of its own. It is "
        f"{country.clock.now():%-d %B %Y}. The registrar opens accounts for members of parliament, "
        f"for the officers of {stage.process.buyer} and for whom it will pay. People stand in the "
        f"ledger as numbers only; the names that you read here are known to this program alone."
    )
    people = (*MEMBERS, *OF_THE_TREASURY, *OF_THE_AGENCY)
    country.open_accounts(AccountKind.PERSON, **dict.fromkeys(people, ""))
    companies = (BUILDER, TRUST, *PARTNERS)
    country.open_accounts(AccountKind.ORGANISATION, **dict.fromkeys(companies, ""))
    country.open_accounts(AccountKind.ORGANISATION, **{AGENCY: stage.process.buyer})
    country.found_body(PARLIAMENT, *MEMBERS)
    country.appoint(
        MINISTRY,
        (offices.BUDGET_OFFICER, "budgeter"),
        (offices.CHIEF_ACCOUNTANT, "accountant"),
        (offices.AUDITOR, "auditor"),
    )
    country.appoint(
        AGENCY,
        (offices.ALLOTMENT_OFFICER, "allotter"),
        (offices.CONTRACTING_OFFICER, "contractor"),
        (offices.RECEIVING_OFFICER, "receiver"),
        (offices.CERTIFYING_OFFICER, "certifier"),
        (offices.DISBURSING_OFFICER, "payer"),
        (offices.DISBURSING_OFFICER, "payer-2"),
        (offices.DEBT_OFFICER, "debtor"),
        (offices.CUSTODIAN, "custodian"),
        (offices.CUSTODIAN, "custodian-2"),
        (offices.STOCK_COUNTER, "counter"),
    )
    opening = treasuries.OpenTreasury(
        asset=ASSET,
        legislature=country[PARLIAMENT],
        payment_threshold=THRESHOLD,
        payment_officers=2,
        interest_bp=800,
    )
    country.does(MINISTRY, opening)
    country.know("single account", treasuries.single_account(country[MINISTRY]))
    taxes = paid(country, "single account", stage.appropriated, "TAXES-1")
    country.does(MINISTRY, Transfer(ASSET, (taxes,)))
    stage.teller.tell(
        "The ministry of finance opens a treasury. Its single account has no key at all: no "
        "signature can take money out of it, only the rules of payment can."
    )
    stage.teller.show(
        [
            ("single account", pounds(stage.appropriated)),
            ("pays above", f"{pounds(THRESHOLD)} with two officers"),
            ("legislature", "parliament, which decides by motion"),
        ]
    )
    stage.attempt(
        "The ministry takes a pound out of the single account, by its signature.",
        "single account",
        Transfer(ASSET, (paid(country, MINISTRY, POUND, "HELP-YOURSELF"),)),
        with_=(MINISTRY,),
    )
    stage.attempt(
        "The contracting officer asks to certify invoices too.",
        "registrar",
        country.grant(offices.CERTIFYING_OFFICER, AGENCY, "contractor"),
    )


def parliament_passes_the_budget_law(stage: Stage) -> None:
    """Money is appropriated by motion, after a debate of two weeks, and by nobody else."""
    country = stage.country
    stage.teller.chapter("Parliament passes the budget law")
    country.decides(
        COUNCIL,
        text_of("No money is appropriated but under the budget law."),
        ("finance", "interior", "justice"),
        EnactNorm(
            norm=stage.law,
            commitment=text_of("The budget law"),
            from_ms=None,
            until_ms=None,
            binds=("treasury.appropriate",),
        ),
    )
    country.does(
        "budgeter",
        funds.DefineFund(
            treasury=country[MINISTRY],
            fund=stage.fund,
            agency=country[AGENCY],
            available_from=stage.first_day,
            available_until=stage.last_day,
            function="04.5.1",
        ),
    )
    appropriation = funds.Appropriate(stage.fund, stage.appropriated, stage.law)
    stage.attempt("The ministry helps itself before the vote.", MINISTRY, appropriation)
    country.decides(PARLIAMENT, text_of("The budget"), MEMBERS[:2], appropriation)
    stage.teller.tell(
        f"The motion was open for two weeks; it is now {country.clock.now():%-d %B}. Two of three "
        f"members voted for it, and the ledger carried it out by itself. The fund {stage.fund} "
        f"(agency 019, years, main account 1031; COFOG 04.5.1, roads) may spend:"
    )
    stage.teller.show([("appropriated", pounds(stage.appropriated)), ("under", stage.law)])


def the_money_is_allotted(stage: Stage) -> None:
    """Apportioned to a project, allotted to lines: each level inside the one above."""
    country = stage.country
    stage.teller.chapter("From the law to the lines")
    country.does("budgeter", funds.Apportion(stage.fund, stage.project, stage.planned))
    country.does(
        "allotter",
        lines.Allot(stage.road_line, stage.road_allotment),
        lines.Allot(stage.grant_line, stage.grant_allotment),
        lines.Allot(stage.spare_line, SPARE),
        SetWarrant(
            agency=country[AGENCY], officer=country["contractor"], limit=stage.road_allotment * 2
        ),
    )
    stage.teller.tell(
        "The budget office releases a part of it for the project, the agency divides that over "
        "lines: a programme and a kind of expense each."
    )
    stage.teller.show(
        [
            ("apportioned", f"{pounds(stage.planned)} to {stage.project}"),
            ("allotted", f"{pounds(stage.road_allotment)} to {stage.road_line}"),
            ("", f"{pounds(stage.grant_allotment)} to {stage.grant_line}"),
            ("", f"{pounds(SPARE)} to {stage.spare_line}"),
        ]
    )
    stage.attempt(
        "The budget office releases more than parliament gave.",
        "budgeter",
        funds.Apportion(stage.fund, stage.project, stage.appropriated),
    )
    stage.attempt(
        "The agency allots a pound more than was released.",
        "allotter",
        lines.Allot(stage.road_line, POUND),
    )
