"""`mithaq block` and `mithaq account`: what the chain holds."""

from typing import TYPE_CHECKING

import click

from cli.completion import key_names
from cli.conventions import money, number, time_text
from cli.home import client_of, home_of
from cli.session import Session, asking_command, facts

if TYPE_CHECKING:
    from node.queries import AccountAnswer, BlockAnswer


@asking_command("block")
@click.argument("height", default="latest")
def block(session: Session, height: str) -> None:
    """Show the block at HEIGHT, or the latest: its header, who certified it, its transactions."""
    if height != "latest" and not (height.isascii() and height.isdigit()):
        raise click.UsageError(f"HEIGHT: expected a number or 'latest', found {height!r}")
    from primitives.named import to_named

    with client_of(session) as client:
        found = client.block(None if height == "latest" else int(height))
    session.show(to_named(found), _block_text(found))


def _block_text(found: "BlockAnswer") -> str:
    header, certificate = found.header, found.certificate
    signed = "nobody: block 0 is the chain's definition"
    if certificate is not None:
        names = ", ".join(seal.name for seal in certificate.seals)
        signed = f"{names} (view {certificate.view})"
    return facts(
        [
            ("height", header.height),
            ("id", found.id.hex()),
            ("parent", header.parent.hex()),
            ("time", time_text(header.time_ms)),
            ("state root", header.state_root.hex()),
            ("certified by", signed),
            ("transactions", f"{number(found.count)}, {number(found.bytes)} bytes"),
            *(("", identifier.hex()) for identifier in found.transactions),
        ]
    )


@asking_command("account")
@click.argument("account", shell_complete=key_names)
def account(session: Session, account: str) -> None:
    """Show ACCOUNT (an id, or the name of a key of the home): keys, roles and balances."""
    from primitives.named import to_named

    identifier = home_of(session).account(account)
    with client_of(session) as client:
        found = client.account(identifier)
    session.show(to_named(found), _account_text(found))


def _account_text(found: "AccountAnswer") -> str:
    signs: list[tuple[str, object]] = [("threshold", found.threshold)]
    signs += [(f"key of weight {key.weight}", key.key.hex()) for key in found.keys]
    if found.keeper is not None:
        floor = "none" if found.floor is None else found.floor
        signs = [("keeper", found.keeper.hex()), ("floor", floor)]
    roles = [
        ("role", role.role + (f" for {role.scope.hex()}" if role.scope else ""))
        for role in found.roles
    ]
    balances = [
        ("balance", money(held.amount, held.exponent, held.asset)) for held in found.balances
    ]
    return facts(
        [
            ("account", found.id.hex()),
            ("name", found.name or "-"),
            ("kind", found.kind.value),
            *signs,
            *roles,
            *(balances or [("balance", "none")]),
            ("at height", found.height),
        ]
    )
