"""A network whose governor decides: parameters, norms, bodies, offices."""

from typing import Any, Union, final

from kit.ledger import Chain, account_id, genesis_document
from ledger.act import Act
from ledger.calls import Calls
from ledger.genesis import GenesisDocument
from ledger.norms import Draft
from ledger.operation import Operation
from ledger.receipt import Receipt
from ledger.transaction import Call, Transaction
from primitives.codec import encode
from primitives.ids import AccountId, Digest, Sized32, TimeMs
from services.authority.norms import EnactNorm
from services.money import Issue
from services.table import OPERATIONS

TEXT = Digest(b"\x07" * 32)
LAW = "law/2026/12"
ISSUE = "money.issue"
GOVERNOR = account_id("governor")


@final
class Decree(Operation, tag="test.decree", frozen=True):
    """Do what a body decides, without its motion: for tests of what it may decide."""

    body: Sized32[AccountId]
    calls: Calls

    def apply(self, act: Act) -> None:
        act.run(self.calls, authority=frozenset({self.body}))


_Operations: Any = Union[(*OPERATIONS, Decree)]
KIND: Any = Transaction[_Operations]


def governed(document: GenesisDocument | None = None) -> Chain:
    """A network in which `decide` works."""
    chain = Chain.begin(document or genesis_document())
    chain.kind = KIND
    return chain


def decide(chain: Chain, *operations: Operation, body: AccountId = GOVERNOR) -> Receipt[Any, Any]:
    """What came of operations that a body performs in the next block, all or none."""
    (receipt,) = chain.block(chain.act("works", Decree(body, calls_of(body, *operations))))
    return receipt


def calls_of(actor: AccountId, *operations: Operation) -> bytes:
    """Calls of one account, as they are kept."""
    return encode(tuple(Call(actor, operation) for operation in operations))


def issue(chain: Chain, reference: str) -> Receipt[Any, Any]:
    """What comes of making a penny in the next block."""
    made = Issue("GBP", account_id("works"), 1, reference)
    (receipt,) = chain.block(chain.act("treasury", made))
    return receipt


def law(
    *,
    norm: str = LAW,
    from_ms: int | None = None,
    until_ms: int | None = None,
    binds: tuple[str, ...] = (ISSUE,),
) -> EnactNorm:
    """A norm that binds the making of money, from its enactment on."""
    return EnactNorm(norm, TEXT, _time(from_ms), _time(until_ms), binds)


def draft(**fields: Any) -> Draft:  # noqa: ANN401 - as above
    """The same in a genesis document."""
    made = law(**fields)
    return Draft(made.norm, made.commitment, made.from_ms, made.until_ms, made.binds)


def _time(value: int | None) -> TimeMs | None:
    return None if value is None else TimeMs(value)
