"""A desk of a ministry: a home with the keys of its officers, and a node that serves its chain."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from client.client import Client, check_applied
from kit.api import ChainOfOne
from kit.desk import Desk, served, write_home
from kit.ledger import GBP, account_id, key
from kit.treasury import (
    AGENCY,
    DAY,
    FUND,
    INTEREST_BP,
    LINE,
    MINISTRY,
    MONEY,
    OF_THE_AGENCY,
    OF_THE_TREASURY,
    OTHERS,
    QUARTER,
    THRESHOLD,
    a_delivery,
    a_fund,
    a_warrant,
    an_award,
    pay_in,
    treasury_document,
)
from ledger.genesis import GenesisDocument
from ledger.operation import Operation
from ledger.transaction import Body, Call, sign_body
from primitives.ids import AccountId, TimeMs
from services.treasury import funds, lines, treasuries
from services.treasury.period import Day, day_of

NAMES = (*OF_THE_TREASURY, *OF_THE_AGENCY, *OTHERS)
_HALF_AN_HOUR_MS = 1_800_000


@dataclass
class Office:
    """Everybody's keys lie in one home; a command names whose it uses."""

    desk: Desk
    client: Client
    done: int = 0

    def does(self, actor: str, *operations: Operation, with_: tuple[str, ...] = ()) -> None:
        """Operations of one account, each in order, final and applied."""
        self._settle(account_id(actor), operations, (actor, *with_))

    def keeps(self, account: AccountId, *operations: Operation, keeper: str = AGENCY) -> None:
        """The same of an account without keys, by its keeper."""
        self._settle(account, operations, (keeper,))

    def _settle(
        self, actor: AccountId, operations: Sequence[Operation], signers: Sequence[str]
    ) -> None:
        chain = self.desk.chain
        self.done += 1
        body = Body(
            chain=chain.chain,
            valid_until=TimeMs(chain.store.head().header.time_ms + _HALF_AN_HOUR_MS),
            salt=self.done.to_bytes(16, "big"),
            calls=tuple(Call(actor, each) for each in operations),
        )
        signed = sign_body(body, [key(name) for name in signers])
        check_applied(self.client.settle(signed))

    @property
    def today(self) -> Day:
        """The day of the newest block."""
        return day_of(self.desk.chain.store.head().header.time_ms)

    @property
    def month(self) -> str:
        """Its month."""
        return self.today[:7]


def _not_before_midnight() -> TimeMs:
    """Now, or a little while ago: a test happens on one day."""
    now = time.time_ns() // 1_000_000
    return TimeMs(now - 300_000 if now % DAY > DAY - 180_000 else now)


@contextmanager
def treasury_desk(home: Path, document: GenesisDocument | None = None) -> Iterator[Office]:
    """A treasury whose award `ROAD-7` to the vendor has one accepted delivery."""
    founded = document or treasury_document()
    # The command line's clock is the real one, so the chain must live today.
    chain = ChainOfOne(document=replace(founded, time_ms=_not_before_midnight()))
    with served(home, chain) as at, Client([at.url]) as client:
        write_home(home, chain.genesis, NAMES)
        office = Office(at, client)
        office.does(
            MINISTRY,
            treasuries.OpenTreasury(
                asset=GBP,
                legislature=account_id("parliament"),
                payment_threshold=THRESHOLD,
                payment_officers=2,
                interest_bp=INTEREST_BP,
            ),
            pay_in(MONEY),
        )
        office.does("budgeter", a_fund())
        office.does("parliament", funds.Appropriate(FUND, MONEY, None))
        office.does("budgeter", funds.Apportion(FUND, QUARTER, MONEY))
        office.does("allotter", lines.Allot(LINE, MONEY), a_warrant("contractor"))
        office.does("contractor", an_award())
        office.does("receiver", a_delivery(office.today))
        yield office
