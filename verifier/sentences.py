"""What a valid proof says, in words.

The verifier knows no service: any operation, event or refusal is shown as its name and its fields.
Where an operation is one of those that people ask about most, it has a sentence of its own; if its
fields are not shaped as expected, the general form is shown instead. All text of the file passes
through `shown`, so that a stranger's words can neither steer a terminal nor hide what follows.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from verifier.lineage import Trusted, source_of, story_of
from verifier.proof_file import (
    AbsentSubject,
    Call,
    EntrySubject,
    EventSubject,
    ProofFile,
    ReceiptSubject,
)
from verifier.values import unpack
from verifier.verdict import Invalid

BALANCES: Final = 4
"""Number of the table whose rows are balances."""
TABLES: Final = {
    1: "accounts",
    2: "roles",
    3: "assets",
    BALANCES: "balances",
    5: "supplies",
    6: "references",
    7: "validators",
    8: "parameters",
    9: "network",
    10: "window_ids",
    11: "role_definitions",
    12: "membership",
    13: "suspensions",
    14: "evidence_cases",
    15: "evidence_reports",
    16: "observers",
    17: "observers_in_force",
    18: "guardians",
    19: "recoveries",
    20: "delegations",
    21: "delegated_spending",
    22: "held_roles",
    23: "role_counts",
    24: "agenda",
    27: "intents",
    28: "intent_terms",
    29: "record_kinds",
    30: "records",
    31: "record_versions",
    32: "holds",
    33: "holds_of",
    34: "restraints",
    35: "checkpoint_series",
    36: "checkpoints",
    38: "charters",
    39: "motions",
    40: "tallies",
    41: "ballots",
    42: "body_motions",
    43: "flows",
    44: "flow_states",
    45: "cases",
    46: "worklist",
    47: "norms",
    48: "norm_versions",
    49: "bindings",
    50: "offices",
    52: "record_counts",
    53: "lot_shares",
    64: "stamps",
    65: "funds",
    66: "fund_history",
    67: "apportionments",
    68: "apportionment_history",
    69: "budget_lines",
    70: "budget_line_history",
    71: "period_closes",
    72: "awards",
    73: "award_history",
    74: "deliveries",
    75: "vouchers",
    76: "warrants",
    77: "refunds",
    78: "voucher_history",
    79: "token_claims",
    84: "holdings",
    85: "holding_history",
    86: "holding_classes",
    87: "holding_class_history",
    88: "depreciation_plan",
    89: "treasuries",
    90: "award_vouchers",
    91: "count_entries",
    92: "capitalised_awards",
    93: "holding_counts",
}
"""What people call the tables that we know; any other is known by its number alone."""
TEXT_SHOWN_MAX: Final = 400
BYTES_SHOWN_MAX: Final = 80


def sentence(proof: ProofFile, chain: bytes) -> str:
    """One sentence: when, where and what."""
    where = f"in block {proof.header.height} of chain {_short(chain)}"
    when = time_text(proof.header.time_ms)
    match proof.subject:
        case ReceiptSubject(transaction=transaction, receipt=receipt):
            identifier = _short(receipt.transaction_id)
            acts = "; ".join(_act(call) for call in transaction.calls)
            if receipt.refusal is None:
                return f"On {when}, {where}, transaction {identifier} was executed: {acts}."
            return (
                f"On {when}, {where}, transaction {identifier} was REFUSED as "
                f"{_named(*receipt.refusal)} and changed nothing. It asked for: {acts}."
            )
        case EventSubject(receipt=receipt, event=event):
            identifier = _short(receipt.transaction_id)
            happened = _named(*receipt.events[event])
            return f"On {when}, {where}, transaction {identifier} made this happen: {happened}."
        case AbsentSubject(table=table, key=key):
            nothing = _no_balance(table, key) or (
                f"table {_table(table)} of the state held nothing under key {shown(key)}"
            )
            return f"On {when}, {where}, after that block, {nothing}."
        case EntrySubject(table=table, key=key, value=value):
            entry = _balance(table, key, value) or (
                f"table {_table(table)} of the state held under key {shown(key)} "
                f"the value {_record(value)}"
            )
            return f"On {when}, {where}, after that block, {entry}."


def details(proof: ProofFile, voters: Trusted, block_id: bytes) -> tuple[tuple[str, str], ...]:
    """Labelled facts, in full, in the order of the chain of trust."""
    header, certificate = proof.header, proof.certificate
    signed = (
        "none: the block of genesis is the chain's own definition"
        if certificate is None
        else f"signed by {len(certificate.seals)} of {len(voters.keys)} validators, "
        f"in view {certificate.view}"
    )
    facts = [
        ("chain", proof.anchor.chain.hex()),
        ("block", f"{header.height}, id {block_id.hex()}"),
        ("block time", time_text(header.time_ms)),
        ("trusted from", source_of(proof.anchor)),
        ("lineage", story_of(voters)),
        ("certificate", signed),
    ]
    match proof.subject:
        case ReceiptSubject():
            facts += _receipt_details(proof.subject)
        case EventSubject(receipt=receipt, event=event, index=index, count=count):
            facts += [
                ("transaction", receipt.transaction_id.hex()),
                ("place", f"number {index + 1} of {count} in the block"),
                ("event", f"number {event + 1} of {len(receipt.events)}"),
            ]
        case AbsentSubject(table=table, key=key, siblings=siblings, other=other):
            end = (
                "an empty place" if other is None else f"the entry of another key, {other[0].hex()}"
            )
            facts += [
                ("table", _table(table)),
                ("key", shown(key)),
                ("value", "none"),
                ("path", f"{len(siblings)} steps to {end}"),
            ]
        case EntrySubject(table=table, key=key, value=value, siblings=siblings):
            facts += [
                ("table", _table(table)),
                ("key", shown(key)),
                ("value", _record(value)),
                ("value's bytes", shown(value)),
                ("path", f"{len(siblings)} steps to the state root"),
            ]
    return tuple(facts)


def _receipt_details(subject: ReceiptSubject) -> list[tuple[str, str]]:
    transaction, receipt = subject.transaction, subject.receipt
    facts = [
        ("transaction", receipt.transaction_id.hex()),
        ("place", f"number {subject.index + 1} of {subject.count} in the block"),
        ("valid until", time_text(transaction.valid_until)),
        *(("signed by key", key.hex()) for key, _ in transaction.signatures),
    ]
    for number, call in enumerate(transaction.calls, 1):
        facts.append((f"call {number}", f"{_named(call.tag, call.fields)} by {call.actor.hex()}"))
    outcome = "applied" if receipt.refusal is None else f"refused, {_named(*receipt.refusal)}"
    facts.append(("outcome", outcome))
    for number, (name, fields) in enumerate(receipt.events, 1):
        facts.append((f"event {number}", _named(name, fields)))
    return facts


def _act(call: Call) -> str:
    special = _SENTENCES.get(call.tag)
    said = special(call.fields) if special is not None else None
    return f"{shown_name(call.tag)} by account {_short(call.actor)}" + (
        f", {said}" if said is not None else ""
    )


def _transfer(fields: Sequence[Any]) -> str | None:
    """money.transfer: asset, lines of (to, amount, reference, description, value date, lot)."""
    match fields:
        case [str(asset), [_, *_] as lines]:
            amounts = [amount for line in lines if (amount := _amount(line)) is not None]
            if len(amounts) < len(lines):
                return None
            many = f"{len(lines)} line" + ("s" if len(lines) > 1 else "")
            return f"{many}, total {sum(amounts):,} minor units of {shown_name(asset)}"
        case _:
            return None


def _amount(line: object) -> int | None:
    match line:
        case [bytes(), int(amount), str(), str(), str() | None, str() | None] if not isinstance(
            amount, bool
        ):
            return amount
        case _:
            return None


def _stamp(fields: Sequence[Any]) -> str | None:
    """registry.stamp_document: commitment, act."""
    match fields:
        case [bytes(commitment), "timestamp"]:
            return f"giving the document of commitment {commitment.hex()} this time"
        case [bytes(commitment), "certify_copy"]:
            return f"certifying the document of commitment {commitment.hex()} as a true copy"
        case _:
            return None


def _is_balance(table: int, key: bytes) -> bool:
    """The table of balances: account and asset to an amount, and what of it is promised."""
    return table == BALANCES and len(key) > 32 and key[32:].isascii()


def _no_balance(table: int, key: bytes) -> str | None:
    if not _is_balance(table, key):
        return None
    return f"account {key[:32].hex()} held no {shown_name(key[32:].decode('ascii'))}"


def _balance(table: int, key: bytes, value: bytes) -> str | None:
    if not _is_balance(table, key):
        return None
    try:
        record = unpack(value, "value")
    except Invalid:
        return None
    match record:
        case [int(amount), int(promised)] if bool not in (type(amount), type(promised)):
            asset = shown_name(key[32:].decode("ascii"))
            verb = "owed" if amount < 0 else "held"
            text = f"account {key[:32].hex()} {verb} {abs(amount):,} minor units of {asset}"
            return f"{text}, with {promised:,} promised to others" if promised else text
        case _:
            return None


_SENTENCES: Final[dict[str, Callable[[Sequence[Any]], str | None]]] = {
    "money.transfer": _transfer,
    "registry.stamp_document": _stamp,
}


def _named(name: str, fields: Sequence[Any]) -> str:
    return f"{shown_name(name)}({', '.join(shown(field) for field in fields)})"


def _table(number: int) -> str:
    name = TABLES.get(number)
    return str(number) if name is None else f"{number} ({name})"


def _record(value: bytes) -> str:
    """A value of the state: its fields where it is a canonical record, else its bytes."""
    try:
        return shown(unpack(value, "value"))
    except Invalid:
        return shown(value)


def shown(value: object) -> str:
    """Any plain value for people: bytes as hexadecimal, text in quotes, arrays in brackets."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case bytes():
            if len(value) > BYTES_SHOWN_MAX:
                return f"{len(value)} bytes, SHA-256 {hashlib.sha256(value).hexdigest()}"
            return value.hex() or "(no bytes)"
        case str():
            return f'"{shown_name(value)}"'
        case list():
            return "[" + ", ".join(shown(item) for item in value) + "]"
        case _:
            return str(value)


def shown_name(text: str) -> str:
    """Text without anything that a terminal would obey or not show."""
    safe = "".join(
        character if character.isprintable() and character not in '"\\' else _escaped(character)
        for character in text[:TEXT_SHOWN_MAX]
    )
    return safe + ("…" if len(text) > TEXT_SHOWN_MAX else "")


def _escaped(character: str) -> str:
    return f"\\u{{{ord(character):x}}}"


def time_text(time_ms: int) -> str:
    """A block time as people write it, in UTC."""
    try:
        moment = datetime.fromtimestamp(time_ms // 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return f"{time_ms} ms after 1970-01-01 UTC"
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _short(identifier: bytes) -> str:
    return identifier[:8].hex() + "…"
