"""A proof pack: the report of a month, and the proofs that all its figures follow from.

A folder with `report.json` and proof files. The figures are made of nothing but entries of the
state after one block, each with its proof. And every figure goes down to its transactions: the pack
has the proof of each that posted anything to the treasury's funds until the end of the month, and
what they posted adds up to every total, account by account and line by line. So whoever has the
pack and trusts the chain needs neither a node nor the ministry; that nothing was left out shows in
the sums.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import msgspec
from msgspec import Struct

from cli.files import replace_file
from cli.home import HEX32
from cli.proof import PACK_REPORT
from cli.query_proofs import SUFFIX, ProofFolder, ProvenState, state_name
from cli.treasury_data import NodeAnswers, ProvenAnswers, read_period
from exchange.period_report import PeriodData, disagreements, figures
from exchange.treasury_journal import JournalEntry, Posting, entries_of
from ledger.query import Reading
from primitives import limits
from primitives.codec import decode
from primitives.errors import MithaqError, OperatorFault, Rejected, RemoteFault
from primitives.ids import AccountId, Height, TimeMs
from services.table import RECEIPT
from services.treasury.awards import AwardMade
from services.treasury.chart import Step
from services.treasury.lines import parts_of
from services.treasury.period import Period, period_of
from services.treasury.returns import PaymentReturned
from services.treasury.treasuries import TREASURIES

if TYPE_CHECKING:
    from client.client import Client
    from verifier import Outcome, Pin, Verdict

FORMAT: Final = "mithaq.treasury-report"
VERSION: Final = 1
REPORT_BYTES_MAX: Final = 256 * 1024 * 1024
_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
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
    books = Books.proven(folder.files.values(), data)
    problems = problems_of(data, books)
    if problems:
        raise RemoteFault(f"the node's proofs do not make up its figures: {problems[0]}")
    report = PackedReport(
        format=FORMAT,
        version=VERSION,
        treasury=ministry.hex(),
        period=period,
        height=height,
        figures=figures(data),
        entries=tuple(each.named() for each in books.journal),
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


@final
@dataclass(frozen=True, slots=True)
class Books:
    """What proven transactions did until the end of the report's month."""

    journal: tuple[ProvenEntry, ...]
    """What they posted, in the order of the chain."""
    returned: Counter[str]
    """By fund: how many payments came back in the month."""
    awarded: frozenset[str]
    """Codes of the awards that were made."""

    @classmethod
    def proven(cls, files: Iterable[tuple[str, bytes]], data: PeriodData) -> "Books":
        """Of the transactions among some proof files, each once."""
        from verifier.proof_file import EventSubject, ReceiptSubject, read_proof_file

        found: dict[str, list[ProvenEntry]] = {}
        returned: Counter[str] = Counter()
        awarded: set[str] = set()
        funds = {award.award: award.fund for award in data.awards}
        for file, proof in files:
            read = read_proof_file(proof)
            subject = read.subject
            if not isinstance(subject, ReceiptSubject | EventSubject):
                continue
            month = period_of(TimeMs(read.header.time_ms))
            identifier = subject.receipt.transaction_id.hex()
            if month > data.period or identifier in found:
                continue
            receipt = decode(subject.receipt.data, RECEIPT, limit=len(subject.receipt.data))
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
            for event in receipt.events:
                if isinstance(event, PaymentReturned) and month == data.period:
                    returned[funds.get(event.award, "")] += 1
                if (
                    isinstance(event, AwardMade)
                    and parts_of(event.line).fund in data.treasury.funds
                ):
                    awarded.add(event.award)
        entries = sorted((each for many in found.values() for each in many), key=_place)
        return cls(tuple(entries), returned, frozenset(awarded))


def _place(each: ProvenEntry) -> tuple[int, int, int]:
    return each.place


def problems_of(data: PeriodData, books: Books) -> list[str]:
    """What does not hold between the figures, or between them and the transactions."""
    posting = Posting()
    for each in books.journal:
        posting.post(each.entry)
    return [
        *(f"{claim}: {expected}, {actual}" for claim, expected, actual in disagreements(data)),
        *posting.differences(data),
        *(
            f"{award} was awarded, and the report has no such award"
            for award in sorted(books.awarded - {award.award for award in data.awards})
        ),
        *_payments_that_differ(data, books),
    ]


def _payments_that_differ(data: PeriodData, books: Books) -> Iterator[str]:
    """The invoices that were paid or came back in the month are all there.

    Each payment is an entry of the journal, which is whole; each return says so in its receipt.
    """
    paid: Counter[str] = Counter()
    outlaid: Counter[str] = Counter()
    for each in books.journal:
        entry = each.entry
        within = period_of(TimeMs(each.time_ms)) == data.period
        if within and entry.step is Step.PAY and entry.amount > 0:
            paid[entry.fund] += 1
            outlaid[entry.fund] += entry.amount
    rows = {row.fund: row for row in data.payments}
    for fund in data.treasury.funds:
        row = rows.get(fund)
        said = (0, 0, 0)
        if row is not None:
            said = (row.paid, row.paid_minor + row.interest_minor, row.returned)
        found = (paid[fund], outlaid[fund], books.returned[fund])
        if said != found:
            yield (
                f"{fund}: the invoices say {said} for what was paid, its sum and what came back in "
                f"{data.period}, the transactions {found}"
            )


# checking


def pack_verdict(path: Path, proofs: "Sequence[Verdict]", worst: "Outcome") -> "Verdict":
    """What a pack proves, given what its proof files do, of which one is the worst."""
    from verifier import Outcome, Verdict
    from verifier.sentences import time_text

    if worst is Outcome.INVALID:
        return Verdict(worst, "INVALID", "Not every proof in this folder holds.")
    if len({verdict.chain for verdict in proofs}) != 1:
        return Verdict(
            Outcome.INVALID, "INVALID", "The proofs in this folder are of several chains."
        )
    report = _read_report(path / PACK_REPORT)
    files = ProofFiles.read(path)
    try:
        found = _check(report, files)
    except (NotInPack, MithaqError, msgspec.MsgspecError, UnicodeError) as fault:
        found = _Checked([str(fault)], TimeMs(0), 0)
    if found.problems:
        sentence = f"The report does not follow from the proofs. {found.problems[0]}."
        return Verdict(Outcome.INVALID, "INVALID", sentence)
    moment = time_text(found.time_ms)
    sentence = (
        f"Every figure of {report.period}, as of block {report.height} of {moment}, follows from "
        f"{len(proofs)} proofs, and what {found.transactions} transactions posted adds up to it."
    )
    if period_of(found.time_ms) <= report.period:
        sentence += " The month was not over then."
    like = next(verdict for verdict in proofs if verdict.outcome is worst)
    return replace(like, sentence=sentence, details=())


@final
@dataclass(frozen=True, slots=True)
class _Checked:
    """What is wrong with a report; of which moment it is, and of how many transactions."""

    problems: list[str]
    time_ms: TimeMs
    transactions: int


def _check(report: PackedReport, proofs: "ProofFiles") -> _Checked:
    from verifier.sentences import time_text

    ministry = AccountId(bytes.fromhex(report.treasury))
    entries = proofs.entries() or [state_name(TREASURIES.number, TREASURIES.key(ministry))]
    state = ProvenState(proofs, Height(report.height), entries, whole=_LISTED)
    data = read_period(ProvenAnswers(Reading(state, state.time_ms)), ministry, report.period)
    books = Books.proven(proofs.files, data)
    problems = problems_of(data, books)
    if report.period > period_of(state.time_ms):
        problems.insert(0, f"{report.period} had not begun at {time_text(state.time_ms)}")
    if figures(data) != report.figures:
        problems.append("its figures are not those of the proven entries")
    if [each.named() for each in books.journal] != list(report.entries):
        problems.append("its journal is not that of the proven transactions")
    problems += (
        f"{file} does not prove {name}, as it says"
        for name, file in report.proofs.items()
        if (name, file) not in proofs.names
    )
    return _Checked(problems, state.time_ms, len({each.transaction for each in books.journal}))


def says_once(data: bytes, read: Struct) -> bool:
    """Whether a file says what was read of it and nothing beside: a key that is there twice would
    show another reader another figure."""
    return msgspec.json.format(data, indent=-1) == msgspec.json.encode(read)


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
    names: frozenset[tuple[str, str]]
    """What is proved, as the API names it, and the name of the file."""

    @classmethod
    def read(cls, path: Path) -> "ProofFiles":
        """All proof files of a folder, whether they hold or not."""
        from cli.files import read_file
        from verifier.proof_file import (
            FILE_BYTES_MAX,
            EventSubject,
            ReceiptSubject,
            read_proof_file,
        )

        files, by_name, names = [], {}, set()
        for file in sorted(path.glob(f"*{SUFFIX}")):
            data = read_file(file, FILE_BYTES_MAX)
            files.append((file.name, data))
            proof = read_proof_file(data)
            match proof.subject:
                case ReceiptSubject(receipt=receipt):
                    name = f"transactions/{receipt.transaction_id.hex()}"
                case EventSubject(receipt=receipt, event=event):
                    name = f"transactions/{receipt.transaction_id.hex()}/events/{event + 1}"
                case subject:
                    name = state_name(subject.table, subject.key)
                    by_name[name, proof.header.height] = data
            names.add((name, file.name))
        return cls(tuple(files), by_name, frozenset(names))

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
    from cli.files import read_file

    data = read_file(path, REPORT_BYTES_MAX)
    try:
        report = msgspec.json.decode(data, type=PackedReport)
        wrong = (report.format, report.version) != (FORMAT, VERSION)
        is_of_one = HEX32.fullmatch(report.treasury) and _MONTH.fullmatch(report.period)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OperatorFault(f"{path} is no report: {error}") from error
    if wrong or not is_of_one or not says_once(data, report):
        raise OperatorFault(f"{path} is no report of version {VERSION}")
    return report
