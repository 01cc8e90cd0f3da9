"""Builders for bodies that decide: a council of five, shareholders, charters and motions."""

from collections.abc import Mapping, Sequence
from typing import Any, Union

from kit.ledger import Chain, account_id, genesis_account, genesis_document
from ledger import appointments, charters
from ledger.accounts import Account, AccountKind, open_account
from ledger.act import Act
from ledger.calls import NO_CALLS, Law
from ledger.charters import MEMBER, Charter, Procedure, Weighing
from ledger.genesis import GenesisAccount
from ledger.motions import MOTIONS, Motion, Option
from ledger.operation import Operation, Refusal
from ledger.receipt import Receipt
from ledger.roles import REGISTRAR, ROLE_DEFINITIONS, RoleDefinition, RoleKey
from ledger.tallies import TALLIES, MotionId, Tally
from ledger.transaction import Call, Transaction
from ledger.votes import BALLOTS, Ballot, BallotKey
from primitives.codec import encode
from primitives.ids import AccountId, Digest, Sized32, TimeMs
from services.assembly import MotionOpened, OpenMotion, Vote
from services.money import DefineAsset, Issue
from services.table import OPERATIONS

BODY = account_id("council")
SHARES = "SHARES"
VOTERS = ("ann", "bob", "cem", "dua", "eva")
TEXT = Digest(b"t" * 32)
YES = Option("yes", NO_CALLS)


def procedure(code: str = "ordinary", **fields: Any) -> Procedure:  # noqa: ANN401
    """One vote each among the members, half of them, a simple majority; no veto, no timelock."""
    values: dict[str, Any] = {
        "opener": None,
        "electorate": MEMBER,
        "weighing": Weighing.ONE,
        "asset": None,
        "quorum_bp": 5_000,
        "pass_bp": 5_000,
        "veto_bp": None,
        "least_ms": 1_000,
        "timelock_ms": 0,
        "guardian": None,
        "operations": None,
    }
    return Procedure(code, **{**values, **fields})


def shareholders(code: str = "shares", **fields: Any) -> Procedure:  # noqa: ANN401
    """Whoever holds shares, by their number."""
    by = {"electorate": None, "weighing": Weighing.ASSET, "asset": SHARES}
    return procedure(code, **{**by, **fields})


def roots(code: str = "roots", **fields: Any) -> Procedure:  # noqa: ANN401
    """Members by the square root of their shares."""
    return procedure(code, **{"weighing": Weighing.QUADRATIC, "asset": SHARES, **fields})


def charter_of(*procedures: Procedure) -> Charter:
    """A charter of these; without any, of the ordinary one."""
    return Charter(procedures or (procedure(),))


class Found(Operation, tag="test.found", frozen=True):
    """Make a body; there are members from now on."""

    body: Sized32[AccountId]
    charter: Charter

    def apply(self, act: Act) -> None:
        row = Account(AccountKind.BODY, 0, (), "Council", None, 0, act.height)
        open_account(act, self.body, row)
        act.state[ROLE_DEFINITIONS][MEMBER] = RoleDefinition(REGISTRAR, None, None, ())
        charters.set_charter(act, self.body, self.charter)


class Join(Operation, tag="test.join", frozen=True):
    """Become a member, until a time."""

    body: Sized32[AccountId]
    until_ms: TimeMs | None = None

    def apply(self, act: Act) -> None:
        appointments.appoint(act, RoleKey(MEMBER, self.body, act.actor), self.until_ms)


class Leave(Operation, tag="test.leave", frozen=True):
    """Be a member no longer."""

    body: Sized32[AccountId]

    def apply(self, act: Act) -> None:
        appointments.dismiss(act, RoleKey(MEMBER, self.body, act.actor))


_KNOWN: Any = Law(Union[(*OPERATIONS, Found, Join, Leave)], None)
KIND: Any = Transaction[_KNOWN.operations]


def council(
    *procedures: Procedure,
    members: tuple[str, ...] = VOTERS,
    shares: Mapping[str, int] | None = None,
    accounts: Sequence[GenesisAccount] = (),
) -> Chain:
    """A chain with a body, its members since block 1, and shares since block 1."""
    voters = [genesis_account(name, kind=AccountKind.PERSON) for name in VOTERS]
    chain = Chain.begin(genesis_document(accounts=[*voters, *accounts]))
    chain.kind = KIND
    held = {"treasury": 100} if shares is None else shares
    issued = (Issue(SHARES, account_id(to), held[to], f"issue {to}") for to in held)
    receipts = chain.block(
        chain.act(
            "treasury", DefineAsset(SHARES, 0, snapshots=True, earmark=(), expires_ms=None), *issued
        ),
        chain.act("health", Found(BODY, charter_of(*procedures))),
        *(chain.act(name, Join(BODY)) for name in members),
    )
    assert not [receipt.refusal for receipt in receipts if receipt.refusal]
    return chain


def calls_of(*calls: tuple[AccountId, Operation]) -> bytes:
    """What a motion stores of calls."""
    return encode(tuple(Call(actor, operation) for actor, operation in calls))


def motion_of(
    chain: Chain,
    code: str = "ordinary",
    *,
    closes_in_ms: int = 10_000,
    options: tuple[Option, ...] = (YES,),
) -> OpenMotion:
    """An operation that opens a motion in the next block."""
    closes = TimeMs(chain.time_ms + 1_000 + closes_in_ms)
    return OpenMotion(BODY, code, TEXT, options, closes)


def opened(chain: Chain, code: str = "ordinary", *, by: str = "ann", **fields: Any) -> MotionId:  # noqa: ANN401
    """The id of a motion that was opened in a block of its own."""
    (receipt,) = chain.block(chain.act(by, motion_of(chain, code, **fields)))
    return motion_in(receipt)


def motion_in(receipt: Receipt[Any, Any]) -> MotionId:
    """The motion that a receipt says was opened."""
    assert receipt.refusal is None, receipt.refusal
    (event,) = [event for event in receipt.events if isinstance(event, MotionOpened)]
    return event.motion


def does(chain: Chain, actor: str, *operations: Operation) -> Refusal | None:
    """In a block of its own; why not."""
    (receipt,) = chain.block(chain.act(actor, *operations))
    refusal: Refusal | None = receipt.refusal
    return refusal


def votes(chain: Chain, motion: MotionId, **choices: str) -> None:
    """Each votes, in one block."""
    receipts = chain.block(*(chain.act(n, Vote(motion, c)) for n, c in choices.items()))
    assert not [receipt.refusal for receipt in receipts if receipt.refusal]


def wait_until(chain: Chain, time_ms: int) -> None:
    """Blocks until the time of the last one is not earlier."""
    chain.time_ms = TimeMs(max(chain.time_ms, time_ms - 1_000))
    chain.block()


def motion_row(chain: Chain, motion: MotionId) -> Motion:
    row = MOTIONS.read(chain.state, motion)
    assert row is not None
    return row


def tally_row(chain: Chain, motion: MotionId) -> Tally:
    row = TALLIES.read(chain.state, motion)
    assert row is not None
    return row


def counted(chain: Chain, motion: MotionId) -> dict[str, int]:
    """What each choice weighs, of those that weigh anything."""
    weights = zip(motion_row(chain, motion).choices, tally_row(chain, motion).weights, strict=True)
    return {choice: weight for choice, weight in weights if weight}


def ballot_row(chain: Chain, motion: MotionId, voter: str) -> Ballot | None:
    return BALLOTS.read(chain.state, BallotKey(motion, account_id(voter)))
