"""The road contract on four real nodes: from the budget law to the closed month.

The same chapters are what `make demo` prints. Each asserts that what it does is done; here stands
what must be true after it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from kit.road import budget, contract, grant, holdings, months, proven, published
from kit.road.country import Country
from kit.road.process import Process, moment
from kit.road.stage import BUILDER, GRANT, HEX, MINISTRY, PARTNERS, TRUST, Stage
from kit.road.telling import Teller


@pytest.fixture
def paper() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def stage(tmp_path: Path, paper: io.StringIO) -> Iterator[Stage]:
    process = Process.at_hand()
    with Country.founded(tmp_path / "home", process.begins) as country:
        yield Stage(country, process, Teller(paper))


def test_the_road_contract(stage: Stage, paper: io.StringIO) -> None:
    """The whole story; what is refused is refused for the reason that the story gives."""
    process = stage.process
    delivered = sum(each.minor for each in process.installments)

    budget.offices_are_given(stage)
    assert refused(stage) == ["transaction.threshold_not_reached", "roles.incompatible"]

    budget.parliament_passes_the_budget_law(stage)
    assert refused(stage) == ["treasury.not_the_legislature"]
    assert stage.fund_row().appropriated_minor == stage.appropriated

    budget.the_money_is_allotted(stage)
    assert refused(stage) == ["treasury.over_appropriation", "treasury.over_apportionment"]
    assert stage.line(stage.road_line).allotted_minor == stage.road_allotment

    contract.the_contract_is_awarded(stage)
    assert refused(stage) == ["treasury.over_allotment", "treasury.over_allotment"]
    assert stage.line(stage.road_line).obligated_minor == process.award_minor

    grant.the_grant_is_passed_on(stage)
    assert refused(stage) == ["assets.purpose_not_allowed"]
    kept = GRANT - sum(grant.SHARES)
    held = [stage.holds(each, grant.TOKEN) for each in (TRUST, *PARTNERS)]
    assert held == [kept, *grant.SHARES]

    contract.milestones_are_met(stage)
    assert refused(stage) == [
        "treasury.unknown_delivery",
        "treasury.more_than_awarded",
        "roles.missing",
    ]
    assert stage.line(stage.road_line).delivered_minor == delivered

    contract.invoices_are_paid(stage)
    assert refused(stage) == [
        "treasury.more_than_delivered",
        "treasury.too_few_officers",
        "treasury.duplicate_invoice",
        "treasury.wrong_status",
    ]
    assert stage.line(stage.road_line).outlaid_minor == delivered
    assert stage.holds(BUILDER) == delivered

    grant.partners_redeem_their_tokens(stage)
    assert refused(stage) == ["books.overdraft"]
    assert [stage.holds(each) for each in PARTNERS] == [*grant.SHARES]
    assert [stage.holds(each, grant.TOKEN) for each in PARTNERS] == [0, 0]
    spent = delivered + sum(grant.SHARES)

    holdings.the_road_is_entered(stage)
    assert refused(stage) == ["treasury.over_capitalised"]

    months.the_months_are_closed(stage)
    assert refused(stage) == ["treasury.trial_balance_differs", "treasury.period_not_over"]
    closes = stage.country.rows("treasury.closes", treasury=stage.country[MINISTRY])
    assert closes[-1].period == f"{process.installments[-1].paid:%Y-%m}"
    assert len(closes) == 1 + _months_between(process.begins, process.installments[-1].paid)
    books = {row.ussgl: row.balance_minor for row in months.trial_balance(stage, closes[-1].period)}
    assert (books["490200"], books["174000"]) == (-spent, holdings.COST)
    assert books["101000"] == stage.holds("single account") == stage.appropriated - spent

    published.the_bank_gets_its_files(stage)
    sent = "".join(file.read_text() for file in (stage.published / "pacs008").iterdir())
    for each in process.installments:
        assert f">{each.minor // 100}.00<" in sent, "each payment is in a file of its day"

    published.the_public_gets_its_files(stage)
    record = json.loads((stage.published / "ocds" / "record.json").read_text())
    (contract_,) = record["records"][0]["compiledRelease"]["contracts"]
    assert [
        (made["id"], moment(made["date"]), made["value"]["amount"] * 100)
        for made in contract_["implementation"]["transactions"]
    ] == [(each.invoice, each.paid, each.minor) for each in process.installments]

    proven.a_grant_is_followed(stage)
    proven.a_payment_is_followed(stage)
    proven.every_figure_has_its_proof(stage)

    grant.what_is_left_lapses(stage)
    assert refused(stage) == ["assets.lapsed"]
    assert stage.line(stage.grant_line).obligated_minor == sum(grant.SHARES)

    told = paper.getvalue()
    assert told.count("Refused: ") == 20
    assert not HEX.search(told), "people have names in it, or nothing"


def _months_between(first: datetime, last: datetime) -> int:
    return (last.year - first.year) * 12 + last.month - first.month


def refused(stage: Stage) -> list[str]:
    """Why the attempts of the last chapter were refused; they are not told again."""
    found = [refusal.code for _, refusal in stage.attempts]
    stage.attempts.clear()
    return found
