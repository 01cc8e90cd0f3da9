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
    "--height", type=click.IntRange(min=0), help="After which block.  [default: the newest]"
)
def get(session: Session, table: str, key: str, height: int | None) -> None:
    """Show the entry of TABLE under KEY.

    TABLE is a name or a number. KEY is hexadecimal; in `accounts` also the name of a key of the
    home, and in `balances` ACCOUNT/ASSET. Exit code 1 where there is no such entry.
    """
    if not table.isascii() or not table.replace("_", "").isalnum():
        raise click.UsageError(f"TABLE: expected a name or a number, found {table!r}")
    path = f"/v1/state/{table}/{key_of(home_of(session), table, key)}"
    with client_of(session) as client:
        found = client.get(path, {} if height is None else {"height": height})
    session.show(found, _text(found))


def key_of(home: Home, table: str, key: str) -> str:
    """The key of an entry in hexadecimal, as people write it.

    Raises:
        UsageError: it is none.
    """
    if table == "accounts":
        return home.account(key).hex()
    account, slash, asset = key.partition("/")
    if table == "balances" and slash:
        if not asset.isascii() or not asset.isalnum():
            raise click.UsageError(f"KEY: expected ACCOUNT/ASSET, found {key!r}")
        return home.account(account).hex() + asset.encode("ascii").hex()
    try:
        found = bytes.fromhex(key)
    except ValueError:
        found = b""
    if not found:
        raise click.UsageError(f"KEY: expected hexadecimal, found {key!r}")
    return found.hex()


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
