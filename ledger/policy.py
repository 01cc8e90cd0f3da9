"""Policies: whose consent is needed before something happens (K2).

A policy is a list of **ways**, one of which must be gone ("or"). A way is a list of conditions that
must all hold ("and"). A condition is a number of consents: of named accounts, or of holders of a
role. Whatever is built of "and" and "or" can be written so, and nobody has to read brackets.

An account counts for one condition of a way, even if several would take it: "an engineer and an
auditor" are two people, also where one of them is both. Whether enough different accounts consent
is then a question of Hall's marriage theorem (Hall 1935): for every choice of conditions there are
at least as many consenting accounts that one of them would take as these ask for together.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, final

from msgspec import Meta, Struct

from ledger import roles
from ledger.accounts import ACCOUNTS, UnknownAccount
from ledger.operation import Refusal, Refused
from ledger.roles import ROLE_DEFINITIONS, Role, UnknownRole
from primitives import kernel_limits
from primitives.ids import AccountId, Natural, Sized32

if TYPE_CHECKING:
    from ledger.act import Act

Least = Annotated[int, Meta(ge=1, le=kernel_limits.POLICY_ACCOUNTS_MAX)]
ReasonCode = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9_]*(?!\n)$", max_length=kernel_limits.REASON_CODE_LENGTH_MAX)
]
"""Why, as a code that the agency publishes; words would be prose, and for ever."""


@final
class Signers(Struct, array_like=True, frozen=True, tag_field="condition", tag="signers"):
    """At least `least` of these accounts; all of them where that is their number."""

    least: Annotated[Least, Meta(description="how many of them must consent")]
    accounts: Annotated[
        tuple[Sized32[AccountId], ...],
        Meta(
            min_length=1,
            max_length=kernel_limits.POLICY_ACCOUNTS_MAX,
            description="accounts whose consent counts",
        ),
    ]


@final
class Holders(Struct, array_like=True, frozen=True, tag_field="condition", tag="holders"):
    """At least `least` holders of a role, for `scope` or for the network."""

    least: Annotated[Least, Meta(description="how many of them must consent")]
    role: Annotated[Role, Meta(description="role whose holders' consent counts")]
    scope: Annotated[
        Sized32[AccountId] | None, Meta(description="account it is held for; none is the network")
    ]


@final
class Way(Struct, array_like=True, frozen=True):
    """Conditions that must all hold."""

    conditions: Annotated[
        tuple[Signers | Holders, ...],
        Meta(
            min_length=1,
            max_length=kernel_limits.POLICY_CONDITIONS_MAX,
            description="all of these must hold; an account counts for one of them",
        ),
    ]


@final
class Policy(Struct, array_like=True, frozen=True):
    """Ways, one of which must be gone."""

    ways: Annotated[
        tuple[Way, ...],
        Meta(
            min_length=1,
            max_length=kernel_limits.POLICY_WAYS_MAX,
            description="one of these is enough",
        ),
    ]


class OutOfReach(Refusal, tag="policy.out_of_reach", frozen=True):
    """Way {way} of the policy asks for more different accounts than it names."""

    way: Natural[int]


class TooManyAccounts(Refusal, tag="policy.too_many_accounts", frozen=True):
    """The policy names {accounts} accounts, at most {most} are allowed."""

    accounts: Natural[int]
    most: Natural[int]


class NamedTwice(Refusal, tag="policy.named_twice", frozen=True):
    """Way {way} of the policy names account {account} twice in one condition."""

    way: Natural[int]
    account: Sized32[AccountId]


Fill = tuple[int, frozenset[AccountId]]
"""A condition: how many it asks for, and whom of those at hand it would take."""


def contradictions(policy: Policy) -> Iterator[Refusal]:
    """What about a policy cannot be, whoever exists."""
    named = sum(1 for _ in _accounts(policy))
    if named > kernel_limits.POLICY_ACCOUNTS_MAX:
        yield TooManyAccounts(named, kernel_limits.POLICY_ACCOUNTS_MAX)
    for number, way in enumerate(policy.ways):
        for condition in way.conditions:
            if isinstance(condition, Signers):
                first_seen: set[AccountId] = set()
                for account in condition.accounts:
                    if account in first_seen:
                        yield NamedTwice(number, account)
                    first_seen.add(account)
        if not _can_be_gone(way, frozenset()):
            yield OutOfReach(number)


def check(act: "Act", policy: Policy) -> None:
    """Whether a policy may be written down.

    Raises:
        Refused: it contradicts itself, or names an account or a role that does not exist.
    """
    for refusal in contradictions(policy):
        raise Refused(refusal)
    known = act.state[ACCOUNTS]
    for account in _accounts(policy):
        known.need(account, UnknownAccount(account))
    for condition in _conditions(policy):
        if isinstance(condition, Holders):
            act.state[ROLE_DEFINITIONS].need(condition.role, UnknownRole(condition.role))
            if condition.scope is not None:
                known.need(condition.scope, UnknownAccount(condition.scope))


def is_party(act: "Act", policy: Policy, account: AccountId) -> bool:
    """Whether the consent of an account would count now, for any condition."""
    return any(_takes(act, condition, account) for condition in _conditions(policy))


def met(act: "Act", policy: Policy, consenting: Sequence[AccountId]) -> bool:
    """Whether these accounts, none twice, are enough now."""
    return any(
        _can_fill(
            [
                (
                    condition.least,
                    frozenset(one for one in consenting if _takes(act, condition, one)),
                )
                for condition in way.conditions
            ]
        )
        for way in policy.ways
    )


def can_be_met(policy: Policy, refusing: frozenset[AccountId]) -> bool:
    """Whether a way is left without these accounts; a role may always get another holder."""
    return any(_can_be_gone(way, refusing) for way in policy.ways)


def _can_be_gone(way: Way, refusing: frozenset[AccountId]) -> bool:
    return _can_fill(
        [
            (condition.least, frozenset(condition.accounts) - refusing)
            for condition in way.conditions
            if isinstance(condition, Signers)
        ]
    )


def _can_fill(fills: Sequence[Fill]) -> bool:
    """Hall's theorem. Fifteen choices at the most: POLICY_CONDITIONS_MAX is 4."""
    return all(
        len(frozenset[AccountId]().union(*(takes for _, takes in chosen)))
        >= sum(least for least, _ in chosen)
        for size in range(1, len(fills) + 1)
        for chosen in combinations(fills, size)
    )


def _takes(act: "Act", condition: Signers | Holders, account: AccountId) -> bool:
    if isinstance(condition, Signers):
        return account in condition.accounts
    return roles.has_role(act, account, condition.role, condition.scope)


def _conditions(policy: Policy) -> Iterator[Signers | Holders]:
    for way in policy.ways:
        yield from way.conditions


def _accounts(policy: Policy) -> Iterator[AccountId]:
    for condition in _conditions(policy):
        if isinstance(condition, Signers):
            yield from condition.accounts
