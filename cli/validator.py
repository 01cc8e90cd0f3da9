"""`mithaq validator`: who votes, who may join, and how that is changed.

The operator of a new node lets it say READY; somebody proposes the change as a transaction file;
the bodies of a quorum of the validators sign that file one after the other (`mithaq tx sign`), and
the last one submits it (`mithaq tx submit`). Two blocks later it is in force.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.completion import key_names
from cli.home import home_of, nodes_of, parameter_in_force
from cli.session import Session, asking_command, command, facts, table
from client.faults import Unreachable
from primitives.errors import Malformed, OperatorFault

if TYPE_CHECKING:
    from cli.consequences import Consequences
    from cli.home import Home
    from cli.ready_file import ReadyFile
    from ledger.membership import Change
    from ledger.validators import ValidatorRecord
    from node.config import NodeFolder
    from node.status import NodeStatus
    from primitives.ids import AccountId, ValidatorKey


@click.group("validator")
def validator() -> None:
    """List validators; propose who joins and who leaves."""


@asking_command("list", group=validator)
def list_(session: Session) -> None:
    """List the validators, with the accounts of their bodies, and changes to come."""
    from cli.standing import coming, newest_of
    from primitives.named import to_named

    home = home_of(session)
    status = newest_of(_statuses(session))
    rows = [
        (
            one.seat,
            one.name,
            f"{one.key.hex()[:16]}…",
            home.with_names(one.account.hex()),
            _state(one),
        )
        for one in status.validators
    ]
    text = table(["SEAT", "VALIDATOR", "KEY", "ACCOUNT", "STATE"], rows)
    lines = [f"height {status.height + 1}", text, *coming(status)]
    named = to_named(status)
    result = {name: named[name] for name in ("height", "validators", "change")}
    session.show(result, "\n".join(lines))


def _state(one: Any) -> str:  # noqa: ANN401 - a ValidatorStatus
    if one.suspended:
        return "suspended: leaves when another joins"
    if not one.connected:
        return "not connected"
    return "signs nothing" if one.signs is False else "at work"


@command("ready", group=validator)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--name", help="Of the public body, on chain.  [default: the node's]")
@click.option(
    "--account",
    required=True,
    metavar="ACCOUNT",
    shell_complete=key_names,
    help="The body's account, which will decide with the others about validators.",
)
@click.option(
    "--new-key", is_flag=True, help="READY for the node's next key; `validator switch` takes it up."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write.  [default: ready-NAME.json]",
)
def ready(
    session: Session,
    folder: Path,
    name: str | None,
    account: str,
    new_key: bool,
    output: Path | None,
) -> None:
    """Let the node of a FOLDER say READY to vote, into a file for whoever proposes it.

    The node must run, follow the chain, and hold its validator.key; the key is made if there is
    none. READY is good for two hours.
    """
    from cli.files import replace_file
    from cli.founding import create_validator_key
    from cli.next_key import next_key
    from ledger.validators import Ready, ValidatorRecord, ready_statement
    from node.config import NodeFolder, load_config
    from node.keys import Purpose, read_key
    from primitives.ids import NodeKey, ValidatorKey

    node = NodeFolder(folder.absolute())
    config = load_config(node.config)
    node_key = read_key(node.node_key, Purpose.NODE)
    called = name or config.name
    acts = home_of(session).account(account)
    if new_key:
        key = next_key(node, called)
    else:
        if not node.validator_key.exists():
            create_validator_key(node, called)
        key = read_key(node.validator_key, Purpose.VALIDATOR)
    status = _level(node, config.name, config.api.listen)
    if not new_key:
        _check_held(status, node, ValidatorKey(key.public))
    record = ValidatorRecord(called, ValidatorKey(key.public), NodeKey(node_key.public), acts)
    statement = ready_statement(status.chain, record, status.height, status.block_time_ms)
    signature = key.signing().sign(statement)
    said = _ready_file(status, Ready(record, status.height, status.block_time_ms, signature))
    target = output or Path(f"ready-{called}.json")
    replace_file(target, said.text().encode())
    result = {
        "name": called,
        "key": record.key.hex(),
        "node_key": record.node_key.hex(),
        "account": acts.hex(),
        "height": status.height,
        "file": str(target),
    }
    session.show(result, home_of(session).with_names(facts(result.items())))


def _ready_file(status: "NodeStatus", said: Any) -> "ReadyFile":  # noqa: ANN401 - a Ready
    from cli.ready_file import ReadyFile

    return ReadyFile(status.chain, said)


def _check_held(status: "NodeStatus", node: "NodeFolder", key: "ValidatorKey") -> None:
    if status.key != key:
        raise OperatorFault(
            f"{status.name} runs without {node.validator_key}, which may be new: stop it and start "
            "it again, then let it say READY"
        )
    if any(one.key == key for one in status.validators):
        raise OperatorFault(
            f"{status.name} votes already with {node.validator_key}; --new-key makes the next one"
        )


def _level(node: "NodeFolder", name: str, listen: str) -> "NodeStatus":
    """The status of the folder's own node, which must be level with the chain."""
    from cli.home import reachable
    from cli.standing import ask
    from client.connection import Node
    from ledger.genesis import genesis_block
    from node.folder import load_genesis
    from node.status import readiness

    chain = genesis_block(load_genesis(node.genesis)).chain
    report = ask(Node(name, f"http://{reachable(listen)}"), chain)
    status = report.status
    if status is None:
        raise Unreachable(f"{name} ({listen}) {report.silence}: READY is said by a node that runs")
    obstacles = readiness(status).reasons
    if obstacles:
        raise OperatorFault(f"{name} is not level with the chain: {'; '.join(obstacles)}")
    if status.height < 1:
        raise OperatorFault(f"{name} has no block yet to be READY at: ask again after block 1")
    return status


@command("switch", group=validator)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
def switch(session: Session, folder: Path) -> None:
    """Take up the next key of the node of a FOLDER, which is stopped; keep the other in retired/.

    Say this when the change is decided. Too early costs votes until it is in force, too late costs
    votes since then; nothing else happens, for the chain knows which key votes at which height.
    """
    from cli.next_key import switch as put_in_place
    from node.config import NodeFolder

    key, retired = put_in_place(NodeFolder(folder.absolute()))
    result = {"key": key.public.hex(), "retired": str(retired)}
    session.show(result, facts(result.items()))


@asking_command("propose", group=validator)
@click.option(
    "--add",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="READY of one that joins; may be repeated.",
)
@click.option(
    "--remove", multiple=True, metavar="VALIDATOR", help="Name or key of one that leaves; likewise."
)
@click.option(
    "--replace",
    multiple=True,
    nargs=2,
    metavar="VALIDATOR FILE",
    help="One that leaves, and READY of who takes its place: also for a new key; likewise.",
)
@click.option(
    "--actor",
    metavar="ACCOUNT",
    shell_complete=key_names,
    help="The body that proposes; it must sign.  [default: the first that has a key here]",
)
@click.option(
    "--valid-for",
    default="1h",
    show_default=True,
    metavar="TIME",
    help="How long to sign: 30m, 2h.",
)
@click.option("--simulate", is_flag=True, help="Say what it would mean, and write nothing.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default="change.json",
    show_default=True,
    help="Where to write the transaction.",
)
def propose(
    session: Session,
    add: tuple[Path, ...],
    remove: tuple[str, ...],
    replace: tuple[tuple[str, str], ...],
    actor: str | None,
    valid_for: str,
    simulate: bool,
    output: Path,
) -> None:
    """Say what a change of validators would mean, and write it for the bodies to sign.

    It is refused if fewer than a quorum of the validators that it makes are at work now: the chain
    would halt.
    """
    from cli.consequences import consequences, decided_records
    from cli.standing import newest_of
    from primitives.validators import quorum

    statuses = _statuses(session)
    status = newest_of(statuses)
    records = decided_records(status)
    change = _change(status, records, add, remove, replace)
    home = home_of(session)
    minimum = parameter_in_force(session, "minimum_validators")
    meaning = consequences(statuses, change, minimum=minimum)
    meaning.require_going_on()
    lines, result = _meaning(meaning), meaning.named()
    if not simulate:
        acts = _proposer(home, status) if actor is None else home.account(actor)
        result |= _write(session, change, acts, valid_for, output)
        lines += [
            "",
            f"wrote {output}, transaction {result['id']}",
            f"Next: {quorum(len(status.validators))} of these accounts sign it;",
            f"{acts.hex()} must be among them, for it proposes:",
            *(f"  {one.account.hex()} ({one.name})" for one in status.validators),
            f"  mithaq tx sign {output} --key NAME",
            f"  mithaq tx submit {output} --wait",
        ]
    session.show(result, home.with_names("\n".join(lines)))


def _meaning(meaning: "Consequences") -> list[str]:
    changes = [*(f"{name} leaves" for name in meaning.removed)]
    changes += [f"{name} joins" for name in meaning.added]
    return [
        ", ".join(changes),
        facts([("now", meaning.now.sentence()), ("then", meaning.then.sentence())]),
    ]


def _write(
    session: Session, change: "Change", acts: "AccountId", valid_for: str, output: Path
) -> dict[str, Any]:
    from cli.files import replace_file
    from cli.operations import new_body_of
    from cli.transaction_file import transaction_text
    from client.wallet import id_of
    from ledger.transaction import Call, Transaction
    from services.authority.validators import ProposeValidatorChange

    operation = ProposeValidatorChange(change.add, change.remove, change.replace)
    body = new_body_of(session, (Call(acts, operation),), valid_for)
    transaction: Transaction[Any] = Transaction(body, ())
    replace_file(output, transaction_text(transaction).encode())
    return {"id": id_of(transaction).hex(), "file": str(output)}


def _change(
    status: "NodeStatus",
    records: "Sequence[ValidatorRecord]",
    add: Sequence[Path],
    remove: Sequence[str],
    replace: Sequence[tuple[str, str]],
) -> "Change":
    from cli.ready_file import read_ready_file
    from ledger.membership import Change
    from ledger.validators import Ready, Replacement

    def said(path: Path) -> Ready:
        file = read_ready_file(path)
        if file.chain != status.chain:
            raise Malformed(f"{path} is for chain {file.chain.hex()}, not {status.chain.hex()}")
        return file.ready

    return Change(
        add=tuple(said(path) for path in add),
        remove=tuple(_key_of(word, records) for word in remove),
        replace=tuple(
            Replacement(_key_of(word, records), said(Path(path))) for word, path in replace
        ),
    )


def _key_of(word: str, records: "Sequence[ValidatorRecord]") -> "ValidatorKey":
    for record in records:
        if word in (record.name, record.key.hex()):
            return record.key
    names = ", ".join(record.name for record in records)
    raise click.UsageError(f"expected a validator's name or key ({names}), found {word!r}")


def _proposer(home: "Home", status: "NodeStatus") -> "AccountId":
    """The first body of a validator, by the names of the keys, whose key is in this home."""
    bodies = {one.account for one in status.validators}
    for name in home.key_names():
        account = home.account_of(home.key(name).public)
        if account in bodies:
            return account
    raise click.UsageError("--actor: expected the account of a body; this home has no key of any")


def _statuses(session: Session) -> "list[NodeStatus]":
    from cli.standing import standing_of

    home = home_of(session)
    known = home if home.genesis_file.exists() else None
    nodes = nodes_of(session)
    found = [report.status for report in standing_of(nodes, known).reports]
    answering = [status for status in found if status is not None]
    if not answering:
        raise Unreachable(f"none of {len(nodes)} nodes answers: is the network running?")
    return answering
