"""Every service, in one list. Adding a service is one module and one line here.

What a module defines is known by this alone: its operations, refusals, events and tables. The
unions give the wire its known operations, receipts their known refusals and events; below the
ledger nobody needs them.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, Union, final

from ledger import (
    accounts,
    agenda,
    appointments,
    assets,
    books,
    calls,
    cases,
    charters,
    checkpoints,
    delegations,
    evidence,
    flows,
    holds,
    intents,
    kinds,
    lots,
    membership,
    motions,
    norms,
    observers,
    offices,
    parameters,
    placeholders,
    policy,
    records,
    recoveries,
    restraints,
    roles,
    suspensions,
    tallies,
    validators,
    votes,
    window,
    worklist,
)
from ledger.calls import CALLS_FORM, Law
from ledger.operation import Duty, Event, Operation, Refusal
from ledger.query import Query
from ledger.receipt import Receipt
from ledger.state import Table
from ledger.transaction import Body, Transaction
from primitives.named import embed
from services import assembly, authority, casework, consent, money, registry, treasury
from services.authority import accounts as authority_accounts
from services.authority import bodies as authority_bodies
from services.authority import delegations as authority_delegations
from services.authority import norms as authority_norms
from services.authority import observers as authority_observers
from services.authority import offices as authority_offices
from services.authority import parameters as authority_parameters
from services.authority import recoveries as authority_recoveries
from services.authority import roles as authority_roles
from services.authority import validators as authority_validators
from services.casework import cases as casework_cases
from services.casework import queries as casework_queries
from services.casework import worklist as casework_worklist
from services.money import holds as money_holds
from services.money import restraints as money_restraints
from services.registry import kinds as registry_kinds
from services.registry import records as registry_records
from services.registry import stamps as registry_stamps
from services.treasury import amendments as treasury_amendments
from services.treasury import awards as treasury_awards
from services.treasury import chart as treasury_chart
from services.treasury import closing as treasury_closing
from services.treasury import counts as treasury_counts
from services.treasury import deliveries as treasury_deliveries
from services.treasury import depreciation as treasury_depreciation
from services.treasury import disposals as treasury_disposals
from services.treasury import funds as treasury_funds
from services.treasury import grants as treasury_grants
from services.treasury import holdings as treasury_holdings
from services.treasury import lines as treasury_lines
from services.treasury import payments as treasury_payments
from services.treasury import period as treasury_period
from services.treasury import queries as treasury_queries
from services.treasury import queries_awards as treasury_queries_awards
from services.treasury import queries_holdings as treasury_queries_holdings
from services.treasury import queries_payments as treasury_queries_payments
from services.treasury import returns as treasury_returns
from services.treasury import treasuries as treasury_treasuries
from services.treasury import vouchers as treasury_vouchers
from services.treasury import warrants as treasury_warrants
from services.treasury import withdrawals as treasury_withdrawals

T = TypeVar("T")


@final
@dataclass(frozen=True)
class Service:
    """A name, which begins the tag of all that its modules define; its docstring says what for."""

    package: ModuleType
    modules: tuple[ModuleType, ...]

    @property
    def name(self) -> str:
        """The word before the dot of its tags."""
        return self.package.__name__.rpartition(".")[2]


def _single(module: ModuleType) -> Service:
    return Service(module, (module,))


SERVICES: Final = (
    Service(
        authority,
        (
            authority_accounts,
            authority_recoveries,
            authority_delegations,
            authority_roles,
            authority_bodies,
            authority_offices,
            authority_norms,
            authority_parameters,
            authority_validators,
            authority_observers,
        ),
    ),
    Service(money, (money, money_holds, money_restraints)),
    _single(consent),
    Service(casework, (casework_cases, casework_queries, casework_worklist)),
    Service(registry, (registry_kinds, registry_records, registry_stamps)),
    _single(assembly),
    Service(
        treasury,
        (
            treasury_treasuries,
            treasury_funds,
            treasury_lines,
            treasury_warrants,
            treasury_awards,
            treasury_amendments,
            treasury_deliveries,
            treasury_vouchers,
            treasury_payments,
            treasury_returns,
            treasury_grants,
            treasury_closing,
            treasury_queries,
            treasury_queries_awards,
            treasury_queries_payments,
            treasury_chart,
            treasury_period,
            treasury_holdings,
            treasury_depreciation,
            treasury_disposals,
            treasury_counts,
            treasury_withdrawals,
            treasury_queries_holdings,
        ),
    ),
)
KERNEL: Final[tuple[ModuleType, ...]] = (
    accounts,
    recoveries,
    delegations,
    roles,
    appointments,
    assets,
    policy,
    intents,
    kinds,
    records,
    books,
    lots,
    holds,
    restraints,
    checkpoints,
    calls,
    agenda,
    charters,
    tallies,
    motions,
    votes,
    membership,
    validators,
    suspensions,
    observers,
    evidence,
    parameters,
    norms,
    offices,
    window,
    flows,
    placeholders,
    cases,
    worklist,
)
"""The parts that services are composed of; they have refusals, events and tables of their own."""

_MODULES: Final = (*KERNEL, *(module for service in SERVICES for module in service.modules))


def _classes(base: type[T]) -> Iterator[type[T]]:
    for module in _MODULES:
        for member in vars(module).values():
            if (
                inspect.isclass(member)
                and issubclass(member, base)
                and member.__module__ == module.__name__
            ):
                yield member


def _tables(modules: tuple[ModuleType, ...]) -> Iterator[Table[Any, Any]]:
    for module in modules:
        for member in vars(module).values():
            if isinstance(member, Table):
                yield member


OPERATIONS: Final = tuple(_classes(Operation))
REFUSALS: Final = tuple(_classes(Refusal))
EVENTS: Final = tuple(_classes(Event))
DUTIES: Final = tuple(_classes(Duty))
QUERIES: Final = tuple(_classes(Query))
"""What can be asked of the state; what needs the history is in `node.reports`."""
TABLES: Final = tuple(dict.fromkeys(_tables(_MODULES)))
"""Of the kernel, below number 64, and of the services."""

if TYPE_CHECKING:
    # What a checker knows of the members is their base.
    Operations: TypeAlias = Operation
    Refusals: TypeAlias = Refusal
    Events: TypeAlias = Event
else:
    Operations = Union[OPERATIONS]  # noqa: UP007 - a union of a tuple has no other spelling
    Refusals = Union[REFUSALS]  # noqa: UP007
    Events = Union[EVENTS]  # noqa: UP007

LAW: Final = Law(Union[OPERATIONS], Union[DUTIES])  # noqa: UP007
"""What `BlockRun` executes."""
embed(CALLS_FORM, LAW.calls)

BODY: Final[Any] = Body[Operations]
TRANSACTION: Final[Any] = Transaction[Operations]
"""The kind that `check_transaction` decodes."""
RECEIPT: Final[Any] = Receipt[Refusals, Events]
