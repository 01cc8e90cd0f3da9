"""Counts: somebody who does not keep the things goes and looks.

A **count** is a campaign of an agency, with a code such as 2026-autumn. In it each holding is found
or not, once, by whoever has the role stock_counter and is not its custodian. What was not found is
**missing** until a later count finds it or the property board writes it off as lost. The
reconciliation of a count lists everything that the register has against what was seen of it.
"""

from enum import Enum, unique
from typing import Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct
from msgspec.structs import replace

from ledger.act import Act
from ledger.operation import Event, Operation, Refusal
from ledger.state import Table
from primitives import treasury_limits
from primitives.ids import AccountId, Digest, Natural, Sized32, TimeMs
from services.treasury import offices, rolling
from services.treasury.awards import Place
from services.treasury.holdings import (
    HOLDING_BOOK,
    AgencyField,
    Commitment,
    HoldingKey,
    HoldingStatus,
    HoldingTag,
    TagField,
    need_kept,
)

CountCode = Annotated[
    str,
    Meta(pattern=r"^[a-z0-9][a-z0-9-]*(?!\n)$", max_length=treasury_limits.COUNT_CODE_LENGTH_MAX),
]
CountField = Annotated[CountCode, Meta(description="code of the count, such as 2026-autumn")]


@unique
class Finding(Enum):
    """What a counter found."""

    SEEN = "seen"
    MISSING = "missing"


@final
class Count(Struct, array_like=True, frozen=True):
    """The row of a count, with how much was counted so far."""

    opened_ms: Natural[TimeMs]
    opener: Sized32[AccountId]
    seen: Natural[int]
    missing: Natural[int]


@final
class CountEntry(Struct, array_like=True, frozen=True):
    """The row of a holding in a count: what was found, where, by whom, and who keeps it."""

    finding: Finding
    counter: Sized32[AccountId]
    custodian: Sized32[AccountId]
    place: Place | None
    record: Sized32[Digest] | None
    counted_ms: Natural[TimeMs]


class CountKey(NamedTuple):
    """What a count is found by."""

    agency: AccountId
    campaign: CountCode


class EntryKey(NamedTuple):
    """What is found of one holding in one count."""

    agency: AccountId
    campaign: CountCode
    holding: HoldingTag


def _count_key(key: CountKey) -> bytes:
    return key.agency + key.campaign.encode("ascii")


def _entry_key(key: EntryKey) -> bytes:
    return entries_of(CountKey(key.agency, key.campaign)) + key.holding.encode("ascii")


def entries_of(key: CountKey) -> bytes:
    """How the keys of all entries of a count begin."""
    return _count_key(key) + b":"


COUNTS: Final = Table[CountKey, Count](93, "holding_counts", _count_key, Count)
COUNT_ENTRIES: Final = Table[EntryKey, CountEntry](91, "count_entries", _entry_key, CountEntry)


class UnknownCount(Refusal, tag="treasury.unknown_count", frozen=True):
    """{agency} has no count {campaign}."""

    agency: Sized32[AccountId]
    campaign: CountCode


class CountInUse(Refusal, tag="treasury.count_in_use", frozen=True):
    """{agency} has a count {campaign} already."""

    agency: Sized32[AccountId]
    campaign: CountCode


class OwnHolding(Refusal, tag="treasury.own_holding", frozen=True):
    """{account} keeps holding {holding}, so somebody else must count it."""

    holding: HoldingTag
    account: Sized32[AccountId]


class CountedAlready(Refusal, tag="treasury.counted_already", frozen=True):
    """Holding {holding} was counted in {campaign} already, by {counter}: {finding}."""

    campaign: CountCode
    holding: HoldingTag
    counter: Sized32[AccountId]
    finding: Finding


@final
class CountOpened(Event, tag="treasury.count_opened", frozen=True):
    """{opener} opened count {campaign} of the holdings of {agency}."""

    agency: Sized32[AccountId]
    campaign: CountCode
    opener: Sized32[AccountId]


@final
class HoldingCounted(Event, tag="treasury.holding_counted", frozen=True):
    """{counter} counted holding {holding} of {agency} in {campaign}: {finding}."""

    agency: Sized32[AccountId]
    campaign: CountCode
    holding: HoldingTag
    finding: Finding
    counter: Sized32[AccountId]
    custodian: Sized32[AccountId]
    place: Place | None
    record: Sized32[Digest] | None


@final
class OpenCount(Operation, tag="treasury.open_count", frozen=True):
    """Open a count of an agency's holdings. Needs the role stock_counter for the agency."""

    agency: AgencyField
    campaign: CountField

    def apply(self, act: Act) -> None:
        """Write it, with nothing counted."""
        key = CountKey(self.agency, self.campaign)
        act.require_role(offices.STOCK_COUNTER, self.agency)
        act.require(key not in act.state[COUNTS], CountInUse(*key))

        act.state[COUNTS][key] = Count(act.time_ms, act.actor, 0, 0)
        act.emit(CountOpened(*key, act.actor))


@final
class CountHolding(Operation, tag="treasury.count_holding", frozen=True):
    """Say of a holding whether it was found, and where. What was not found is missing.

    Needs the role stock_counter for the agency; who keeps the holding cannot count it.
    """

    agency: AgencyField
    campaign: CountField
    holding: TagField
    finding: Annotated[Finding, Meta(description="whether it is there")]
    place: Annotated[Place | None, Meta(description="where it was found, as in ISO 3166-2")]
    record: Commitment

    def apply(self, act: Act) -> None:
        """Write what was found, and how the holding stands now."""
        key = CountKey(self.agency, self.campaign)
        entry, held = EntryKey(*key, self.holding), HoldingKey(self.agency, self.holding)
        act.require_role(offices.STOCK_COUNTER, self.agency)
        count = act.state[COUNTS].need(key, UnknownCount(*key))
        holding = need_kept(act.state, held)
        act.require(act.actor != holding.custodian, OwnHolding(self.holding, act.actor))
        known = act.state[COUNT_ENTRIES].find(entry)
        if known is not None:
            act.refuse(CountedAlready(self.campaign, self.holding, known.counter, known.finding))

        seen = self.finding is Finding.SEEN
        act.state[COUNT_ENTRIES][entry] = CountEntry(
            finding=self.finding,
            counter=act.actor,
            custodian=holding.custodian,
            place=self.place,
            record=self.record,
            counted_ms=act.time_ms,
        )
        act.state[COUNTS][key] = replace(
            count, seen=count.seen + seen, missing=count.missing + (not seen)
        )
        status = HoldingStatus.IN_USE if seen else HoldingStatus.MISSING
        if holding.status is not status:
            rolling.write(act, HOLDING_BOOK, held, replace(holding, status=status))
        act.emit(
            HoldingCounted(
                agency=self.agency,
                campaign=self.campaign,
                holding=self.holding,
                finding=self.finding,
                counter=act.actor,
                custodian=holding.custodian,
                place=self.place,
                record=self.record,
            )
        )
