"""Handing a transaction to a node, waiting for its block, and saying what became of it."""

import time
from collections.abc import Mapping
from typing import Any, Final, final

from msgspec import Struct, structs

from cli.amounts import Amounts
from cli.faults import NotFinal
from cli.home import Home, home_of, nodes_of
from cli.lookup import time_text
from cli.remote import TIMEOUT_S, Nodes
from cli.session import Session, facts
from cli.transaction_file import replace_file
from cli.waiting import Waiting
from ledger.transaction import Transaction
from primitives.codec import encode
from primitives.errors import Malformed, Rejected
from primitives.named import from_named, to_named
from services.table import Events, Refusals

_STEP_S: Final = 30
"""One question waits no longer at a node, so that the next node is asked when one dies."""
_MSGPACK: Final = "application/msgpack"


def submit(session: Session, transaction: Transaction[Any], waiting: Waiting) -> None:
    """Hand it over; wait if that is wanted; print what is known.

    Raises:
        Rejected: by the node, or it stands in a block with a refusal.
        NotFinal: the time is over. It may still become final, until its `valid_until`.
    """
    nodes = nodes_of(session)
    words = Words(home_of(session), nodes)
    data = encode(transaction)
    try:
        if not waiting.waits:
            answer = nodes.post("/v1/transactions", data, kind=_MSGPACK)
            session.show(answer, f"{answer['id']} is {answer['status']}")
            return
        answer = _final(nodes, data, waiting)
    except Rejected as error:
        raise words.of_refusal(error) from error
    if waiting.proof is not None:
        replace_file(waiting.proof, nodes.get_bytes(f"/v1/transactions/{answer['id']}/proof"))
    text = words.of_transaction(answer)
    if waiting.proof is not None:
        answer["proof"] = str(waiting.proof)
        text += f"\nproof written to {waiting.proof}"
    session.show(answer, text)
    refusal = answer["receipt"]["refusal"]
    if refusal is not None:
        said = {name: value for name, value in refusal.items() if name != "refusal"}
        raise Rejected(refusal["refusal"], words.of(refusal, Refusals), said)


def _final(nodes: Nodes, data: bytes, waiting: Waiting) -> dict[str, Any]:
    deadline = time.monotonic() + waiting.timeout_s
    while True:
        left = max(0, min(_STEP_S, round(deadline - time.monotonic())))
        # To submit again changes nothing, and it reaches a node that has never heard of it.
        path = f"/v1/transactions?wait_s={left}"
        answer = nodes.post(path, data, kind=_MSGPACK, timeout_s=left + TIMEOUT_S)
        if answer["status"] == "final":
            return answer  # type: ignore[no-any-return]  # JSON
        if time.monotonic() >= deadline:
            raise NotFinal(
                f"{answer['id']} is not final after {waiting.timeout_s} s; "
                f"`mithaq tx show {answer['id']}` tells when it is"
            )


@final
class Words:
    """What a node says, for people: amounts in whole units, accounts by the names of the home."""

    def __init__(self, home: Home, nodes: Nodes) -> None:
        self._home = home
        self._amounts = Amounts(home, lambda: nodes)

    def of_transaction(self, answer: Mapping[str, Any]) -> str:
        """A final transaction: where it stands, and what it did."""
        receipt = answer["receipt"]
        said = [("event", self.of(event, Events)) for event in receipt["events"]]
        if receipt["refusal"] is not None:
            said.append(("refusal", f"{receipt['refusal']['refusal']}"))
        lines = [
            ("transaction", answer["id"]),
            ("block", f"{answer['height']}, number {int(answer['index']) + 1} in it"),
            ("time", time_text(int(answer["block_time_ms"]))),
            ("outcome", receipt["outcome"]),
            *said,
        ]
        return self._home.with_names(facts(lines))

    def of_refusal(self, error: Rejected) -> Rejected:
        """A refusal that a node told us: what a rule said is said again, in our words."""
        by_rule = "refusal" in error.facts
        said = self.of(error.facts, Refusals) if by_rule else self._home.with_names(error.message)
        return Rejected(error.code, said, error.facts)

    def of(self, named: Mapping[str, Any], kinds: Any) -> str:  # noqa: ANN401 - a union of Structs
        """An event or a refusal in English: its docstring with its fields filled in."""
        try:
            value: Struct = from_named(dict(named), kinds)
        except Malformed:  # of a service that this version does not know
            return ", ".join(f"{name} {value}" for name, value in named.items())
        shown = {name: to_named(field) for name, field in structs.asdict(value).items()}
        words = {
            name: "none" if field is None else field
            for name, field in self._amounts.written(shown).items()
        }
        said = (value.__doc__ or "").strip().format(**words)
        return self._home.with_names(said)
