"""`mithaq testnet`: the folders of a new network, ready to be started or carried elsewhere."""

from pathlib import Path

import click

from cli.home import Home, home_of
from cli.session import Session, command, facts


@command("testnet")
@click.option("--validators", default=4, show_default=True, help="Nodes that vote.")
@click.option("--observers", default=0, show_default=True, help="Nodes that follow.")
@click.option(
    "--base-port",
    default=17000,
    show_default=True,
    help="Node i: p2p on this port + i, API 1000 above.",
)
@click.option(
    "--first-address",
    help="A machine for each node: this IPv4 address, and those above it, all with the same ports."
    "  [default: all on 127.0.0.1]",
)
@click.option("--network", default="testnet", show_default=True, help="Name of the network.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write.  [default: the home]",
)
def testnet(
    session: Session,
    validators: int,
    observers: int,
    base_port: int,
    first_address: str | None,
    network: str,
    output: Path | None,
) -> None:
    """Write the folders of a new network's nodes: keys, genesis and configurations.

    A treasury with 250,000,000.00 GBP, a registrar and two agencies have accounts; their keys are
    in keys/. Nothing is started, and nothing is overwritten.
    """
    from cli.founding import Plan, found

    home = home_of(session) if output is None else Home(output)
    plan = Plan(
        network=network,
        validators=validators,
        observers=observers,
        base_port=base_port,
        first_address=first_address,
    )
    localnet = found(home, plan)
    result = {
        "home": str(home.path),
        "network": network,
        "chain": home.chain.hex(),
        "nodes": [
            {
                "name": entry.name,
                "role": entry.role,
                "folder": str(home.path / entry.folder),
                "p2p": entry.p2p,
                "api": entry.api,
            }
            for entry in localnet.nodes
        ],
        "keys": {name: home.account_of(home.key(name).public).hex() for name in home.key_names()},
    }
    lines = [
        ("network", f"{network}, chain {home.chain.hex()}"),
        *((entry.name, f"mithaq start {home.path / entry.folder}") for entry in localnet.nodes),
    ]
    session.show(result, facts(lines))
