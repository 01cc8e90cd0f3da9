"""What the golden vectors hold of accounts and roles (K1)."""

from kit.actors import keys_of, new_role
from kit.ledger import GBP, account_id, key
from ledger.accounts import BodyHasNoKeys, JustChanged, NewKeysMustSign, NoKeysToChange
from ledger.appointments import TermEnded
from ledger.delegations import Allowance, AllowedTwice, KeyExpired, NotDelegated, OutOfTime
from ledger.operation import Event, Operation, Refusal
from ledger.recoveries import (
    ApprovedAlready,
    GuardiansOutOfReach,
    Lapsed,
    MayNotEnd,
    NoGuardians,
    NotAGuardian,
    NotRipe,
    NotUnderWay,
    OtherKeys,
    UnfitGuardian,
)
from ledger.roles import (
    Incompatible,
    IncompatibleWithItself,
    NeverEnds,
    TermOver,
    TermTooLong,
    TooManyHolders,
    TooManyIncompatible,
)
from primitives.ids import Height, TimeMs
from services.authority.accounts import BodyIsFounded, KeysChanged, RotateKeys
from services.authority.delegations import (
    DelegateKey,
    KeyDelegated,
    KeyWithdrawn,
    WithdrawKey,
)
from services.authority.recoveries import (
    ApproveRecovery,
    EndRecovery,
    FinishRecovery,
    GuardiansNamed,
    NameGuardians,
    OpenRecovery,
    RecoveryApproved,
    RecoveryEnded,
    RecoveryOpened,
)
from services.authority.roles import ResignRole

A, B, C = account_id("treasury"), account_id("health"), account_id("works")
TIME = TimeMs(1_780_000_000_000)
DAYS_3 = 72 * 3_600_000
TILL = key("till").public

TRANSACTIONS: dict[str, tuple[list[tuple[str, Operation]], list[str]]] = {
    "other keys for an account": (
        [("health", RotateKeys(2, keys_of("a", "b", "c")))],
        ["health", "a", "b"],
    ),
    "guardians, a recovery, and its end": (
        [
            ("treasury", NameGuardians((B, C), 2, DAYS_3)),
            ("health", OpenRecovery(A, 1, keys_of("new"))),
            ("works", ApproveRecovery(A, B, 1, keys_of("new"))),
            ("works", EndRecovery(A, B)),
            ("works", FinishRecovery(A, B)),
        ],
        ["treasury", "health", "works", "new"],
    ),
    "a key that pays a little": (
        [
            (
                "treasury",
                DelegateKey(
                    delegate=TILL,
                    operations=("money.transfer",),
                    allowances=(Allowance(GBP, 5_000, 20_000, 86_400_000),),
                    payees=(B,),
                    until_ms=TimeMs(TIME + DAYS_3),
                ),
            ),
            ("treasury", DelegateKey(TILL, ("registry.stamp_document",), (), None, TIME)),
            ("treasury", WithdrawKey(TILL)),
        ],
        ["treasury"],
    ),
    "roles with a limit and a term": (
        [
            ("registrar", new_role("payer", max_holders=2, max_term_ms=DAYS_3)),
            ("registrar", new_role("auditor", incompatible=("payer", "notary"))),
            ("registrar", ResignRole("payer", B)),
        ],
        ["registrar"],
    ),
}
REFUSED: list[Refusal] = [
    BodyHasNoKeys(A),
    NoKeysToChange(A),
    NewKeysMustSign(A),
    JustChanged(A, Height(7)),
    BodyIsFounded(),
    UnfitGuardian(A, B, "named_twice"),
    UnfitGuardian(A, A, "itself"),
    UnfitGuardian(A, B, "kept"),
    GuardiansOutOfReach(2, 3),
    NoGuardians(A),
    NotAGuardian(A, B),
    NotUnderWay(A, B),
    OtherKeys(A, B),
    ApprovedAlready(A, B),
    NotRipe(A, None, TIME),
    NotRipe(A, TIME, TimeMs(TIME - 1)),
    Lapsed(A, TIME),
    MayNotEnd(A, B),
    NotDelegated(A, TILL),
    AllowedTwice(TILL, GBP),
    OutOfTime(TIME, TimeMs(TIME + 1)),
    Incompatible("payer", B, A, "auditor"),
    IncompatibleWithItself("payer"),
    NeverEnds("registrar"),
    TermOver("payer", TIME),
    TermTooLong("payer", DAYS_3, TIME),
    TermTooLong("payer", DAYS_3, None),
    TooManyHolders("payer", None, 2),
    TooManyIncompatible("payer"),
]
HAPPENED: list[Event] = [
    KeysChanged(A),
    GuardiansNamed(A, 2, 2),
    RecoveryOpened(A, B),
    RecoveryApproved(A, B, C, TIME),
    RecoveryApproved(A, B, C, None),
    RecoveryEnded(A, B, A),
    KeyDelegated(A, TILL, TIME),
    KeyWithdrawn(A, TILL),
    KeyExpired(A, TILL),
    TermEnded("payer", B, A),
    TermEnded("payer", None, A),
]
