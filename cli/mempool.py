"""`mithaq mempool`: what waits for a block at a node, and what its operator will not let wait."""

import getpass
import json
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.conventions import number
from cli.home import HEX32
from cli.session import Session, command, facts, table
from client.connection import Connection, operator_of
from primitives import limits
from primitives.errors import Malformed

if TYPE_CHECKING:
    from node.mempool_view import MempoolView

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group("mempool")
def mempool() -> None:
    """Look at the transactions that wait at a node, and drop those of an account.

    Both ask the running node of a FOLDER through the socket in it.
    """


@command("list", group=mempool)
@click.argument("folder", type=_FOLDER, default=".")
@click.option("--account", metavar="HEX", help="Show this account's transactions one by one.")
def list_(session: Session, folder: Path, account: str | None) -> None:
    """Show what waits at the node of a FOLDER, by account.  [default: the current one]"""
    from node.mempool_view import MempoolView
    from primitives.named import from_named

    path = "/v1/admin/mempool" + ("" if account is None else f"?account={_checked(account)}")
    with Connection(operator_of(folder)) as connection:
        answer = connection.get(path)
    session.show(answer, _text(from_named(answer, MempoolView), time.time() * 1000, account))


@command("drop", group=mempool)
@click.argument("account", metavar="ACCOUNT")
@click.argument("folder", type=_FOLDER, default=".")
@click.option("--by", metavar="WHO", help="Who says so; in the node's log.  [default: USER@HOST]")
def drop(session: Session, account: str, folder: Path, by: str | None) -> None:
    """Drop what an ACCOUNT, in hexadecimal, has waiting at the node of a FOLDER.

    Copies that other nodes offer are not taken back; what a client submits here again is. The other
    nodes keep theirs, and may propose them: on a chain nobody can forbid a valid transaction alone.
    """
    who = by or f"{getpass.getuser()}@{socket.gethostname()}"[: limits.OPERATOR_LENGTH_MAX]
    asked = json.dumps({"account": _checked(account), "by": who}).encode()
    with Connection(operator_of(folder)) as connection:
        answer = connection.post("/v1/admin/mempool/drop", asked, kind="application/json")
    count = answer["transactions"]
    said = "1 transaction waits" if count == 1 else f"{number(count)} transactions wait"
    session.show(answer, f"{said} here no more")


def _checked(account: str) -> str:
    """An account's id as the node reads it.

    Raises:
        Malformed: it is none.
    """
    if not HEX32.fullmatch(account):
        raise Malformed(f"expected 64 lower-case hexadecimal digits, found {account!r}")
    return account


def _text(found: "MempoolView", now_ms: float, asked: str | None) -> str:
    parts = [
        facts(
            [
                ("transactions", number(found.transactions)),
                ("bytes", number(found.bytes)),
                ("accounts", number(found.accounts)),
            ]
        )
    ]
    if found.most:
        titles = ("account", "transactions", "bytes", "oldest", "first expires", "last expires")
        rows = [
            (
                one.account.hex(),
                number(one.transactions),
                number(one.bytes),
                _span(now_ms - one.oldest_since_ms),
                _span(one.first_expires_ms - now_ms),
                _span(one.last_expires_ms - now_ms),
            )
            for one in found.most
        ]
        parts.append(table(titles, rows))
    if asked is not None:
        rows_of = [
            (
                one.id.hex(),
                number(one.bytes),
                _span(now_ms - one.since_ms),
                _span(one.expires_ms - now_ms),
                one.link or "a client",
            )
            for one in found.of_account
        ]
        titles_of = ("transaction", "bytes", "waits for", "expires in", "from")
        parts.append(table(titles_of, rows_of) if rows_of else "this account has nothing waiting")
    return "\n\n".join(parts)


def _span(ms: float) -> str:
    """A duration as people say it; what is past is 0 s."""
    seconds = max(0, round(ms / 1000))
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
