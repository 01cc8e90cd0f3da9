"""`mithaq tx`: transactions, from a desk to a block.

`build` and `send` have one command for each operation of `services.table`, made from its Struct:
adding an operation adds its commands. `build` writes a file that several people sign one after the
other; `send` does it all at once.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import click

from cli.completion import key_names
from cli.help_pages import short_help
from cli.home import HEX32, client_of, home_of
from cli.language import is_right_to_left
from cli.session import Session, asking_command, command, facts
from cli.waiting import WAIT_OPTIONS, Waiting
from primitives.errors import Rejected

if TYPE_CHECKING:
    from cli.amounts import Amounts
    from ledger.transaction import Transaction


@click.group("tx")
def tx() -> None:
    """Build, sign, submit and look up transactions."""


@final
class OperationGroup(click.Group):
    """A command for each operation, made when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own
        """The tags of all operations."""
        from services.table import OPERATIONS

        return [str(operation.__struct_config__.tag) for operation in OPERATIONS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of an operation."""
        from cli.operations import build_command, send_command
        from services.table import OPERATIONS

        tags = self.list_commands(ctx)
        if cmd_name not in tags:
            return None
        operation = OPERATIONS[tags.index(cmd_name)]
        return build_command(operation) if self.name == "build" else send_command(operation)

    def get_short_help_str(self, limit: int = 45) -> str:
        """The first sentence of its help."""
        return short_help(self, limit) if is_right_to_left() else super().get_short_help_str(limit)


for _name, _help in (
    ("build", "Write an unsigned transaction of one operation, for others to sign."),
    ("send", "Build, sign and submit a transaction of one operation."),
):
    tx.add_command(OperationGroup(_name, help=_help, subcommand_metavar="OPERATION [OPTIONS]..."))


@command("form", group=tx)
@click.argument("operation")
@click.argument("field", required=False)
def form(session: Session, operation: str, field: str | None) -> None:
    """Print the JSON of an OPERATION, or of one FIELD of it, to be filled in.

    TEXT, HEX, ACCOUNT and numbers stand for what belongs there; of words with a bar between them
    one is meant, and of the items in a list each is of another kind. An ACCOUNT may be given by the
    name of a key of the home. Save it as FILE.json, and give that as the option of its field.
    """
    from cli.field_kinds import fields_of
    from cli.nested import example_of_field, example_of_struct
    from services.table import OPERATIONS

    found = {str(each.__struct_config__.tag): each for each in OPERATIONS}.get(operation)
    if found is None:
        raise click.UsageError(f"OPERATION: there is none {operation!r}; see `mithaq tx build`")
    shown = example_of_struct(found)
    if field is not None:
        kinds = {name: (kind, annotation) for name, kind, annotation in fields_of(found)}
        name = field.removeprefix("--").replace("-", "_")
        if name not in kinds:
            raise click.UsageError(f"FIELD: expected one of {', '.join(kinds)}, found {field!r}")
        shown = example_of_field(*kinds[name])
    session.show(shown, json.dumps(shown, indent=2))


@command("sign", group=tx)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--key",
    multiple=True,
    required=True,
    metavar="NAME",
    shell_complete=key_names,
    help="Key that signs; may be repeated.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write.  [default: FILE]",
)
def sign(session: Session, file: Path, key: tuple[str, ...], output: Path | None) -> None:
    """Add signatures to the transaction in FILE, and say what it is that was signed."""
    from cli.files import replace_file
    from cli.transaction_file import read_transaction_file, transaction_text
    from ledger.transaction import WRONG_CHAIN, add_signature

    home = home_of(session)
    transaction = read_transaction_file(file)
    if home.genesis_file.exists() and transaction.body.chain != home.chain:
        raise Rejected(
            WRONG_CHAIN,
            f"{file} is for chain {transaction.body.chain.hex()}, this home's is "
            f"{home.chain.hex()}; nothing was signed",
            {"expected": home.chain.hex(), "actual": transaction.body.chain.hex()},
        )
    for name in key:
        transaction = add_signature(transaction, home.key(name).signing())
    target = output or file
    replace_file(target, transaction_text(transaction).encode())
    result = {**_described(transaction), "file": str(target)}
    session.show(result, _text(session, result))


@asking_command("submit", group=tx, options=WAIT_OPTIONS)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def submit(session: Session, file: Path, wait: bool, timeout: int, proof: Path | None) -> None:
    """Submit the signed transaction in FILE."""
    from cli.submission import submit as hand_over
    from cli.transaction_file import read_transaction_file

    transaction = read_transaction_file(file)
    hand_over(session, transaction, Waiting(wait=wait, timeout_s=timeout, proof=proof))


@asking_command("show", group=tx)
@click.argument("what", metavar="ID|FILE")
def show(session: Session, what: str) -> None:
    """Show the transaction of an ID, with its receipt; or what is in a FILE, without any node."""
    if HEX32.fullmatch(what) and not Path(what).exists():
        from cli.submission import Words
        from node.queries import FinalTransaction
        from primitives.ids import TransactionId
        from primitives.named import to_named

        with client_of(session) as client:
            found = client.transaction(TransactionId(bytes.fromhex(what)))
        said = Words(session).of_transaction(found) if isinstance(found, FinalTransaction) else None
        session.show(to_named(found), said or f"{what} is pending")
        return
    from cli.transaction_file import read_transaction_file

    result = _described(read_transaction_file(Path(what)))
    session.show(result, _text(session, result))


def _described(transaction: "Transaction[Any]") -> dict[str, Any]:
    from ledger.transaction import transaction_id
    from primitives.codec import encode
    from primitives.named import to_named

    named = to_named(transaction)
    return {
        "id": transaction_id(encode(transaction.body)).hex(),
        **named["body"],
        "signers": [entry["key"] for entry in named["signatures"]],
    }


def _text(session: Session, result: dict[str, Any]) -> str:
    from cli.amounts import Amounts
    from cli.conventions import time_text

    home = home_of(session)
    amounts = Amounts(home, lambda: client_of(session))
    lines = [
        ("transaction", result["id"]),
        ("chain", result["chain"]),
        ("valid until", time_text(int(result["valid_until"]))),
    ]
    for call in result["calls"]:
        operation = dict(call["operation"])
        lines += [("", ""), ("operation", operation.pop("operation")), ("actor", call["actor"])]
        for name, value in operation.items():
            items = value if isinstance(value, list) else [value]
            asset = operation.get("asset")
            lines += [(name, _value(item, asset, amounts)) for item in items]
    lines += [("", "")]
    lines += [("signed by", key) for key in result["signers"]] or [("signed by", "nobody yet")]
    return home.with_names(facts(lines))


def _value(value: Any, asset: str | None, amounts: "Amounts") -> str:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        beside = {"asset": asset, **value}
        written = amounts.written(beside)
        return ", ".join(
            f"{name} {_value(written[name], asset, amounts)}"
            + (f" {beside['asset']}" if written[name] != value[name] else "")
            for name in value
        )
    return "none" if value is None else str(value) or '""'
