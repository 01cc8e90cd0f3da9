"""What the bank and the public get, and what other people's programs say of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from kit.bookkeepers import read_journal
from kit.iso_schemas import invalid
from kit.judges_open import STANDARD, data_act_faults, fiscal_package_faults, ocds_faults
from kit.road.holdings import CAMPAIGN
from kit.road.stage import AGENCY, ASSET, BUILDER, MINISTRY, Stage

COMPARED: Final = frozenset(
    {"id", "status", "date", "startDate", "endDate", "amount", "dateSigned"}
)
"""What of a release must come back as it was, wherever it stands."""
SECTIONS: Final = ("planning", "tender", "awards", "contracts", "parties")


def the_bank_gets_its_files(stage: Stage) -> None:
    """Every payment as a credit transfer, the single account as a statement, the books as well."""
    country = stage.country
    stage.teller.chapter("The bank gets its files")
    stage.published.mkdir(exist_ok=True)
    transfers = stage.published / "pacs008"
    stage.export("pacs008", MINISTRY, "--agency", AGENCY, "-o", transfers)
    files = sorted(transfers.iterdir())
    assert files, "a payment is in a file"
    for file in files:
        assert invalid(file.read_bytes(), "pacs.008.001.08") == []

    statement = stage.published / "camt053.xml"
    month = f"{stage.process.installments[0].paid:%Y-%m}"
    account = country["single account"].hex()
    words = ("--period", month, "--asset", ASSET, "--agency", AGENCY, "-o", statement)
    stage.export("camt053", account, *words)
    assert invalid(statement.read_bytes(), "camt.053.001.08") == []

    journal = stage.published / "books.beancount"
    stage.export("journal", MINISTRY, "-o", journal)
    _, complaints = read_journal(journal.read_bytes())
    assert not complaints
    stage.teller.tell(
        "The same payments go to the bank as ISO 20022 messages, its statement of the single "
        "account comes from the ledger, and an independent bookkeeper adds up every entry again. "
        "Account numbers and names were added on the agency's own machine: the ledger has none."
    )
    stage.teller.show(
        [
            *((file.name, "valid by the schema of pacs.008.001.08") for file in files),
            (statement.name, "valid by the schema of camt.053.001.08"),
            (journal.name, "beancount: every balance is right"),
        ]
    )


def the_public_gets_its_files(stage: Stage) -> None:
    """Budget, spending, contract and functions of government, each in the form of its standard."""
    stage.teller.chapter("The public gets its files")
    folder = stage.published
    stage.comes(stage.process.finished)
    stage.publish_documents()

    stage.export("data-act", MINISTRY, "-o", folder / "data-act")
    stage.export("fiscal-data-package", MINISTRY, "-o", folder / "fiscal-data-package")
    stage.export("holdings", AGENCY, "--campaign", CAMPAIGN, "-o", folder / "holdings")
    for name in ("trial-balance", "sf133", "cofog", "gfsm"):
        stage.export(name, MINISTRY, "-o", folder / f"{name}.csv")
    assert data_act_faults(folder / "data-act") == []
    for package in ("fiscal-data-package", "holdings"):
        assert fiscal_package_faults(folder / package) == []
    assert stage.process.award_code in (folder / "data-act" / "file-c.csv").read_text()
    shown = [
        ("data-act/file-a, b, c.csv", "the equations of the DATA Act hold"),
        ("fiscal-data-package/, holdings/", "frictionless: valid"),
        ("trial-balance, sf133, cofog, gfsm", "as tables"),
        ("ocds/releases.json, record.json", _contracting_process(stage)),
    ]
    stage.teller.tell(
        "Whoever wants to know downloads the budget, the spending and the contract, in the forms "
        "that other countries use. Nobody typed a figure: they are read from the ledger."
    )
    stage.teller.show(shown)


def _contracting_process(stage: Stage) -> str:
    country, process = stage.country, stage.process
    folder = stage.published / "ocds"
    stage.export(
        "ocds",
        MINISTRY,
        *("--process", process.ocid, "--documents", stage.documents),
        *("--publisher", process.buyer, "--uri", "https://example.org/ocds/"),
        *("--party", f"{country[BUILDER].hex()}={process.supplier_id}"),
        *("--party", f"{country[AGENCY].hex()}={process.buyer_id}"),
        *("-o", folder),
    )
    record = json.loads((folder / "record.json").read_text())
    compiled = record["records"][0]["compiledRelease"]
    for section in SECTIONS:
        missing = set(facts_of(process.last(section))) - set(facts_of(compiled[section]))
        assert not missing, f"{section}: {sorted(missing)}"
    if not STANDARD.exists():
        return "as the procurement office wrote it; the standard is not here to judge by"
    names = ("releases.json", "record.json")
    assert ocds_faults(*((folder / name).read_bytes() for name in names)) == [[], []]
    return "libcoveocds: valid; ids, parties, amounts, dates as the procurement office has them"


def facts_of(part: Any, place: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    """What is to be compared of a part of a release: where it stands, and what it is.

    Members of a list stand under their ids, so that another order is no difference.
    """
    if isinstance(part, list):
        for each in part:
            name = each.get("id", "") if isinstance(each, dict) else ""
            yield from facts_of(each, f"{place}[{name}]")
    elif isinstance(part, dict):
        for name, value in part.items():
            if name in COMPARED and not isinstance(value, dict | list):
                yield f"{place}.{name}", str(value)
            yield from facts_of(value, f"{place}.{name}")
