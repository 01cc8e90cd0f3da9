"""Open Contracting (OCDS 1.1): a process from its planning to its payments, as releases and record.

A treasury knows what was awarded, to whom, until when, what was delivered and what was paid. What
came before, from the plan to the tender, is in documents of the procurement office: releases that
it published, each stamped on the chain as a salted commitment. Both are joined here:

* the documents go out as they were stamped, byte for byte what was said at the time;
* one release of the treasury's own follows, which says of each award what the books say: its value,
  supplier, period and status, each delivery that was accepted, and each payment.

Where both speak of the same thing, the treasury's release is the later one and wins. A payment is
published only if it was made: a document that tells of one that the books do not have, or of
another amount, is refused.
"""

import datetime
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, final

import msgspec

from exchange import limits as file_limits
from exchange.ocds_merge import Json, compiled_release, moment_of
from exchange.treasury_data import Names, TreasuryData
from primitives.errors import Malformed
from primitives.ids import AccountId
from services.treasury.rows import AwardRow, DeliveryRow, RefundRow, VoucherRow

_VERSION: Final = "1.1"
_RETURNED: Final = "returned"
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Who publishes, and where: the address that the published files will have."""

    name: str
    uri: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A contracting process: what the procurement office said of it, and who is who in that."""

    ocid: str
    documents: Sequence[Json] = ()
    """Its releases, as they were stamped."""
    parties: Mapping[AccountId, str] = field(default_factory=dict)
    """Account → id of the party in the documents; others are found by their name."""


@final
@dataclass(frozen=True, slots=True)
class OcdsFiles:
    """A release package with every release, and a record package with the compiled release."""

    releases: bytes
    record: bytes


def releases_in(package: object) -> list[Json]:
    """The releases of a document: a release package, or one release alone.

    Raises:
        Malformed: it is neither, or what is read of it is not what OCDS has there.
    """
    if _is_deeper(package, file_limits.IMPORT_JSON_DEPTH_MAX):
        raise Malformed(
            f"expected objects and lists at most {file_limits.IMPORT_JSON_DEPTH_MAX} deep, found "
            "deeper ones"
        )
    found = package.get("releases", [package]) if isinstance(package, dict) else None
    if not isinstance(found, list) or not found:
        raise Malformed(f"expected an OCDS release package, found {type(package).__name__}")
    try:
        msgspec.convert(found, list[_Release])
    except msgspec.ValidationError as error:
        raise Malformed(f"expected an OCDS release: {error}") from error
    return found


def _is_deeper(value: object, most: int) -> bool:
    """Whether more objects and lists stand in each other; level by level, as deep as it may be."""
    level = [value]
    for _ in range(most):
        inside: list[object] = []
        for each in level:
            if isinstance(each, dict):
                inside += each.values()
            elif isinstance(each, list):
                inside += each
        level = [each for each in inside if isinstance(each, dict | list)]
        if not level:
            return False
    return True


class _Item(msgspec.Struct, frozen=True, kw_only=True):
    """What has an id; there may be more to it."""

    id: str | int


class _Value(msgspec.Struct, frozen=True):
    amount: int | float | Decimal | None = None
    currency: str | None = None


class _Transaction(_Item, frozen=True, kw_only=True):
    value: _Value = _Value()


class _Implementation(msgspec.Struct, frozen=True):
    transactions: list[_Transaction] = []


class _Contract(_Item, frozen=True, kw_only=True):
    awardID: str | int  # noqa: N815 - as OCDS has it
    period: Json = {}
    implementation: _Implementation = _Implementation()


class _Award(_Item, frozen=True, kw_only=True):
    contractPeriod: Json = {}  # noqa: N815 - as OCDS has it


class _Release(msgspec.Struct, frozen=True, kw_only=True):
    """What of a release is read here; the rest is published as it is."""

    ocid: str
    id: str
    date: str
    tag: list[str]
    buyer: _Item | None = None
    parties: list[_Item] = []
    awards: list[_Award] = []
    contracts: list[_Contract] = []


def ocds_files(
    data: TreasuryData, process: Process, publisher: Publisher, names: Names
) -> OcdsFiles:
    """The releases and the record of a process.

    Raises:
        Malformed: nothing is known of it, or a document is of another process or tells of a
            payment that the books do not have.
    """
    for release in process.documents:
        if release["ocid"] != process.ocid:
            raise Malformed(f"a document is of process {release['ocid']}, not of {process.ocid}")
    writer = _Writer(data, process, names)
    writer.judge_documents()
    own = writer.release()
    if own is None and not process.documents:
        raise Malformed(f"neither the books nor a document know the process {process.ocid}")
    releases = [*process.documents, *([] if own is None else [own])]
    releases.sort(key=moment_of)
    package = {
        "version": _VERSION,
        "publishedDate": releases[-1]["date"],
        "publisher": {"name": publisher.name},
    }
    record = {
        "ocid": process.ocid,
        "releases": releases,
        "compiledRelease": compiled_release(releases),
    }
    return OcdsFiles(
        _json({"uri": f"{publisher.uri}releases.json", **package, "releases": releases}),
        _json({"uri": f"{publisher.uri}record.json", **package, "records": [record]}),
    )


def _json(value: Json) -> bytes:
    return msgspec.json.format(_ENCODER.encode(value), indent=2) + b"\n"


@final
class _Writer:
    """Writes what the books say of a process."""

    def __init__(self, data: TreasuryData, process: Process, names: Names) -> None:
        self._data, self._process, self._names = data, process, names
        self._said = compiled_release(process.documents) if process.documents else {}
        self._awards = [row for row in data.awards if row.process == process.ocid]
        self._new_parties: dict[str, Json] = {}

    def release(self) -> Json | None:
        """The treasury's own release; None where it has no award of the process."""
        if not self._awards:
            return None
        awards = [self._award(row) for row in self._awards]
        contracts = [self._contract(row) for row in self._awards]
        release = {
            "ocid": self._process.ocid,
            "id": f"{self._process.ocid}-treasury-{self._data.height}",
            "date": self._date(),
            "tag": ["award", "contract", "implementation"],
            "initiationType": self._said.get("initiationType", "tender"),
            "language": self._said.get("language", "en"),
            "buyer": self._buyer(),
        }
        parties = {"parties": list(self._new_parties.values())} if self._new_parties else {}
        return release | parties | {"awards": awards, "contracts": contracts}

    def _date(self) -> str:
        """The end of what the books tell of; not before a document: the treasury speaks last."""
        day = datetime.date.fromisoformat(self._data.last_day) + datetime.timedelta(days=1)
        midnight = datetime.datetime.combine(day, datetime.time(), datetime.UTC)
        until = _instant(min(int(midnight.timestamp() * 1000) - 1000, self._data.time_ms))
        return str(
            max([*self._process.documents, {"id": "", "date": until}], key=moment_of)["date"]
        )

    # who is who

    def _buyer(self) -> Json:
        buyer = self._said.get("buyer")
        return buyer if buyer is not None else self._party(self._awards[0].agency, "buyer")

    def _party(self, account: AccountId, role: str) -> Json:
        """A party by its id in the documents; who is not in them is added to the parties."""
        name = self._names.account(account)
        known = {str(each["id"]): each for each in self._said.get("parties", [])}
        by_name = {each.get("name"): each for each in known.values()}
        said = known.get(self._process.parties.get(account, "")) or by_name.get(name)
        if said is not None:
            return {"id": said["id"], "name": said.get("name", name)}
        party = {"id": self._process.parties.get(account, account.hex()), "name": name}
        added = self._new_parties.setdefault(party["id"], {**party, "roles": []})
        if role not in added["roles"]:
            added["roles"].append(role)
        return party

    # what the books say

    def _money(self, minor: int) -> Json:
        amount = Decimal(minor).scaleb(-self._data.treasury.exponent)
        whole = amount == amount.to_integral_value()
        return {
            "amount": int(amount) if whole else amount.normalize(),
            "currency": self._data.treasury.asset,
        }

    def _documented_award(self, row: AwardRow) -> Json:
        """The award that the documents tell of, which the ledger has in capital letters."""
        for award in self._said.get("awards", []):
            if str(award["id"]).upper() == row.award:
                return dict(award)
        return {"id": row.award}

    def _award(self, row: AwardRow) -> Json:
        said = self._documented_award(row)
        supplier = [] if row.recipient is None else [self._party(row.recipient, "supplier")]
        return {
            "id": said["id"],
            "status": "active" if row.amount_minor else "cancelled",
            "value": self._money(row.amount_minor),
            **({"suppliers": supplier} if supplier else {}),
            "contractPeriod": _period(row, said.get("contractPeriod", {})),
        }

    def _contract(self, row: AwardRow) -> Json:
        award = self._documented_award(row)["id"]
        documented = [
            each for each in self._said.get("contracts", []) if str(each["awardID"]) == str(award)
        ]
        said: Json = documented[0] if documented else {"id": f"{award}-contract"}
        return {
            "id": said["id"],
            "awardID": award,
            "status": self._status(row),
            "period": _period(row, said.get("period", {})),
            "value": self._money(row.amount_minor),
            "implementation": self._implementation(row),
        }

    def _status(self, row: AwardRow) -> str:
        if not row.amount_minor:
            return "cancelled"
        return "terminated" if self._data.last_day > row.ends else "active"

    def _implementation(self, row: AwardRow) -> Json:
        came = [each for each in self._data.deliveries if each.withdrawn is None]
        milestones = [_milestone(each) for each in came if each.award == row.award]
        transactions = list(self._transactions(row))
        return {
            **({"milestones": _numbered(milestones)} if milestones else {}),
            **({"transactions": _numbered(transactions)} if transactions else {}),
        }

    def _transactions(self, row: AwardRow) -> Iterator[Json]:
        """Payments to payees; what came back, and what they gave back."""
        for each in self._data.vouchers:
            if each.award == row.award and each.paid_ms is not None:
                yield self._payment(each)
                if each.status == _RETURNED:
                    yield self._returned(each)
        for back in self._data.refunds:
            if back.award == row.award:
                yield self._given_back(back)

    def _payment(self, voucher: VoucherRow) -> Json:
        assert voucher.paid_ms is not None, "a voucher that is paid was paid at a time"
        assert voucher.paid_in is not None, "a voucher that is paid was paid in a transaction"
        return {
            "id": voucher.invoice,
            "date": _instant(voucher.paid_ms),
            "value": self._money(voucher.amount_minor + voucher.interest_minor),
            "payer": self._buyer(),
            "payee": self._party(voucher.payee, "payee"),
            "uri": f"mithaq:transactions/{voucher.paid_in.hex()}",
        }

    def _returned(self, voucher: VoucherRow) -> Json:
        """A payment that came back, without what was kept for creditors of the payee."""
        kept = sum(offset.amount_minor for offset in voucher.offsets)
        return {
            "id": f"{voucher.invoice} returned",
            "value": self._money(voucher.amount_minor + voucher.interest_minor - kept),
            "payer": self._party(voucher.payee, "payee"),
            "payee": self._buyer(),
        }

    def _given_back(self, refund: RefundRow) -> Json:
        return {
            "id": refund.credit_note,
            "date": _instant(refund.refunded_ms),
            "value": self._money(refund.amount_minor),
            "payer": self._party(refund.payee, "payee"),
            "payee": self._buyer(),
            "uri": f"mithaq:transactions/{refund.transaction.hex()}",
        }

    def judge_documents(self) -> None:
        """Refuse documents that tell of payments that were not made, or not so.

        Raises:
            Malformed: which payment, what the document says of it, and what the books say.
        """
        made = {
            transaction["id"]: transaction["value"]
            for row in self._awards
            for transaction in self._implementation(row).get("transactions", [])
        }
        for document in self._process.documents:
            for contract in document.get("contracts", []):
                for told in contract.get("implementation", {}).get("transactions", []):
                    _judge(told, made.get(str(told["id"])))


def _judge(told: Json, paid: Json | None) -> None:
    if paid is None:
        raise Malformed(f"a document tells of the payment {told['id']}: never made")
    amount, currency = _told(told)
    if (amount, currency) != (paid["amount"], paid["currency"]):
        raise Malformed(
            f"a document says that the payment {told['id']} was {amount} {currency}; "
            f"it was {paid['amount']} {paid['currency']}"
        )


def _told(transaction: Json) -> tuple[Decimal, Any]:
    value = transaction.get("value", {})
    return Decimal(str(value.get("amount", 0))), value.get("currency")


def _period(row: AwardRow, said: Json) -> Json:
    """From when until when; where a document says the same day, with its hour."""
    days = (("startDate", row.starts, "T00:00:00Z"), ("endDate", row.ends, "T23:59:59Z"))
    return {
        name: said[name] if str(said.get(name, ""))[:10] == day else day + hour
        for name, day, hour in days
    }


def _milestone(delivery: DeliveryRow) -> Json:
    code = delivery.milestone or f"delivery-{delivery.number}"
    return {
        "id": code,
        "title": code,
        "type": "delivery",
        "status": "met",
        "dateMet": f"{delivery.date}T00:00:00Z",
    }


def _numbered(items: list[Json]) -> list[Json]:
    """With ids that differ: two payees may write the same number on their invoices."""
    met: Counter[str] = Counter()
    for item in items:
        met[item["id"]] += 1
        if met[item["id"]] > 1:
            item["id"] = f"{item['id']} ({met[item['id']]})"
    return items


def _instant(time_ms: int) -> str:
    """A time as RFC 3339 has it, to the second."""
    moment = datetime.datetime.fromtimestamp(time_ms // 1000, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
