"""`mithaq block` and `mithaq account`: what the chain holds."""

from datetime import UTC, datetime
from typing import Any

import click

from cli.amounts import money
from cli.home import home_of, nodes_of
from cli.session import Session, asking_command, facts


@asking_command("block")
@click.argument("height", default="latest")
def block(session: Session, height: str) -> None:
    """Show the block at HEIGHT, or the latest: its header, who certified it, its transactions."""
    if height != "latest" and not (height.isascii() and height.isdigit()):
        raise click.UsageError(f"HEIGHT: expected a number or 'latest', found {height!r}")
    answer = nodes_of(session).get(f"/v1/blocks/{height}")
    session.show(answer, _block_text(answer))


def _block_text(answer: dict[str, Any]) -> str:
    header, certificate = answer["header"], answer["certificate"]
    signed = "nobody: block 0 is the chain's definition"
    if certificate is not None:
        names = ", ".join(seal["name"] for seal in certificate["seals"])
        signed = f"{names} (view {certificate['view']})"
    return facts(
        [
            ("height", header["height"]),
            ("id", answer["id"]),
            ("parent", header["parent"]),
            ("time", time_text(int(header["time_ms"]))),
            ("state root", header["state_root"]),
            ("certified by", signed),
            ("transactions", f"{answer['count']}, {answer['bytes']} bytes"),
            *(("", identifier) for identifier in answer["transactions"]),
        ]
    )


@asking_command("account")
@click.argument("account")
def account(session: Session, account: str) -> None:
    """Show ACCOUNT (an id, or the name of a key of the home): keys, roles and balances."""
    home = home_of(session)
    identifier = home.account(account)
    nodes, path = nodes_of(session), f"/v1/accounts/{identifier.hex()}"
    answer = nodes.get(path)
    after = answer["balances_after"]
    while after is not None:
        page = nodes.get(f"{path}?balances_after={after}")
        answer["balances"] += page["balances"]
        after = answer["balances_after"] = page["balances_after"]
    session.show(answer, _account_text(answer))


def _account_text(answer: dict[str, Any]) -> str:
    keys = [(f"key of weight {key['weight']}", key["key"]) for key in answer["keys"]]
    roles = [
        ("role", role["role"] + (f" for {role['scope']}" if role["scope"] else ""))
        for role in answer["roles"]
    ]
    balances = [
        ("balance", money(int(held["amount"]), held["exponent"], held["asset"]))
        for held in answer["balances"]
    ]
    return facts(
        [
            ("account", answer["id"]),
            ("name", answer["name"] or "-"),
            ("kind", answer["kind"]),
            ("threshold", answer["threshold"]),
            *keys,
            *roles,
            *(balances or [("balance", "none")]),
            ("at height", answer["height"]),
        ]
    )


def time_text(time_ms: int) -> str:
    """A block time in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(time_ms / 1000, tz=UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{time_ms % 1000:03d} UTC"
