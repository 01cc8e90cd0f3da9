"""A command for each operation, made from its Struct: fields are options, its docstring is help."""

import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, final

import click
import msgspec
from msgspec import Struct

from cli.amounts import Amounts
from cli.completion import key_names
from cli.fields import Reader, options_of
from cli.files import replace_file
from cli.home import Home, client_of, home_of, parameter_in_force
from cli.interview import Interview
from cli.session import Session, SessionCommand
from cli.submission import submit
from cli.times import span_ms
from cli.transaction_file import read_transaction_file, transaction_text
from cli.waiting import WAIT_OPTIONS, Waiting
from client.wallet import new_body
from ledger.transaction import Body, Call, Transaction, sign_body, transaction_id
from primitives import limits
from primitives.codec import encode
from primitives.errors import Malformed, MithaqError
from primitives.ids import AccountId, ChainId
from primitives.named import from_named, to_named

VALID_FOR_DEFAULT: Final = "1h"

_VALID_FOR: Final = click.Option(
    ["--valid-for"],
    default=VALID_FOR_DEFAULT,
    show_default=True,
    metavar="TIME",
    help="How long it may be committed: 90s, 30m, 2h.",
)

_INTERACTIVE: Final = click.Option(
    ["--interactive"],
    is_flag=True,
    help="Ask for each field that is not given, and check each answer.",
)


def build_command(operation: type[Struct]) -> click.Command:
    """`mithaq tx build` for an operation."""

    def build(
        session: Session,
        *,
        actor: str | None,
        valid_for: str,
        onto: Path | None,
        output: Path | None,
        interactive: bool,
        **given: Any,  # noqa: ANN401 - the options of the operation
    ) -> None:
        home = home_of(session)
        acts = home.account(actor or Interview(home).name_of("actor: who acts", home.account))
        call = _call(session, operation, given, acts, interactive=interactive)
        body = new_body_of(session, (call,), valid_for) if onto is None else _extended(onto, call)
        transaction: Transaction[Any] = Transaction(body, ())
        text = transaction_text(transaction)
        target = output or onto
        if target is None:
            click.echo(text, nl=False)
            return
        replace_file(target, text.encode())
        identifier = transaction_id(encode(body)).hex()
        session.show(
            {"id": identifier, "file": str(target)},
            f"wrote {target}, transaction {identifier}; next: mithaq tx sign {target} --key NAME",
        )

    return _command(
        operation,
        build,
        [
            click.Option(
                ["--actor"],
                required=True,
                metavar="ACCOUNT",
                shell_complete=key_names,
                help="Who acts.",
            ),
            _VALID_FOR,
            _INTERACTIVE,
            click.Option(
                ["--onto"],
                type=click.Path(path_type=Path, dir_okay=False, exists=True),
                help="Add the call to this unsigned transaction: all are done, or none.",
            ),
            click.Option(
                ["-o", "--output"],
                type=click.Path(path_type=Path, dir_okay=False),
                help="Where to write.  [default: --onto, else standard output]",
            ),
        ],
    )


def send_command(operation: type[Struct]) -> click.Command:
    """`mithaq tx send` for an operation."""

    def send(
        session: Session,
        *,
        key: tuple[str, ...],
        actor: str | None,
        valid_for: str,
        wait: bool,
        timeout: int,
        proof: Path | None,
        interactive: bool,
        **given: Any,  # noqa: ANN401 - the options of the operation
    ) -> None:
        home = home_of(session)
        names = key or (Interview(home).name_of("key: the key that signs", home.key),)
        keys = [home.key(name) for name in names]
        acts = home.account_of(keys[0].public) if actor is None else home.account(actor)
        call = _call(session, operation, given, acts, interactive=interactive)
        body = new_body_of(session, (call,), valid_for)
        if interactive:
            _confirm(home, body, names)
        transaction = sign_body(body, [each.signing() for each in keys])
        submit(session, transaction, Waiting(wait=wait, timeout_s=timeout, proof=proof))

    return _command(
        operation,
        send,
        [
            click.Option(
                ["--key"],
                multiple=True,
                required=True,
                metavar="NAME",
                shell_complete=key_names,
                help="Key that signs; give it again for each further signer.",
            ),
            click.Option(
                ["--actor"],
                metavar="ACCOUNT",
                shell_complete=key_names,
                help="Who acts.  [default: the first key's account]",
            ),
            _VALID_FOR,
            _INTERACTIVE,
            *WAIT_OPTIONS,
        ],
    )


@final
class OperationCommand(SessionCommand):
    """A command of an operation; who is asked for what is missing may leave it out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """With --interactive no option is required."""
        if _INTERACTIVE.opts[0] in args:
            for parameter in self.params:
                parameter.required = False
        return super().parse_args(ctx, args)


def _command(
    operation: type[Struct],
    function: Callable[..., None],
    more: list[click.Option],
) -> click.Command:
    return OperationCommand(
        asks_a_node=True,
        name=str(operation.__struct_config__.tag),
        callback=function,
        params=[*options_of(operation), *more],
        help=inspect.getdoc(operation),
    )


def _call(
    session: Session,
    operation: type[Struct],
    given: Mapping[str, Any],
    actor: AccountId,
    *,
    interactive: bool,
) -> Call[Any]:
    home = home_of(session)
    amounts = Amounts(home, lambda: client_of(session))
    source = Interview(home) if interactive else Reader(home, amounts)
    named = source.operation(operation, given)
    try:
        return Call(actor, from_named(named, operation))
    except Malformed as error:
        raise click.UsageError(str(error)) from error


def new_body_of(session: Session, calls: tuple[Call[Any], ...], valid_for: str) -> Body[Any]:
    """What is to be signed, for this home's chain and for so long.

    Raises:
        UsageError: that is no time, or longer than the network allows.
    """
    home = home_of(session)
    lasts_ms = _duration_ms(valid_for)
    if home.genesis_file.exists():
        window_ms = home.document.parameters.window_ms
        if lasts_ms > window_ms:  # a motion may have made it longer since
            window_ms = _window_in_force(session, window_ms)
        if lasts_ms > window_ms:
            raise click.UsageError(
                f"--valid-for: this network allows at most {window_ms // 1000}s, found {valid_for}"
            )
    return new_body(_chain(session, home), calls, valid_for_ms=lasts_ms)


def _window_in_force(session: Session, of_genesis: int) -> int:
    try:
        return parameter_in_force(session, "window_ms")
    except MithaqError:  # nobody can be asked: what genesis says is all that is known
        return of_genesis


def _confirm(home: Home, body: Body[Any], names: tuple[str, ...]) -> None:
    """Show what is about to be signed.

    Raises:
        Abort: the person does not want it.
    """
    said = json.dumps([to_named(call) for call in body.calls], indent=2, ensure_ascii=False)
    click.echo(home.with_names(said), err=True)
    if not Interview(home).confirmed(f"sign with {', '.join(names)} and submit?"):
        raise click.Abort


def _extended(onto: Path, call: Call[Any]) -> Body[Any]:
    transaction = read_transaction_file(onto)
    if transaction.signatures:
        raise click.UsageError(f"--onto: {onto} is signed already; another call would undo that")
    calls = (*transaction.body.calls, call)
    if len(calls) > limits.CALLS_MAX:
        raise click.UsageError(f"--onto: expected at most {limits.CALLS_MAX} calls")
    return msgspec.structs.replace(transaction.body, calls=calls)


def _chain(session: Session, home: Home) -> ChainId:
    if home.genesis_file.exists():
        return home.chain
    # Without a genesis of our own, the node that we were told to ask says which chain this is.
    with client_of(session) as client:
        return client.chain()


def _duration_ms(text: str) -> int:
    found = None if text.isdecimal() else span_ms(text)
    if not found:
        raise click.UsageError(
            f"--valid-for: expected a time such as 90s, 30m or 2h, found {text!r}"
        )
    return found
