"""Walking after money: from a fund, an award, an invoice, a payment or an account, step by step.

The walk goes breadth first over **places**: a fund, a line of the budget, an award, or an account
with money of one asset, perhaps of one lot alone. From the fund to the award the steps are rows of
the state. From there on they are movements, which the index of each account has (`movements`):

- A payment of a voucher is a lot, so from its payee on only lines are followed that say that they
  are paid out of it: what they show is what their payers declared, and never more than there was.
- Tokens of an award are an asset of their own: all that is passed on of them is followed.
- From an account, every payment in the asset is followed that came after the money: money has no
  serial numbers, so this says where it can have gone, not where it went.

Back, the same steps are walked against their direction. Money that comes back to a treasury is not
followed any further: it is spent again under another award.

Steps between the same two are one: their sum, and the first and last of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, unique
from functools import cached_property
from typing import NamedTuple, final

from ledger.lots import REFERENCES, lot_of, payment_of
from ledger.movements import MovementKind, Passage, lot_digest, passages
from ledger.operation import Event
from ledger.query import too_wide
from ledger.state import Overlay
from node.reports.moment import Moment
from primitives import limits
from primitives.ids import AccountId
from services.treasury.awards import AWARDS, Award
from services.treasury.funds import FUNDS
from services.treasury.grants import AwardTokenised, TokensRedeemed
from services.treasury.lines import BUDGET_LINES, parts_of
from services.treasury.payments import VoucherPaid
from services.treasury.treasuries import TREASURIES
from services.treasury.vouchers import AWARD_VOUCHERS, VOUCHERS, VoucherKey
from storage.decision import TransactionPlace


@unique
class Relation(Enum):
    """What a step is."""

    APPROPRIATES = "appropriates"
    """A legislature gives a fund its money."""
    ALLOTS = "allots"
    """Of a fund to a line of the budget."""
    OBLIGATES = "obligates"
    """A line is bound by an award."""
    CERTIFIES = "certifies"
    """An invoice is due under an award."""
    PAYS = "pays"
    """An award pays an invoice, from the treasury's account."""
    TOKENISES = "tokenises"
    """An award's recipient gets tokens."""
    REDEEMS = "redeems"
    """Tokens are given up for a claim on the award."""
    PASSES_ON = "passes_on"
    """One account pays another."""
    ISSUES = "issues"
    """The issuer of an asset makes it for an account."""


class Spot(NamedTuple):
    """Where money is: a fund, a line or an award by its code; an account, of one asset and lot."""

    kind: str
    name: str
    asset: str = ""
    lot: str | None = None

    def __str__(self) -> str:
        return self.name if self.kind == ACCOUNT else f"{self.kind} {self.name}"


FUND, LINE, AWARD, VOUCHER, ACCOUNT = "fund", "line", "award", "voucher", "account"


class At(NamedTuple):
    """Where a step is written: an event of a transaction."""

    place: TransactionPlace
    entry: int


class Step(NamedTuple):
    """From one spot to the next, as often as `count`; `entry` names the row that it stands in."""

    depth: int
    relation: Relation
    giver: str
    receiver: str
    asset: str
    at: At | None
    """Where it is written, if each is a step of its own."""


@final
@dataclass(slots=True)
class Sum:
    """What the steps between the same two come to."""

    amount: int = 0
    count: int = 0
    first: At | None = None
    last: At | None = None
    entry: str | None = None
    """`state/TABLE/KEY` of a step that is a row of the state."""


class Found(NamedTuple):
    """One step as it is found: how much, where it leads, since when that is to be followed."""

    relation: Relation
    to: Spot
    amount: int
    asset: str
    at: At | None
    entry: str | None = None


@final
class Walk:
    """One walk; of one thread."""

    def __init__(self, moment: Moment, *, back: bool, each: bool) -> None:
        """`each` movement is a step of its own, or all between the same two are one."""
        self._moment = moment
        self._back = back
        self._each = each
        self._overlay = Overlay(moment.state)
        self._looked_at = 0
        self.sums: dict[Step, Sum] = {}
        self._treasuries = {
            row.account: row for _, row in TREASURIES.scan(moment.state, limit=1_000)
        }

    def go(self, starts: dict[Spot, At | None], depth: int) -> None:
        """Fill `sums` with all steps up to a depth.

        Raises:
            Rejected: there are more than may be looked at.
        """
        seen = set(starts)
        for level in range(1, depth + 1):
            following: dict[Spot, At | None] = {}
            for spot, since in starts.items():
                for found in self._steps(spot, since):
                    self._note(level, spot, found)
                    if found.to not in seen or found.to in following:
                        seen.add(found.to)
                        self._reach(following, found)
            starts = following
            if not starts:
                return

    def _reach(self, following: dict[Spot, At | None], found: Found) -> None:
        if found.to not in following:
            following[found.to] = found.at
            return
        known = following[found.to]
        if known is None or found.at is None:
            following[found.to] = None
        else:
            following[found.to] = max(known, found.at) if self._back else min(known, found.at)

    def _note(self, depth: int, spot: Spot, found: Found) -> None:
        here, there = str(spot), str(found.to)
        giver, receiver = (there, here) if self._back else (here, there)
        own = found.at if self._each else None
        step = Step(depth, found.relation, giver, receiver, found.asset, own)
        known = self.sums.get(step)
        if known is None:
            if len(self.sums) == limits.QUERY_GROUPS_MAX:
                raise too_wide(limits.QUERY_GROUPS_MAX, "steps")
            known = self.sums[step] = Sum(entry=found.entry)
        known.amount += found.amount
        known.count += 1
        if found.at is not None:
            known.first = found.at if known.first is None else min(known.first, found.at)
            known.last = found.at if known.last is None else max(known.last, found.at)

    def _steps(self, spot: Spot, since: At | None) -> Iterator[Found]:
        match spot.kind, self._back:
            case "fund", False:
                yield from self._lines_of(spot.name)
            case "line", False:
                yield from self._awards_of(spot.name)
            case "award", False:
                yield from self._paid_by(spot.name)
            case "voucher", False:
                yield from self._payments_of(voucher_of(spot.name))
            case "voucher", True:
                yield from self._behind_voucher(voucher_of(spot.name))
            case "account", False:
                yield from self._onward(spot, since)
            case "account", True:
                yield from self._backward(spot, since)
            case "award", True:
                yield from self._behind_award(spot.name)
            case "line", True:
                yield from self._behind_line(spot.name)
            case "fund", True:
                yield from self._behind_fund(spot.name)

    def _look_at(self) -> None:
        self._looked_at += 1
        if self._looked_at > limits.QUERY_MOVEMENTS_MAX:
            raise too_wide(limits.QUERY_MOVEMENTS_MAX, "movements")

    # rows of the state

    def _asset_of_fund(self, code: str) -> str:
        fund = FUNDS.read(self._moment.state, code)
        row = None if fund is None else TREASURIES.read(self._moment.state, fund.treasury)
        return "" if row is None else row.asset

    def _lines_of(self, fund: str) -> Iterator[Found]:
        asset, prefix = self._asset_of_fund(fund), f"{fund}:".encode("ascii")
        rows = BUDGET_LINES.scan(
            self._moment.state, prefix=prefix, limit=limits.QUERY_GROUPS_MAX + 1
        )
        for key, row in rows:
            self._look_at()
            code = key.decode("ascii")
            if row.allotted:
                entry = f"state/{BUDGET_LINES.name}/{key.hex()}"
                yield Found(Relation.ALLOTS, Spot(LINE, code), row.allotted, asset, None, entry)

    def _awards_of(self, line: str) -> Iterator[Found]:
        asset = self._asset_of_fund(parts_of(line).fund)
        for code, amount in self._awards.get(line, ()):
            entry = f"state/{AWARDS.name}/{AWARDS.key(code).hex()}"
            yield Found(Relation.OBLIGATES, Spot(AWARD, code), amount, asset, None, entry)

    @cached_property
    def _awards(self) -> dict[str, list[tuple[str, int]]]:
        """Code and amount of every award, by the line that it draws on; read once."""
        found: dict[str, list[tuple[str, int]]] = {}
        for key, award in AWARDS.scan(self._moment.state, limit=limits.QUERY_MOVEMENTS_MAX + 1):
            self._look_at()
            found.setdefault(award.line, []).append((key.decode("ascii"), award.amount))
        return found

    def _behind_award(self, code: str) -> Iterator[Found]:
        award = AWARDS.read(self._moment.state, code)
        if award is not None:
            entry = f"state/{AWARDS.name}/{AWARDS.key(code).hex()}"
            asset = self._asset_of_fund(parts_of(award.line).fund)
            to = Spot(LINE, award.line)
            yield Found(Relation.OBLIGATES, to, award.amount, asset, None, entry)

    def _behind_voucher(self, key: VoucherKey) -> Iterator[Found]:
        voucher = VOUCHERS.read(self._moment.state, key)
        award = None if voucher is None else AWARDS.read(self._moment.state, voucher.award)
        if voucher is not None and award is not None:
            entry = f"state/{VOUCHERS.name}/{VOUCHERS.key(key).hex()}"
            asset = self._asset_of_fund(parts_of(award.line).fund)
            to = Spot(AWARD, voucher.award)
            yield Found(Relation.CERTIFIES, to, voucher.amount, asset, None, entry)

    def _behind_line(self, code: str) -> Iterator[Found]:
        row, fund = BUDGET_LINES.read(self._moment.state, code), parts_of(code).fund
        if row is not None:
            entry = f"state/{BUDGET_LINES.name}/{BUDGET_LINES.key(code).hex()}"
            asset = self._asset_of_fund(fund)
            yield Found(Relation.ALLOTS, Spot(FUND, fund), row.allotted, asset, None, entry)

    def _behind_fund(self, code: str) -> Iterator[Found]:
        fund = FUNDS.read(self._moment.state, code)
        row = None if fund is None else TREASURIES.read(self._moment.state, fund.treasury)
        if fund is not None and row is not None:
            entry = f"state/{FUNDS.name}/{FUNDS.key(code).hex()}"
            to = Spot(ACCOUNT, row.legislature.hex())
            yield Found(Relation.APPROPRIATES, to, fund.appropriated, row.asset, None, entry)

    # what an award paid

    def _paid_by(self, code: str) -> Iterator[Found]:
        award = AWARDS.read(self._moment.state, code)
        if award is None:
            return
        prefix = AWARDS.key(code) + b":"
        rows = AWARD_VOUCHERS.scan(
            self._moment.state, prefix=prefix, limit=limits.QUERY_MOVEMENTS_MAX
        )
        for _, listed in rows:
            self._look_at()
            yield from self._payments_of(VoucherKey(listed.payee, listed.invoice), code)
        yield from self._tokens_of(code, award)

    def _payments_of(self, key: VoucherKey, of: str | None = None) -> Iterator[Found]:
        """What paid an invoice, under an award: to its payee, and to the payee's creditors."""
        voucher = VOUCHERS.read(self._moment.state, key)
        if voucher is None or voucher.paid_in is None or of not in (None, voucher.award):
            return
        place = self._moment.store.find_transaction(voucher.paid_in)
        assert place is not None, "all that is kept is indexed"
        for entry, event in enumerate(self._moment.receipt(place).events):
            movement, reference = event.moves(), reference_of(event)
            if movement is None or not _is_payment_of(voucher.reference, reference):
                continue
            if movement.payer in self._treasuries:
                lot = lot_of(movement.payer, reference)
                to = Spot(ACCOUNT, movement.to.hex(), movement.asset, lot)
                yield Found(Relation.PAYS, to, movement.amount, movement.asset, At(place, entry))

    def _tokens_of(self, code: str, award: Award) -> Iterator[Found]:
        if award.recipient is None:
            return
        for place, passage in self._passages(award.recipient, None):
            if passage.kind is MovementKind.ISSUED and passage.other in self._treasuries:
                at = At(place, passage.entry)
                event = self._event(at)
                if isinstance(event, AwardTokenised) and event.award == code:
                    to = Spot(ACCOUNT, award.recipient.hex(), event.token)
                    yield Found(Relation.TOKENISES, to, event.amount, event.token, at)

    # what an account got and gave

    def _passages(
        self, account: AccountId, since: At | None
    ) -> Iterator[tuple[TransactionPlace, Passage]]:
        """Movements of an account, oldest first; those at or behind a place."""
        for place, moved in self._moment.movements(account, since=since and since.place):
            for passage in passages(moved):
                self._look_at()
                yield place, passage

    def _onward(self, spot: Spot, since: At | None) -> Iterator[Found]:
        account = AccountId(bytes.fromhex(spot.name))
        if account in self._treasuries:
            return
        lot = None if spot.lot is None else lot_digest(spot.lot)
        for place, passage in self._passages(account, since):
            if not passage.outgoing or passage.asset != spot.asset:
                continue
            if lot is not None and passage.lot != lot:
                continue
            at = At(place, passage.entry)
            if since is not None and at <= since:
                continue
            if passage.kind is MovementKind.PAID:
                to = Spot(ACCOUNT, passage.other.hex(), spot.asset, spot.lot)
                yield Found(Relation.PASSES_ON, to, passage.amount, spot.asset, at)
            elif passage.other in self._treasuries:
                event = self._event(at)
                if isinstance(event, TokensRedeemed):
                    to = Spot(AWARD, event.award)
                    yield Found(Relation.REDEEMS, to, passage.amount, spot.asset, at)

    def _backward(self, spot: Spot, until: At | None) -> Iterator[Found]:
        account = AccountId(bytes.fromhex(spot.name))
        lot = None if spot.lot is None else lot_digest(spot.lot)
        first = None if spot.lot is None else self.at_payment(spot.lot)
        for place, passage in self._passages(account, None):
            at = At(place, passage.entry)
            if until is not None and at >= until:
                return
            if passage.outgoing or passage.asset != spot.asset:
                continue
            if lot is None or passage.lot == lot or (first is not None and first[1] == at):
                yield self._came(spot, at, passage)

    def _came(self, spot: Spot, at: At, passage: Passage) -> Found:
        """Where a movement to an account came from."""
        event = self._event(at)
        if isinstance(event, AwardTokenised):
            to = Spot(AWARD, event.award)
            return Found(Relation.TOKENISES, to, passage.amount, spot.asset, at)
        if passage.other in self._treasuries:
            for told in self._moment.receipt(at.place).events:
                if isinstance(told, VoucherPaid) and _is_payment_of(
                    told.reference, reference_of(event)
                ):
                    to = Spot(AWARD, told.award)
                    return Found(Relation.PAYS, to, passage.amount, spot.asset, at)
        movement = event.moves()
        lot = None if movement is None else movement.lot
        to = Spot(ACCOUNT, passage.other.hex(), spot.asset, lot)
        paid = passage.kind is MovementKind.PAID
        relation = Relation.PASSES_ON if paid else Relation.ISSUES
        return Found(relation, to, passage.amount, spot.asset, at)

    def _event(self, at: At) -> Event:
        event: Event = self._moment.receipt(at.place).events[at.entry]
        return event

    # where a walk begins

    def at_payment(self, lot: str) -> tuple[Spot, At] | None:
        """The payee of a payment, and where it was paid; none, if there is no such payment."""
        first = self._overlay[REFERENCES].find(payment_of(lot))
        if first is None or first.to is None:
            return None
        place = self._moment.store.find_transaction(first.transaction)
        if place is None:  # genesis gave it, or it is newer than what is asked about
            return None
        for entry, event in enumerate(self._moment.receipt(place).events):
            movement = event.moves()
            if movement is not None and lot_of(movement.payer, reference_of(event)) == lot:
                return Spot(ACCOUNT, first.to.hex(), first.asset, lot), At(place, entry)
        return None


def reference_of(event: Event) -> str:
    """The reference that an event names; empty, if it has none."""
    return getattr(event, "reference", None) or ""


def voucher_of(name: str) -> VoucherKey:
    """The key of a voucher that is named PAYEE/INVOICE."""
    payee, _, invoice = name.partition("/")
    return VoucherKey(AccountId(bytes.fromhex(payee)), invoice)


def _is_payment_of(voucher: str, reference: str) -> bool:
    """Whether a payment is a voucher's: to its payee, or to one of the payee's creditors."""
    return reference == voucher or reference.startswith(f"{voucher}-")
