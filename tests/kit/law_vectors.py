"""Golden specimens of the law: parameters, norms, bodies, offices."""

import hashlib

from kit.ledger import GOVERNING
from ledger.charters import Charter
from ledger.norms import (
    ActedUnder,
    BoundTwice,
    NeverInForce,
    NoNormInForce,
    NormOver,
    NotBindable,
    NotBound,
    TooManyGrounds,
    UnknownNorm,
    VersionWaits,
)
from ledger.offices import (
    ByAppointment,
    NotTheAppointer,
    OfficeExists,
    UnknownOffice,
)
from ledger.operation import Event, Operation, Refusal
from ledger.parameters import (
    HeartbeatTooShort,
    MinimumNotReached,
    NotTheGovernor,
    ParameterChange,
    ParameterName,
    ParameterOutOfRange,
    ParameterTwice,
    TimeoutsReversed,
)
from primitives.ids import AccountId, Digest, Height, TimeMs
from services.authority.bodies import BodyFounded, FoundBody
from services.authority.norms import (
    EnactNorm,
    FreeOperation,
    NormEnacted,
    NormRepealed,
    OperationFreed,
    RepealNorm,
)
from services.authority.offices import (
    AbolishOffice,
    Appoint,
    Appointed,
    CreateOffice,
    Dismiss,
    Dismissed,
    OfficeAbolished,
    OfficeCreated,
)
from services.authority.parameters import ParameterChanged, SetParameters

_TEXT = Digest(hashlib.sha256(b"text of a law").digest())
_A = AccountId(hashlib.sha256(b"somebody").digest())
_G = AccountId(hashlib.sha256(b"governor").digest())
_FROM, _UNTIL = TimeMs(1_780_000_000_000), TimeMs(1_811_536_000_000)
_LAW = "law/2026/12"

TRANSACTIONS: dict[str, tuple[list[tuple[str, Operation]], list[str]]] = {
    "what the governor decides": (
        [
            (
                "governor",
                SetParameters(
                    (
                        ParameterChange(ParameterName.HEARTBEAT_MS, 30_000),
                        ParameterChange(ParameterName.MINIMUM_VALIDATORS, 5),
                    )
                ),
            ),
            (
                "governor",
                EnactNorm(_LAW, _TEXT, _FROM, _UNTIL, ("money.issue", "parameters.t0_ms")),
            ),
            ("governor", EnactNorm("constitution", _TEXT, None, None, ())),
            ("governor", RepealNorm(_LAW)),
            ("governor", FreeOperation("money.issue")),
        ],
        ["governor"],
    ),
    "a body and its office": (
        [
            ("registrar", FoundBody(_G, "Council", Charter((GOVERNING,)))),
            ("registrar", FoundBody(None, "", Charter((GOVERNING,)))),
            ("governor", CreateOffice(_G, "chair", _A)),
            ("works", Appoint(_G, "chair", _A, _UNTIL, _TEXT)),
            ("works", Appoint(_G, "chair", _A, None, None)),
            ("works", Dismiss(_G, "chair", _A, _TEXT)),
            ("governor", AbolishOffice(_G, "chair")),
        ],
        ["governor", "registrar", "works"],
    ),
}
REFUSED: list[Refusal] = [
    NotTheGovernor(_A, _G),
    NotTheGovernor(_A, None),
    ParameterOutOfRange(ParameterName.DRIFT_MS, 0, 1, 86_400_000),
    ParameterTwice(ParameterName.T0_MS),
    TimeoutsReversed(2_000, 1_000),
    HeartbeatTooShort(2_000, 1_000),
    MinimumNotReached(4, 5),
    NoNormInForce("money.issue", _UNTIL),
    UnknownNorm(_LAW),
    NormOver(_LAW, 2, _UNTIL),
    NeverInForce(_LAW, _UNTIL, _FROM),
    VersionWaits(_LAW, 2, _UNTIL),
    BoundTwice(_LAW, "money.issue"),
    NotBindable("authority.enact_norm"),
    TooManyGrounds("money.issue", 8),
    NotBound("money.issue"),
    OfficeExists(_G, "chair", _A),
    UnknownOffice(_G, "chair"),
    NotTheAppointer(_G, _G, "chair", _A),
    ByAppointment(_G, "chair", _A),
]
HAPPENED: list[Event] = [
    ParameterChanged(Height(8), ParameterName.HEARTBEAT_MS, 30_000, 60_000),
    NormEnacted(_LAW, 1, _TEXT, _FROM, _UNTIL),
    NormEnacted(_LAW, 2, _TEXT, _UNTIL, None),
    NormRepealed(_LAW, 2),
    OperationFreed("money.issue"),
    ActedUnder("money.issue", _LAW, 1),
    BodyFounded(_G, "Council"),
    OfficeCreated(_G, "chair", _A),
    OfficeAbolished(_G, "chair"),
    Appointed(_G, "chair", _A, _A, _UNTIL, _TEXT),
    Appointed(_G, "chair", _A, _A, None, None),
    Dismissed(_G, "chair", _A, _A, None),
]
