"""`mithaq state`: entries of the state, as they are or as they were after an earlier block."""

import json
from typing import Any

import click

from cli.home import Home, client_of, home_of
from cli.session import Session, asking_command, facts


@click.group("state")
def state() -> None:
    """Read entries of the state, also as they were."""


@asking_command("get", group=state)
@click.argument("table")
@click.argument("key")
@click.option(
    "--height",
    type=click.IntRange(min=0),
    metavar="H",
    help="After block H.  [default: the newest]",
)
def get(session: Session, table: str, key: str, height: int | None) -> None:
    """Show the entry of TABLE under KEY.

    TABLE is a name or a number. KEY is hexadecimal (00 where the table has but one entry); in
    `accounts` also the name of a key of the home, and in `balances` ACCOUNT/ASSET. Exit code 1
    where there is no such entry.
    """
    name, at = entry_of(home_of(session), table, key)
    asked = {} if height is None else {"height": height}
    with client_of(session) as client:
        found = client.get(f"/v1/state/{name}/{at.hex()}", asked)
    session.show(found, _text(found))


def entry_of(home: Home, table: str, key: str) -> tuple[str, bytes]:
    """Table and key of an entry, as people write them.

    Raises:
        UsageError: it is none.
        OperatorFault: no account has that name here.
    """
    if not table.isascii() or not table.replace("_", "").isalnum():
        raise click.UsageError(f"TABLE: expected a name or a number, found {table!r}")
    if table == "accounts":
        return table, home.account(key)
    account, slash, asset = key.partition("/")
    if table == "balances" and slash:
        if not asset.isascii() or not asset.isalnum():
            raise click.UsageError(f"KEY: expected ACCOUNT/ASSET, found {key!r}")
        return table, home.account(account) + asset.encode("ascii")
    try:
        found = bytes.fromhex(key)
    except ValueError:
        found = b""
    if not found:
        raise click.UsageError(f"KEY: expected hexadecimal, found {key!r}")
    return table, found


def _text(found: dict[str, Any]) -> str:
    record = found["record"]
    rows = [(name, _shown(value)) for name, value in record.items()]
    return facts(
        [
            ("table", found["table"]),
            ("key", found["key"]),
            *rows,
            ("after block", found["height"]),
            ("state root", found["state_root"]),
        ]
    )


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
