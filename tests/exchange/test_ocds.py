"""OCDS: documents of a process and a treasury's books make one record, as the sample has it."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from exchange import limits
from exchange.ocds import OcdsFiles, Process, Publisher, _is_deeper, ocds_files, releases_in
from exchange.ocds_merge import compiled_release
from exchange.treasury_data import Names, TreasuryData
from kit.judges_open import STANDARD, ocds_faults
from kit.ocds_facts import facts
from kit.treasury_books import AGENCY, OFFICER, ROADS, VENDOR, Bookkeeper
from primitives.errors import Malformed
from services.treasury.rows import OffsetRow

SAMPLE = STANDARD.parent / "ocds-213czf-000-00001.json"
OCID = "ocds-213czf-000-00001"
AWARD = "OCDS-213CZF-000-00001-AWARD-01"
LINE = f"{ROADS}:2010-q3:BRDG:252"
PUBLISHER = Publisher(name="Ministry of Finance", uri="https://example.org/ocds/")
NAMES = Names(accounts={AGENCY: "London Borough of Barnet", VENDOR: "AnyCorp Cycle Provision"})

needs_sample = pytest.mark.skipif(
    not SAMPLE.exists(), reason="the OCDS sample and schema are not beside the project"
)


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)


def _books() -> Bookkeeper:
    """The sample's contract in a treasury: awarded, and two payments of it made."""
    books = Bookkeeper(period="2010-10")
    books.fund(ROADS, until=None)
    books.appropriate(ROADS, 2_000_000_000)
    books.apportion(ROADS, "2010-q3", 1_500_000_000)
    books.allot(LINE, 1_500_000_000)
    period = {"starts": "2010-07-01", "ends": "2011-06-30"}
    books.award(AWARD, LINE, 1_100_000_000, process=OCID, **period)
    books.deliver(AWARD, 6_000_000, "first-mile")
    books.pay(AWARD, f"{OCID}-1", 5_000_000, at_ms=_ms("2010-08-01T00:00:00Z"))
    books.pay(AWARD, f"{OCID}-2", 1_000_000, at_ms=_ms("2010-10-01T00:00:00Z"))
    return books


def _data() -> TreasuryData:
    return replace(_books().data("2011-01"), time_ms=_ms("2011-01-10T09:30:00Z"), height=77)


def _sample() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(SAMPLE.read_text(encoding="utf-8"))["releases"]
    return found


def _without_what_books_know() -> list[dict[str, Any]]:
    """The sample's releases, less all that a treasury knows better."""
    releases = copy.deepcopy(_sample())
    for release in releases:
        for award in release.get("awards", []):
            del award["value"], award["suppliers"]
            award["contractPeriod"] = {"maxExtentDate": award["contractPeriod"]["maxExtentDate"]}
        for contract in release.get("contracts", []):
            del contract["value"], contract["status"]
            contract["period"] = {"maxExtentDate": contract["period"]["maxExtentDate"]}
            contract.get("implementation", {}).pop("transactions", None)
    releases[-1]["awards"][0]["status"] = "pending"
    return releases


def _files(documents: list[dict[str, Any]], data: TreasuryData | None = None) -> OcdsFiles:
    process = Process(ocid=OCID, documents=documents)
    return ocds_files(_data() if data is None else data, process, PUBLISHER, NAMES)


def _compiled(files: OcdsFiles) -> dict[str, Any]:
    [record] = json.loads(files.record)["records"]
    found: dict[str, Any] = record["compiledRelease"]
    return found


@needs_sample
def test_the_compiled_release_is_the_samples() -> None:
    """On ids, parties, amounts, dates and statuses; from the plan to the payments."""
    ours = facts([_compiled(_files(_sample()))])
    more = {path for path in ours if "milestones" in path and path[0] == "contracts"}
    assert {path: value for path, value in ours.items() if path not in more} == facts(_sample())
    assert {path[-2] for path in more} == {"first-mile"}


@needs_sample
def test_what_the_treasury_knows_comes_from_its_books() -> None:
    """Values, suppliers, statuses and payments that no document tells are there all the same."""
    ours, theirs = facts([_compiled(_files(_without_what_books_know()))]), facts(_sample())
    known = {path: ours[path] for path in theirs if path in ours}
    lacking = {path for path in theirs if path not in ours}
    hours = {"startDate": "2010-07-01T00:00:00Z", "endDate": "2011-06-30T23:59:59Z"}
    differing = {path for path, value in known.items() if value != theirs[path]}
    assert lacking == set()
    # Of a period books know the days alone.
    assert {ours[path] for path in differing} <= set(hours.values())
    paid = _compiled(_files(_without_what_books_know()))["contracts"][0]["implementation"]
    assert [(each["id"], each["value"]["amount"]) for each in paid["transactions"]] == [
        (f"{OCID}-1", 50_000),
        (f"{OCID}-2", 10_000),
    ]


@needs_sample
def test_libcoveocds_finds_nothing_wrong_and_would_find_something() -> None:
    """Release and record package, with documents and with the books alone. The judge is awake:

    it finds a status that no codelist has, and a record that does not say of which process it is.
    """
    with_documents, books_alone = _files(_sample()), _files([])
    assert len(json.loads(with_documents.releases)["releases"]) == 7
    assert len(json.loads(books_alone.releases)["releases"]) == 1
    assert all(
        len(json.loads(each.record)["records"]) == 1 for each in (with_documents, books_alone)
    )
    wrong_status = json.loads(with_documents.releases)
    wrong_status["releases"][-1]["awards"][0]["status"] = "splendid"
    no_process = json.loads(books_alone.record)
    del no_process["records"][0]["ocid"]

    *right, status, process = ocds_faults(
        with_documents.releases,
        with_documents.record,
        books_alone.releases,
        books_alone.record,
        json.dumps(wrong_status).encode(),
        json.dumps(no_process).encode(),
    )
    assert right == [[]] * 4
    assert any("splendid" in each for each in status)
    assert any("ocid" in each for each in process)


def test_books_alone_make_a_release() -> None:
    """Who has no documents publishes what his books know, under the names that he gives."""
    release = json.loads(_files([]).releases)["releases"][0]
    [award], [contract] = release["awards"], release["contracts"]
    assert (award["id"], contract["awardID"]) == (AWARD, AWARD)
    assert award["value"] == {"amount": 11_000_000, "currency": "GBP"}
    assert contract["status"] == "active"
    assert [each["name"] for each in release["parties"]] == [
        "London Borough of Barnet",
        "AnyCorp Cycle Provision",
    ]
    assert release["date"] == "2011-01-10T09:30:00Z"
    [milestone] = contract["implementation"]["milestones"]
    assert (milestone["id"], milestone["status"]) == ("first-mile", "met")


def test_a_delivery_that_was_withdrawn_is_no_milestone() -> None:
    """It is not told as met."""
    data = _data()
    withdrawn = [structs.replace(each, withdrawn=data.last_day[:7]) for each in data.deliveries]
    files = _files([], replace(data, deliveries=tuple(withdrawn)))
    [contract] = _compiled(files)["contracts"]

    assert "milestones" not in contract["implementation"]


def test_an_account_can_be_given_its_party() -> None:
    """Where the documents call somebody by another name than this machine."""
    document = _document(parties=[{"id": "GB-COH-1", "name": "Any Corporation"}])
    process = Process(ocid=OCID, documents=[document], parties={VENDOR: "GB-COH-1"})
    files = ocds_files(_data(), process, PUBLISHER, NAMES)
    [supplier] = _compiled(files)["awards"][0]["suppliers"]
    assert supplier == {"id": "GB-COH-1", "name": "Any Corporation"}


def _document(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    date = "2010-12-01T00:00:00Z"
    return {"ocid": OCID, "id": "doc", "date": date, "tag": ["implementation"]} | more


def _paying(transaction: dict[str, Any]) -> dict[str, Any]:
    contract = {
        "id": "c",
        "awardID": AWARD.lower(),
        "implementation": {"transactions": [transaction]},
    }
    return _document(awards=[{"id": AWARD.lower()}], contracts=[contract])


@pytest.mark.parametrize(
    ("transaction", "said"),
    [
        ({"id": "never", "value": {"amount": 1, "currency": "GBP"}}, "never made"),
        ({"id": f"{OCID}-1", "value": {"amount": 50_001, "currency": "GBP"}}, "it was 50000 GBP"),
        ({"id": f"{OCID}-1", "value": {"amount": 50_000, "currency": "EUR"}}, "it was 50000 GBP"),
    ],
)
def test_a_document_that_tells_of_another_payment_is_refused(
    transaction: dict[str, Any], said: str
) -> None:
    """One that was not made, of another amount, of another currency; what was paid may stand."""
    with pytest.raises(Malformed, match=said):
        _files([_paying(transaction)])
    paid = {"id": f"{OCID}-1"}
    for amount in (50_000, 50_000.0, Decimal("50000.00")):
        documents = releases_in(_paying(paid | {"value": {"amount": amount, "currency": "GBP"}}))
        assert len(json.loads(_files(documents).releases)["releases"]) == 2


def test_a_payment_is_judged_in_every_document_and_without_an_award() -> None:
    """Also in one that a later document took back, and where the books have no such award."""
    untrue = _paying({"id": "never", "value": {"amount": 1, "currency": "GBP"}})
    later = _document(contracts=[]) | {"date": "2010-12-05T00:00:00Z"}
    with pytest.raises(Malformed, match="never made"):
        _files([untrue, later])
    with pytest.raises(Malformed, match="never made"):
        _files([untrue], Bookkeeper().data("2010-12"))


def test_a_payment_that_came_back_is_told_both_ways() -> None:
    """It was made, and it was returned, but for what its creditor kept."""
    books = _books()
    (first, *rest) = books.vouchers
    offset = OffsetRow(reference="TAX-1", creditor=OFFICER, amount_minor=7_00)
    books.vouchers = [structs.replace(first, status="returned", offsets=(offset,)), *rest]
    paid = {"id": f"{OCID}-1", "value": {"amount": 50_000, "currency": "GBP"}}
    compiled = _compiled(_files([_paying(paid)], books.data("2011-01")))
    listed = compiled["contracts"][0]["implementation"]["transactions"]
    assert [(each["id"], each["value"]["amount"]) for each in listed] == [
        (f"{OCID}-1", 50_000),
        (f"{OCID}-1 returned", 49_993),
        (f"{OCID}-2", 10_000),
    ]
    assert listed[1]["payer"]["name"] == "AnyCorp Cycle Provision"


def test_an_invoice_is_a_payment_once_it_is_paid_with_its_interest() -> None:
    """What is certified only is not told; what was paid for paying late is in the value."""
    books = _books()
    books.deliver(AWARD, 300)
    books.pay(AWARD, "LATE-1", 200, interest=5, at_ms=_ms("2010-11-01T00:00:00Z"))
    books.pay(AWARD, "OPEN-1", 100)
    certified = structs.replace(
        books.vouchers[-1], status="certified", paid_ms=None, paid_in=None, officers=()
    )
    books.vouchers[-1] = certified
    contract = _compiled(_files([], books.data("2011-01")))["contracts"][0]
    listed = {each["id"]: each["value"] for each in contract["implementation"]["transactions"]}
    assert listed.keys() == {f"{OCID}-1", f"{OCID}-2", "LATE-1"}
    assert listed["LATE-1"]["amount"] == 2.05


def test_releases_are_ordered_by_moments_not_by_letters() -> None:
    """Noon in Cairo is before eleven in Greenwich; what is no date is refused."""
    cairo, greenwich = "2010-12-01T12:00:00+02:00", "2010-12-01T11:00:00Z"
    documents = [
        _document(tender={"id": "t", "status": "active"}) | {"date": greenwich},
        _document(tender={"id": "t", "status": "planned"}) | {"date": cairo},
    ]
    assert compiled_release(documents)["tender"]["status"] == "active"
    with pytest.raises(Malformed, match="release doc: soon is no date"):
        _files([_document() | {"date": "soon"}])


def test_a_document_of_another_process_is_refused() -> None:
    """And so is a process of which nothing is known."""
    with pytest.raises(Malformed, match="is of process other"):
        _files([_document() | {"ocid": "other"}])
    with pytest.raises(Malformed, match="neither the books nor a document"):
        ocds_files(_data(), Process(ocid="unknown"), PUBLISHER, NAMES)


@pytest.mark.parametrize(
    ("package", "said"),
    [
        ([], "expected an OCDS release package, found list"),
        (7, "expected an OCDS release package, found int"),
        ({"releases": []}, "expected an OCDS release package"),
        ({}, "missing required field `ocid`"),
        ({"releases": [{"ocid": "x", "id": "y", "date": 4, "tag": []}]}, "at `$[0].date`"),
        ({"releases": ["x"]}, "Expected `object`, got `str`"),
        (_document(parties=[{"name": "nobody"}]), "missing required field `id`"),
        (_document(awards={"id": "1"}), "Expected `array`, got `object`"),
        (_document(contracts=[{"id": "1"}]), "missing required field `awardID`"),
        (_paying({"id": "1", "value": {"amount": "much"}}), "transactions"),
    ],
)
def test_what_is_no_release_is_refused(package: object, said: str) -> None:
    """Neither a package nor a release; or a release in which something is not what it must be."""
    with pytest.raises(Malformed, match=re.escape(said)):
        releases_in(package)


def test_a_release_is_as_deep_as_it_may_be_and_no_deeper() -> None:
    """Whatever stands in it is read and joined, level by level."""

    def nested(depth: int) -> dict[str, object]:
        made = _document()
        for _ in range(depth - 1):
            made = {**_document(), "x": made}
        return made

    most = limits.IMPORT_JSON_DEPTH_MAX
    own = next(depth for depth in range(1, 9) if not _is_deeper(_document(), depth))
    assert releases_in(nested(most - own + 1))
    with pytest.raises(Malformed, match=f"at most {most} deep"):
        releases_in(nested(most - own + 2))


def test_an_award_that_was_given_up_is_cancelled_and_one_that_ended_is_over() -> None:
    """The status follows the books: nothing obligated, or the period past."""
    books = _books()
    books.award("GONE-1", LINE, 5_000, process=OCID)
    books.amend("GONE-1", -5_000)
    release = json.loads(_files([], books.data("2011-06")).releases)["releases"][0]
    statuses = {each["id"]: each["status"] for each in release["awards"]}
    assert statuses == {AWARD: "active", "GONE-1": "cancelled"}
    release = json.loads(_files([], books.data("2011-07")).releases)["releases"][0]
    ended = {each["awardID"]: each["status"] for each in release["contracts"]}
    assert ended == {AWARD: "terminated", "GONE-1": "cancelled"}


def test_amounts_have_the_places_that_they_need() -> None:
    """A number of JSON, exact to the penny and never a float on the way."""
    books = _books()
    books.award("SMALL-1", LINE, 90_071_992_547_409, process=OCID)
    assert b'"amount": 900719925474.09' in _files([], books.data("2011-01")).releases


def test_merging_replaces_takes_away_and_goes_into_lists_by_id() -> None:
    """The rules of OCDS 1.1, each once."""
    first = _document(
        tender={"title": "A", "status": "planned", "items": [{"id": "1", "quantity": 1}]},
        parties=[{"id": "p", "roles": ["buyer", "payer"], "additionalIdentifiers": [{"id": "x"}]}],
    )
    second = first | {
        "date": "2010-12-02T00:00:00Z",
        "tender": {"title": None, "status": "active", "items": [{"id": "2"}, {"id": "1", "q": 2}]},
        "parties": [{"id": "p", "roles": ["payer"], "additionalIdentifiers": [{"id": "y"}]}],
    }
    merged = compiled_release([second, first])
    assert merged["tag"] == ["compiled"]
    assert merged["date"] == "2010-12-02T00:00:00Z"
    assert merged["tender"] == {
        "status": "active",
        "items": [{"id": "1", "quantity": 1, "q": 2}, {"id": "2"}],
    }
    assert merged["parties"] == [
        {"id": "p", "roles": ["payer"], "additionalIdentifiers": [{"id": "y"}]}
    ]
