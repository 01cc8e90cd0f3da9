"""`mithaq events`: what becomes true, as it becomes final, until it is stopped.

What is past is a query (`mithaq query chain.events`); both are filtered alike, and a cursor of one
is a place in the other.
"""

import json
from itertools import islice
from typing import TYPE_CHECKING

import click

from cli.completion import key_names
from cli.conventions import time_text
from cli.home import HEX32, Home, client_of, home_of
from cli.language import phrase, shown
from cli.session import Session, asking_command

if TYPE_CHECKING:
    from node.events import CommittedEvent


@asking_command("events")
@click.option(
    "--type",
    "types",
    multiple=True,
    metavar="TYPE",
    help="Only events of this type, or of a whole service: money.*; may be given several times.",
)
@click.option(
    "--about",
    metavar="ID",
    shell_complete=key_names,
    help="Only events that name this account, or a case, a motion, a document by its id.",
)
@click.option(
    "--after",
    metavar="CURSOR",
    help="Begin behind this one; 0.0 is the beginning of the chain.  [default: begin now]",
)
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="Stop after N of them.")
def events(
    session: Session,
    types: tuple[str, ...],
    about: str | None,
    after: str | None,
    count: int | None,
) -> None:
    """Print events as they become final, each once, until stopped. With --json one to a line.

    It reconnects by itself, to another node if it must. The cursor of the last event goes on there.
    """
    from primitives.ids import AccountId

    home = home_of(session)
    named = None if about is None else AccountId(_id(home, about))
    with client_of(session) as client:
        stream = client.events(after=after, types=types, account=named)
        for event in islice(stream, count):
            _print(session, home, event)


def _id(home: Home, word: str) -> bytes:
    return bytes.fromhex(word) if HEX32.fullmatch(word) else home.account(word)


def _print(session: Session, home: Home, event: "CommittedEvent") -> None:
    from cli.event_text import sentence_of
    from ledger.operation import code
    from primitives.named import to_named

    if session.machine:
        click.echo(json.dumps(to_named(event), ensure_ascii=False))
        return
    said = home.with_names(sentence_of(event.event))
    at = time_text(event.block_time_ms)
    click.echo(shown(f"{event.cursor}  {at}  {code(event.event)}: {phrase(said)}"))
