"""Follow this payment: an invoice from the law that paid for it to the last hand, in a folder.

The folder has `trail.json` and proof files. Upwards each step is an entry of the state after one
block: the voucher, its award, the line of the budget, the fund, the treasury. Downwards each is an
event of a transaction: the payment, and everything that somebody said to be paid out of it. That
nothing was left out shows in the state as well: what each holder got of the payment, less what he
passed on, is the share that is proved of him. So whoever has the folder and trusts the chain needs
neither a node nor the ministry.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import msgspec
from msgspec import Struct

from cli.files import replace_file
from cli.period_pack import NotInPack, ProofFiles, says_once
from cli.proof import TRAIL
from cli.query_proofs import ProofFolder, Proofs, ProvenState, state_name
from ledger.assets import ASSETS
from ledger.lots import lot_of, share_of
from ledger.movements import Movement
from ledger.operation import Event
from ledger.state import Overlay
from node.reports.walk import AWARD, FUND, LINE, VOUCHER, Relation, Spot
from primitives import limits
from primitives.codec import decode
from primitives.errors import MithaqError, OperatorFault, RemoteFault
from primitives.ids import AccountId
from services.table import RECEIPT
from services.treasury.awards import AWARDS
from services.treasury.funds import FUNDS
from services.treasury.lines import BUDGET_LINES, parts_of
from services.treasury.treasuries import TREASURIES, Treasury
from services.treasury.vouchers import VOUCHERS, Voucher, VoucherKey

if TYPE_CHECKING:
    from client.client import Client
    from verifier import Outcome, Pin, Verdict

FORMAT: Final = "mithaq.trail"
VERSION: Final = 1
TRAIL_BYTES_MAX: Final = 16 * 1024 * 1024


@final
class Trail(Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in trail.json; amounts in minor units."""

    format: str
    version: int
    payee: str
    invoice: str
    height: int
    asset: str
    exponent: int
    steps: tuple[dict[str, Any], ...]


@final
@dataclass(frozen=True, slots=True)
class ProvenMovement:
    """Money that an event moved, and the proof that says so."""

    place: tuple[int, int, int]
    movement: Movement
    reference: str
    transaction: str
    time_ms: int
    file: str


class _Broken(Exception):
    """The proofs are not those of one trail."""


# writing


def write_trail(
    client: "Client", pin: "Pin | None", path: Path, payee: AccountId, invoice: str
) -> tuple[Trail, int]:
    """Fetch all proofs, and write the trail that follows from them; it, and how many they are.

    Raises:
        OperatorFault: the folder holds proofs already; the invoice was not paid, or its money went
            through more hands than a trail has.
        RemoteFault: the node proves something else than it says.
    """
    folder = ProofFolder(client, pin, path)
    page = client.query(
        "treasury.trace",
        from_=f"voucher:{payee.hex()}/{invoice}",
        rows="movements",
        depth=limits.TRACE_DEPTH_MAX,
        limit=limits.QUERY_ROWS_MAX,
    )
    if not page.rows:
        raise OperatorFault(f"invoice {invoice} of {payee.hex()} was not paid: nothing to follow")
    if page.next is not None:
        raise OperatorFault(
            f"its money went through more than {limits.QUERY_ROWS_MAX} payments: follow one of "
            "them by the query treasury.trace"
        )
    for name in page.proved_by:
        folder.proof(str(name), page.height)
    height = page.height
    try:
        trail = trail_of(folder, folder.files.values, height, VoucherKey(payee, invoice))
    except _Broken as broken:
        raise RemoteFault(f"the node's proofs are not one trail: {broken}") from broken
    replace_file(path / TRAIL, msgspec.json.format(msgspec.json.encode(trail), indent=1) + b"\n")
    return trail, folder.count


# what proofs say


def trail_of(
    proofs: Proofs,
    files: Callable[[], Iterable[tuple[str, bytes]]],
    height: int,
    key: VoucherKey,
) -> Trail:
    """Every step of an invoice's money, from the proofs alone.

    Raises:
        _Broken: they are not those of one trail, or one is missing.
    """
    state = ProvenState(proofs, height, [state_name(VOUCHERS.number, VOUCHERS.key(key))])
    voucher = VOUCHERS.read(state, key)
    if voucher is None or voucher.paid_in is None:
        raise _Broken(f"invoice {key.invoice} was not paid")
    award = AWARDS.read(state, voucher.award)
    line = None if award is None else BUDGET_LINES.read(state, award.line)
    fund_code = "" if award is None else parts_of(award.line).fund
    fund = None if award is None else FUNDS.read(state, fund_code)
    treasury = None if fund is None else TREASURIES.read(state, fund.treasury)
    asset = None if treasury is None else ASSETS.read(state, treasury.asset)
    if award is None or line is None or fund is None or treasury is None or asset is None:
        raise _Broken("a row of the budget is missing")
    moved = sorted(_movements(files()), key=lambda each: each.place)
    paid, passed = _split(moved, voucher, treasury, key)
    _need_all(Overlay(state), paid, passed)
    line_of = str(Spot(LINE, award.line))
    fund_of, award_of = str(Spot(FUND, fund_code)), str(Spot(AWARD, voucher.award))
    voucher_name = str(Spot(VOUCHER, f"{key.payee.hex()}/{key.invoice}"))
    rows = (
        (Relation.APPROPRIATES, treasury.legislature.hex(), fund_of, fund.appropriated),
        (Relation.ALLOTS, fund_of, line_of, line.allotted),
        (Relation.OBLIGATES, line_of, award_of, award.amount),
        (Relation.CERTIFIES, award_of, voucher_name, voucher.amount),
    )
    steps = [
        *(_step(*row) for row in rows),
        *(_moved(Relation.PAYS, voucher_name, each) for each in paid),
        *(_moved(Relation.PASSES_ON, each.movement.payer.hex(), each) for each in passed),
    ]
    return Trail(
        format=FORMAT,
        version=VERSION,
        payee=key.payee.hex(),
        invoice=key.invoice,
        height=height,
        asset=treasury.asset,
        exponent=asset.exponent,
        steps=tuple(steps),
    )


def _step(relation: Relation, giver: str, receiver: str, amount: int) -> dict[str, Any]:
    return {
        "relation": relation.value,
        "giver": giver,
        "receiver": receiver,
        "amount_minor": amount,
    }


def _moved(relation: Relation, giver: str, moved: ProvenMovement) -> dict[str, Any]:
    return {
        **_step(relation, giver, moved.movement.to.hex(), moved.movement.amount),
        "reference": moved.reference,
        "transaction": moved.transaction,
        "height": moved.place[0],
        "time_ms": moved.time_ms,
        "proof": moved.file,
    }


def _movements(files: Iterable[tuple[str, bytes]]) -> Iterable[ProvenMovement]:
    from verifier.proof_file import EventSubject, read_proof_file

    for file, data in files:
        proof = read_proof_file(data)
        subject = proof.subject
        if not isinstance(subject, EventSubject):
            continue
        receipt = decode(subject.receipt.data, RECEIPT, limit=len(subject.receipt.data))
        event: Event = receipt.events[subject.event]
        movement = event.moves()
        if movement is not None:
            yield ProvenMovement(
                (proof.header.height, subject.index, subject.event),
                movement,
                getattr(event, "reference", None) or "",
                receipt.transaction_id.hex(),
                proof.header.time_ms,
                file,
            )


def _split(
    moved: Sequence[ProvenMovement], voucher: Voucher, treasury: Treasury, key: VoucherKey
) -> tuple[list[ProvenMovement], list[ProvenMovement]]:
    """What paid the invoice, and what was passed on out of that."""
    paid, passed = [], []
    for each in moved:
        pays = each.reference == voucher.reference or each.reference.startswith(
            f"{voucher.reference}-"
        )
        if pays and each.movement.payer == treasury.account:
            paid.append(each)
        else:
            passed.append(each)
    total = sum(each.movement.amount for each in paid)
    if total != voucher.amount + voucher.interest:
        raise _Broken(
            f"{total} is proved to be paid, invoice {key.invoice} is of "
            f"{voucher.amount + voucher.interest} with interest"
        )
    return paid, passed


def _need_all(
    state: Overlay, paid: Sequence[ProvenMovement], passed: Sequence[ProvenMovement]
) -> None:
    """Nobody passed on what he had not, and nothing is missing."""
    shares: dict[tuple[str, AccountId], int] = {}
    for each in paid:
        shares[lot_of(each.movement.payer, each.reference), each.movement.to] = each.movement.amount
    for each in passed:
        _, payer, to, _, amount, lot = each.movement
        if lot is None or shares.get((lot, payer), 0) < amount:
            raise _Broken(f"the payment {each.reference} in {each.file} is not out of this invoice")
        shares[lot, payer] -= amount
        shares[lot, to] = shares.get((lot, to), 0) + amount
    for (lot, holder), amount in shares.items():
        proved = share_of(state, lot, holder)
        if proved != amount:
            raise _Broken(
                f"{holder.hex()} has {proved} of it by the state and {amount} by the payments in "
                "this folder: one is missing"
            )


# checking


def trail_verdict(path: Path, proofs: "Sequence[Verdict]", worst: "Outcome") -> "Verdict":
    """What a trail proves, given what its proof files do, of which one is the worst."""
    from verifier import Outcome, Verdict
    from verifier.sentences import time_text

    if worst is Outcome.INVALID:
        return Verdict(worst, "INVALID", "Not every proof in this folder holds.")
    if len({verdict.chain for verdict in proofs}) != 1:
        return Verdict(
            Outcome.INVALID, "INVALID", "The proofs in this folder are of several chains."
        )
    trail = _read(path / TRAIL)
    files = ProofFiles.read(path)
    key = VoucherKey(AccountId(bytes.fromhex(trail.payee)), trail.invoice)
    try:
        found = trail_of(files, lambda: files.files, trail.height, key)
        problem = None if found == trail else "its steps are not those of the proofs"
    except (_Broken, NotInPack, MithaqError, msgspec.MsgspecError, UnicodeError) as fault:
        problem = str(fault)
    if problem is not None:
        sentence = f"The trail does not follow from the proofs: {problem}."
        return Verdict(Outcome.INVALID, "INVALID", sentence)
    payments = [step for step in trail.steps if "proof" in step]
    hands = {step["receiver"] for step in payments}
    state = ProvenState(files, trail.height, [state_name(VOUCHERS.number, VOUCHERS.key(key))])
    moment = time_text(state.time_ms)
    sentence = (
        f"Invoice {trail.invoice} of account {trail.payee[:16]}…, as of block {trail.height} of "
        f"{moment}, is followed from the law through {len(payments)} payments to {len(hands)} "
        "accounts, and nothing is left out."
    )
    like = next(verdict for verdict in proofs if verdict.outcome is worst)
    return replace(like, sentence=sentence, details=())


def _read(file: Path) -> Trail:
    from cli.files import read_file

    try:
        data = read_file(file, TRAIL_BYTES_MAX)
        trail = msgspec.json.decode(data, type=Trail)
        bytes.fromhex(trail.payee)
        said_once = says_once(data, trail)
    except (msgspec.DecodeError, ValueError, RecursionError) as fault:
        raise OperatorFault(f"{file} is no trail of a payment: {fault}") from fault
    if (trail.format, trail.version) != (FORMAT, VERSION):
        raise OperatorFault(
            f"{file}: expected {FORMAT} version {VERSION}, found {trail.format} {trail.version}"
        )
    if not said_once:
        raise OperatorFault(f"{file} is no trail of a payment: expected each key once")
    return trail
