"""Builders for changes of validators: READY of a new one, and the bodies that decide."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from kit.engines import Network, Node
from kit.ledger import Chain, account_id, genesis_account, genesis_document, key, validator_record
from ledger.genesis import GenesisDocument
from ledger.membership import validator_records
from ledger.parameters import DEFAULTS
from ledger.receipt import Receipt
from ledger.transaction import Body, Call, CheckedTransaction, check_transaction, sign_body
from ledger.validators import Ready, Replacement, ValidatorRecord, ready_statement
from ledger.window import WINDOW_IDS
from primitives.codec import encode
from primitives.ids import ChainId, Height, TimeMs, ValidatorKey
from services.authority.validators import ProposeValidatorChange
from services.table import TRANSACTION


def founded(validators: int = 4, *, minimum: int = 4, waiting: int = 6) -> GenesisDocument:
    """A network whose next bodies, `waiting` of them, have accounts and no vote yet."""
    bodies = range(validators, validators + waiting)
    return genesis_document(
        validators,
        parameters=replace(DEFAULTS, minimum_validators=minimum),
        accounts=[genesis_account(f"body {index}") for index in bodies],
    )


def votes(index: int, generation: int = 0) -> ValidatorKey:
    """The key of a validator; each generation has another."""
    return ValidatorKey(key(_voter(index, generation)).public)


def _voter(index: int, generation: int) -> str:
    return f"validator {index}" if generation == 0 else f"validator {index} again {generation}"


def ready(
    chain: ChainId,
    index: int,
    *,
    height: int,
    time_ms: TimeMs,
    generation: int = 0,
    **fields: Any,  # noqa: ANN401 - those of the record
) -> Ready:
    """READY of a new validator, signed by the key that will vote."""
    voter = key(_voter(index, generation))
    record = replace(validator_record(index), key=ValidatorKey(voter.public))
    record = replace(record, **fields)
    statement = ready_statement(chain, record, Height(height), time_ms)
    return Ready(record, Height(height), time_ms, voter.sign(statement))


def ready_now(chain: Chain, index: int, generation: int = 0, **fields: Any) -> Ready:  # noqa: ANN401
    """READY of a new validator whose node has the newest block of a chain."""
    row = WINDOW_IDS.read(chain.state, chain.state.height)
    assert row is not None, "block 0 is in no window: make a block first"
    return ready(
        chain.id,
        index,
        height=chain.state.height,
        time_ms=row.time_ms,
        generation=generation,
        **fields,
    )


def change(
    *,
    add: Iterable[Ready] = (),
    remove: Iterable[ValidatorKey] = (),
    replace: Iterable[tuple[ValidatorKey, Ready]] = (),
) -> ProposeValidatorChange:
    """The operation."""
    return ProposeValidatorChange(
        add=tuple(add),
        remove=tuple(remove),
        replace=tuple(Replacement(old, new) for old, new in replace),
    )


def decided(
    chain: Chain, operation: ProposeValidatorChange, bodies: Iterable[str] | None = None
) -> CheckedTransaction:
    """A change signed by bodies: by those of all validators of the next block, unless named."""
    signers = list(bodies_of(chain) if bodies is None else bodies)
    return chain.check(chain.body((signers[0], operation)), *signers)


def bodies_of(chain: Chain) -> list[str]:
    """The keys of the bodies that decide in the next block."""
    names = {account_id(f"body {index}"): f"body {index}" for index in range(40)}
    return [names[record.account] for record in records(chain, ahead=1)]


def records(chain: Chain, *, ahead: int) -> tuple[ValidatorRecord, ...]:
    """Who votes so many heights above the newest block."""
    return validator_records(chain.state, Height(chain.state.height + ahead))


def decide(chain: Chain, operation: ProposeValidatorChange) -> Receipt[Any, Any]:
    """Let all bodies decide it, in a block of its own."""
    [receipt] = chain.block(decided(chain, operation))
    return receipt


# --- in a network of engines --------------------------------------------------------------------


def ready_of(network: Network, node: Node, index: int, generation: int = 0) -> Ready:
    """READY of a new validator whose node has what this one has."""
    with node.store.state() as state:
        row = WINDOW_IDS.read(state, state.height)
        assert row is not None, "block 0 is in no window: decide a block first"
        return ready(
            network.chain,
            index,
            height=state.height,
            time_ms=row.time_ms,
            generation=generation,
        )


def proposal(
    network: Network, operation: ProposeValidatorChange, bodies: Iterable[int]
) -> CheckedTransaction:
    """A change that these bodies have signed."""
    network.salts += 1
    signers = [f"body {index}" for index in bodies]
    body: Body[Any] = Body(
        chain=network.chain,
        valid_until=TimeMs(network.now_ms + 60_000),
        salt=network.salts.to_bytes(16, "big"),
        calls=(Call(account_id(signers[0]), operation),),
    )
    signed = encode(sign_body(body, [key(name) for name in signers]))
    return check_transaction(signed, network.chain, TRANSACTION)
