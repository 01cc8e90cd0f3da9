"""The contracting process that the road is built by, as six OCDS releases.

Open Contracting's fictional example (../shared/data/ocds) where it is at hand; else one of our own:
the same shape, another town, sixteen years later. The story asks it for all that it says: who
buys, who builds, for how much, and when.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

SAMPLE: Final = Path(__file__).parents[3].parent / "shared/data/ocds"
OCID: Final = "ocds-213czf-road-00001"
"""Of our own process: the prefix is the one that Open Contracting keeps for examples."""


@dataclass(frozen=True)
class Installment:
    """A payment that the process tells of; what it is called there is the number of the invoice."""

    invoice: str
    paid: datetime
    minor: int


@dataclass(frozen=True)
class Process:
    """What the story asks the releases for. Each is a release package, in the order of dates."""

    releases: tuple[dict[str, Any], ...]

    @classmethod
    def at_hand(cls) -> Process:
        """The example of Open Contracting, or our own where it is absent."""
        files = sorted(SAMPLE.glob("ocds-213czf-000-00001-0*.json"))
        return cls(tuple(json.loads(file.read_text()) for file in files)) if files else cls.own()

    @classmethod
    def own(cls) -> Process:
        """Our own process."""
        return cls(tuple(_package(each) for each in _releases()))

    @property
    def planning(self) -> dict[str, Any]:
        """The first release."""
        return self._release("planning")

    @property
    def implementation(self) -> dict[str, Any]:
        """The last release, which has the award, the contract and its payments."""
        return self._release("implementation")

    def _release(self, tag: str) -> dict[str, Any]:
        releases = [package["releases"][0] for package in self.releases]
        found: dict[str, Any] = next(each for each in releases if tag in each["tag"])
        return found

    def last(self, section: str) -> Any:  # noqa: ANN401 - JSON
        """A section such as tender, in the last release that has it."""
        releases = [package["releases"][0] for package in self.releases]
        return next(each[section] for each in reversed(releases) if section in each)

    @property
    def ocid(self) -> str:
        """The id of the whole process."""
        return str(self.planning["ocid"])

    @property
    def award(self) -> dict[str, Any]:
        """The award, as OCDS says it."""
        found: dict[str, Any] = self.implementation["awards"][0]
        return found

    @property
    def contract(self) -> dict[str, Any]:
        """The contract, as OCDS says it."""
        found: dict[str, Any] = self.implementation["contracts"][0]
        return found

    @property
    def award_code(self) -> str:
        """The award as the ledger calls it: capital letters, as federal award numbers have them."""
        return str(self.award["id"]).upper()

    @property
    def award_minor(self) -> int:
        """What the contract is worth, in pence."""
        return int(self.award["value"]["amount"]) * 100

    @property
    def begins(self) -> datetime:
        """When the story begins: on the first day of the month in which tenders are asked for."""
        asked = moment(self._release("tender")["date"])
        return asked.replace(day=1, hour=9, minute=0, second=0)

    @property
    def finished(self) -> datetime:
        """When the last release is published."""
        return moment(self.implementation["date"])

    @property
    def awarded(self) -> datetime:
        """When the contract is awarded."""
        return moment(self.award["date"])

    @property
    def installments(self) -> tuple[Installment, ...]:
        """What is paid for it, and when."""
        payments = self.contract["implementation"]["transactions"]
        return tuple(
            Installment(str(each["id"]), moment(each["date"]), int(each["value"]["amount"]) * 100)
            for each in payments
        )

    @property
    def starts(self) -> str:
        """The first day of the works."""
        return str(self.contract["period"]["startDate"])[:10]

    @property
    def ends(self) -> str:
        """The last day of the works."""
        return str(self.contract["period"]["endDate"])[:10]

    @property
    def buyer(self) -> str:
        """The public body that buys."""
        return str(self.implementation["buyer"]["name"])

    @property
    def buyer_id(self) -> str:
        """By which OCDS calls it."""
        return str(self.implementation["buyer"]["id"])

    @property
    def supplier_id(self) -> str:
        """By which OCDS calls the company that builds."""
        return str(self.award["suppliers"][0]["id"])

    @property
    def supplier(self) -> str:
        """The company that builds."""
        return str(self.award["suppliers"][0]["name"])


def moment(text: str) -> datetime:
    """An OCDS date."""
    return datetime.fromisoformat(text).astimezone(UTC)


# our own process

_BUYER: Final = {"id": "XM-TOWN-0007", "name": "Town of Northbridge"}
_BUILDER: Final = {"id": "XM-REG-4711", "name": "Stonefield Paving"}
_LOSER: Final = {"id": "XM-REG-4712", "name": "Quarry and Sons"}
_DATES: Final = {
    "planning": "2026-03-15T14:45:00Z",
    "tender": "2026-03-25T09:30:00Z",
    "tenderAmendment": "2026-03-30T09:45:00Z",
    "award": "2026-05-10T09:30:00Z",
    "contract": "2026-05-10T10:30:00Z",
    "implementation": "2027-01-10T09:30:00Z",
}
_PERIOD: Final = {"startDate": "2026-07-01T00:00:00Z", "endDate": "2027-06-30T23:59:00Z"}
_TITLE: Final = "Bridge road: resurfacing and cycle lanes"


def _package(release: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "1.1",
        "uri": f"https://example.org/ocds/{release['id']}.json",
        "publishedDate": release["date"],
        "publisher": {"name": _BUYER["name"]},
        "license": "https://creativecommons.org/publicdomain/zero/1.0/",
        "releases": [release],
    }


def _releases() -> list[dict[str, Any]]:
    return [
        _release(1, "planning", planning=_planning(), tender=_tender("planned")),
        _release(2, "tender", tender=_tender("active")),
        _release(3, "tenderAmendment", tender=_tender("active")),
        _release(4, "award", tender=_tender("complete"), awards=[_award()]),
        _release(5, "contract", awards=[_award()], contracts=[_contract()]),
        _release(6, "implementation", awards=[_award()], contracts=[_built()]),
    ]


def _release(number: int, tag: str, **parts: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {
        "ocid": OCID,
        "id": f"{OCID}-{number:02}-{tag}",
        "language": "en",
        "date": _DATES[tag],
        "initiationType": "tender",
        "tag": [tag],
        "parties": [
            _party(_BUYER, "buyer", "procuringEntity"),
            _party(_BUILDER, "supplier"),
            _party(_LOSER, "tenderer"),
        ],
        "buyer": _BUYER,
        **parts,
    }


def _party(who: dict[str, str], *roles: str) -> dict[str, Any]:
    scheme, _, number = who["id"].rpartition("-")
    identifier = {"scheme": scheme, "id": number, "legalName": who["name"]}
    return {**who, "roles": list(roles), "identifier": identifier}


def _pounds(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "GBP"}


def _planning() -> dict[str, Any]:
    budget = {
        "id": "northbridge-2026-roads",
        "description": "Roads and cycle lanes, as in the budget law.",
        "amount": _pounds(6_700_000),
        "project": _TITLE,
        "projectID": "NB-07",
    }
    return {"budget": budget, "rationale": "The bridge road has no lane for cycles."}


def _tender(status: str) -> dict[str, Any]:
    return {
        "id": f"{OCID}-tender",
        "title": _TITLE,
        "status": status,
        "mainProcurementCategory": "works",
        "procurementMethod": "open",
        "value": _pounds(10_500_000),
        "procuringEntity": _BUYER,
    }


def _award() -> dict[str, Any]:
    return {
        "id": f"{OCID}-award-01",
        "title": _TITLE,
        "status": "active",
        "date": "2026-05-10T10:30:00Z",
        "value": _pounds(9_800_000),
        "suppliers": [_BUILDER],
        "contractPeriod": _PERIOD,
    }


def _contract() -> dict[str, Any]:
    return {
        "id": f"{OCID}-contract-01",
        "awardID": f"{OCID}-award-01",
        "title": _TITLE,
        "status": "active",
        "period": _PERIOD,
        "value": _pounds(9_800_000),
        "dateSigned": "2026-06-10T14:23:12Z",
    }


def _built() -> dict[str, Any]:
    payments = [
        {
            "id": f"{OCID}-{number}",
            "date": date,
            "value": _pounds(amount),
            "payer": _BUYER,
            "payee": _BUILDER,
        }
        for number, date, amount in (
            (1, "2026-08-01T00:00:00Z", 50_000),
            (2, "2026-10-01T00:00:00Z", 10_000),
        )
    ]
    return {**_contract(), "implementation": {"transactions": payments}}
