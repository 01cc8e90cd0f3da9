"""A proof pack: the report of a month, and the proofs that all its figures follow from.

A folder with `report.json` and proof files. The figures are made of nothing but entries of the
state after one block, each with its proof. And every figure goes down to its transactions: the pack
has the proof of each that posted anything to the treasury's funds until the end of the month, and
what they posted adds up to every total, account by account and line by line. So whoever has the
pack and trusts the chain needs neither a node nor the ministry; that nothing was left out shows in
the sums.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import msgspec
from msgspec import Struct

from cli.home import HEX32
from cli.proof import PACK_REPORT
from cli.query_proofs import SUFFIX, ProofFolder, ProvenState, state_name
from cli.transaction_file import replace_file
from cli.treasury_data import NodeAnswers, ProvenAnswers, read_period
from exchange.period_report import PeriodData, disagreements, figures
from exchange.treasury_journal import JournalEntry, Posting, entries_of
from ledger.query import Reading
from primitives import limits
from primitives.codec import decode
from primitives.errors import OperatorFault, Rejected, RemoteFault
from primitives.ids import AccountId, Height, TimeMs
from services.table import RECEIPT
from services.treasury.period import Period, period_of

if TYPE_CHECKING:
    from client.client import Client
    from verifier import Outcome, Pin, Verdict

FORMAT: Final = "mithaq.treasury-report"
VERSION: Final = 1
REPORT_BYTES_MAX: Final = 256 * 1024 * 1024
_NO_TRANSACTION: Final = "transaction.none"
"""A node's answer where something fell due by itself: its events have proofs instead."""
_LISTED: Final = frozenset(
    {"treasuries", "apportionments", "budget_lines", "period_closes", "awards", "vouchers"}
)
"""Tables of which the report lists entries; of each of them the pack has all that count."""


@final
class PackedReport(Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in report.json; amounts in minor units."""

    format: str
    version: int
    treasury: str
    period: str
    height: int
    figures: dict[str, Any]
    entries: tuple[dict[str, Any], ...]
    """The journal: what each transaction posted, in the order of the chain."""
    proofs: dict[str, str]
    """What is proved, as the API names it → the file."""


# writing


def write_pack(
    client: "Client", pin: "Pin | None", path: Path, ministry: AccountId, period: Period
) -> tuple[PeriodData, int]:
    """Fetch all proofs, and write the report that follows from them; it, and how many they are.

    Raises:
        OperatorFault: the folder holds proofs already; the ministry has no treasury.
        RemoteFault: the node proves something else than it says, or its figures do not agree.
    """
    folder = ProofFolder(client, pin, path)
    answers = NodeAnswers(client)
    read_period(answers, ministry, period)
    names = [name for name in answers.names if name.startswith("state/")]
    vouchers = _active_vouchers(client, ministry, period)
    names += vouchers
    transactions = dict.fromkeys(_transactions(client, ministry, period))
    transactions |= dict.fromkeys(vouchers.values())
    height = client.status().height
    state = ProvenState(folder, height, list(dict.fromkeys(names)), whole=_LISTED)
    data = read_period(ProvenAnswers(Reading(state, state.time_ms)), ministry, period)
    for name in transactions:
        _fetch(folder, name, height)
    journal = journal_of(folder.files.values(), data)
    problems = problems_of(data, journal)
    if problems:
        raise RemoteFault(f"the node's proofs do not make up its figures: {problems[0]}")
    report = PackedReport(
        format=FORMAT,
        version=VERSION,
        treasury=ministry.hex(),
        period=period,
        height=height,
        figures=figures(data),
        entries=tuple(each.named() for each in journal),
        proofs={name: file for name, (file, _) in folder.files.items()},
    )
    replace_file(
        path / PACK_REPORT, msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"
    )
    return data, folder.count


def _active_vouchers(client: "Client", ministry: AccountId, period: Period) -> dict[str, str]:
    """The entries of invoices that a month's sums count, and what certified each.

    That is what waits to be paid, and whatever happened in the month.
    """
    found: dict[str, str] = {}
    after: str | None = None
    while True:
        page = client.query(
            "treasury.vouchers",
            treasury=ministry,
            period=period,
            limit=limits.QUERY_ROWS_MAX,
            after=after,
        )
        for row, name in zip(page.rows, page.proved_by, strict=True):
            happened = {row.period, period_of(row.certified_ms)}
            happened |= set() if row.paid_ms is None else {period_of(row.paid_ms)}
            if row.status == "certified" or period in happened:
                found[str(name)] = f"transactions/{row.certified_in.hex()}"
        after = page.next
        if after is None:
            return found


def _transactions(client: "Client", ministry: AccountId, period: Period) -> list[str]:
    """The names of all transactions that posted until the end of a month."""
    found: dict[str, None] = {}
    after: str | None = None
    while True:
        page = client.query(
            "treasury.journal", treasury=ministry, limit=limits.QUERY_ROWS_MAX, after=after
        )
        if page.since:
            raise OperatorFault(
                f"this node keeps its history from height {page.since} on, and cannot prove what "
                "was posted before: name one that keeps all of it"
            )
        for row in page.rows:
            if row.period > period:
                return list(found)
            found[f"transactions/{row.transaction.hex()}"] = None
        after = page.next
        if after is None:
            return list(found)


def _fetch(folder: ProofFolder, name: str, height: int) -> None:
    try:
        folder.proof(name, height)
    except Rejected as refusal:
        if refusal.code != _NO_TRANSACTION:
            raise
        folder.proof(f"{name}/events/1", height)


# the journal


@final
@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An entry of the journal, and the proven transaction that posted it."""

    height: int
    index: int
    entry: JournalEntry
    transaction: str
    file: str
    time_ms: int

    @property
    def place(self) -> tuple[int, int, int]:
        """Where it stands in the chain."""
        return self.height, self.index, self.entry.entry

    def named(self) -> dict[str, Any]:
        """For report.json."""
        return {
            "transaction": self.transaction,
            "proof": self.file,
            "height": self.height,
            "time_ms": self.time_ms,
            "event": self.entry.entry + 1,
            "fund": self.entry.fund,
            "apportionment": self.entry.apportionment,
            "line": self.entry.line,
            "step": self.entry.step.value,
            "amount_minor": self.entry.amount,
        }


def journal_of(files: Iterable[tuple[str, bytes]], data: PeriodData) -> list[ProvenEntry]:
    """What the proven transactions among some files posted until the end of the report's month."""
    from verifier.proof_file import EventSubject, ReceiptSubject, read_proof_file

    found: dict[str, list[ProvenEntry]] = {}
    for file, proof in files:
        read = read_proof_file(proof)
        subject = read.subject
        if not isinstance(subject, ReceiptSubject | EventSubject):
            continue
        if period_of(TimeMs(read.header.time_ms)) > data.period:
            continue
        receipt = decode(subject.receipt.data, RECEIPT, limit=len(subject.receipt.data))
        identifier = receipt.transaction_id.hex()
        found[identifier] = [
            ProvenEntry(
                height=read.header.height,
                index=subject.index,
                entry=entry,
                transaction=identifier,
                file=file,
                time_ms=read.header.time_ms,
            )
            for entry in entries_of(receipt)
            if entry.fund in data.treasury.funds
        ]
    return sorted(chain.from_iterable(found.values()), key=lambda each: each.place)


def problems_of(data: PeriodData, journal: Iterable[ProvenEntry]) -> list[str]:
    """What does not hold between the figures, or between them and the transactions."""
    posting = Posting()
    for each in journal:
        posting.post(each.entry)
    return [
        *(f"{claim}: {expected}, {actual}" for claim, expected, actual in disagreements(data)),
        *posting.differences(data),
    ]


# checking


def pack_verdict(path: Path, proofs: "Sequence[Verdict]", worst: "Outcome") -> "Verdict":
    """What a pack proves, given what its proof files do, of which one is the worst."""
    from verifier import Outcome, Verdict

    if worst is Outcome.INVALID:
        return Verdict(worst, "INVALID", "Not every proof in this folder holds.")
    if len({verdict.chain for verdict in proofs}) != 1:
        return Verdict(
            Outcome.INVALID, "INVALID", "The proofs in this folder are of several chains."
        )
    report = _read_report(path / PACK_REPORT)
    files = ProofFiles.read(path)
    try:
        problems, transactions = _check(report, files)
    except (NotInPack, OperatorFault) as missing:
        problems, transactions = [str(missing)], 0
    if problems:
        sentence = f"The report does not follow from the proofs. {problems[0]}."
        return Verdict(Outcome.INVALID, "INVALID", sentence)
    sentence = (
        f"Every figure of {report.period} follows from {len(proofs)} proofs, and what "
        f"{transactions} transactions posted adds up to it."
    )
    like = next(verdict for verdict in proofs if verdict.outcome is worst)
    return replace(like, sentence=sentence, details=())


def _check(report: PackedReport, proofs: "ProofFiles") -> tuple[list[str], int]:
    state = ProvenState(proofs, Height(report.height), proofs.entries(), whole=_LISTED)
    answers = ProvenAnswers(Reading(state, state.time_ms))
    data = read_period(answers, AccountId(bytes.fromhex(report.treasury)), report.period)
    journal = journal_of(proofs.files, data)
    problems = problems_of(data, journal)
    if figures(data) != report.figures:
        problems.append("its figures are not those of the proven entries")
    if [each.named() for each in journal] != list(report.entries):
        problems.append("its journal is not that of the proven transactions")
    return problems, len({each.transaction for each in journal})


class NotInPack(Exception):
    """The report needs a proof that the folder does not hold."""


@final
@dataclass(frozen=True, slots=True)
class ProofFiles:
    """The proofs of a folder, found by what they prove."""

    files: tuple[tuple[str, bytes], ...]
    """Name and content."""
    by_name: Mapping[tuple[str, int], bytes]
    """What is proved, after which block → the file."""

    @classmethod
    def read(cls, path: Path) -> "ProofFiles":
        """All proof files of a folder, whether they hold or not."""
        from cli.pin import read_file
        from verifier.proof_file import (
            FILE_BYTES_MAX,
            AbsentSubject,
            EntrySubject,
            read_proof_file,
        )

        files, by_name = [], {}
        for file in sorted(path.glob(f"*{SUFFIX}")):
            data = read_file(file, FILE_BYTES_MAX)
            files.append((file.name, data))
            proof = read_proof_file(data)
            subject = proof.subject
            if isinstance(subject, EntrySubject | AbsentSubject):
                name = state_name(subject.table, subject.key)
                by_name[name, proof.header.height] = data
        return cls(tuple(files), by_name)

    def entries(self) -> list[str]:
        """The names of the entries that are proved."""
        return sorted({name for name, _ in self.by_name})

    def proof(self, name: str, height: int) -> bytes:
        """The proof of an entry after a block."""
        found = self.by_name.get((name, height))
        if found is None:
            raise NotInPack(f"no proof in it is of {name} after block {height}")
        return found


def _read_report(path: Path) -> PackedReport:
    from cli.pin import read_file

    data = read_file(path, REPORT_BYTES_MAX)
    try:
        report = msgspec.json.decode(data, type=PackedReport)
        wrong = (report.format, report.version) != (FORMAT, VERSION)
        is_account = HEX32.fullmatch(report.treasury) is not None
    except msgspec.DecodeError as error:
        raise OperatorFault(f"{path} is no report: {error}") from error
    if wrong or not is_account:
        raise OperatorFault(f"{path} is no report of version {VERSION}")
    return report
