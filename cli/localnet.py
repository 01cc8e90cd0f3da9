"""`mithaq localnet`: a network of validators on this machine, each a process of its own."""

import json
import os
import shlex
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import click

from cli import processes
from cli.completion import node_names
from cli.founding import BASE_PORT, DEMO_KEYS, VALIDATORS_DEFAULT, Plan, found
from cli.home import Home, Localnet, NodeEntry, home_of, node_of
from cli.session import HOME_DEFAULT, HOME_VARIABLE, Session, command, facts, program, table
from client.faults import NotFinal
from node.config import NodeFolder
from p2p.peers import parse_address
from primitives.errors import OperatorFault
from primitives.validators import quorum

if TYPE_CHECKING:
    from cli.standing import Report

FIRST_BLOCK_S: Final = 180.0
"""On a busy machine; on an idle one the first block takes a few seconds."""
STOP_S: Final = 30.0
"""A node closes its database within milliseconds; after this it is made to end."""
_POLL_S: Final = 0.1
_TAIL_BYTES: Final = 1024 * 1024


@click.group("localnet")
def localnet() -> None:
    """Run a network of validators on this machine. Each node is a process of its own."""


@command("up", group=localnet)
@click.option("--validators", type=int, help=f"Nodes that vote.  [default: {VALIDATORS_DEFAULT}]")
@click.option("--observers", type=int, help="Nodes that follow.  [default: 0]")
@click.option(
    "--base-port",
    type=int,
    help=f"Node i: p2p on this port + i, API 1000 above.  [default: {BASE_PORT}]",
)
def up(
    session: Session, validators: int | None, observers: int | None, base_port: int | None
) -> None:
    """Start the network, made first where there is none; return when block 1 is final everywhere.

    Where the home has a network, the nodes that do not run are started.
    """
    home = home_of(session)
    began = time.monotonic()
    if home.has_network():
        network = home.localnet()
        _check_same(network, validators, observers, base_port)
    else:
        plan = Plan(
            network="localnet",
            validators=VALIDATORS_DEFAULT if validators is None else validators,
            observers=observers or 0,
            base_port=BASE_PORT if base_port is None else base_port,
        )
        _check_ports(plan.entries())
        session.progress(f"Making a network in {home.path}")
        network = found(home, plan)
    idle = [entry for entry in network.nodes if processes.running(_folder(home, entry)) is None]
    _check_ports(idle)
    if idle:
        session.progress(f"Starting {', '.join(entry.name for entry in idle)}")
    for entry in idle:
        processes.launch(_folder(home, entry))
    height = _wait_for_first_block(session, home, network, began)
    _show_welcome(session, home, network, height, time.monotonic() - began)


def _check_same(
    network: Localnet, validators: int | None, observers: int | None, base_port: int | None
) -> None:
    has = {
        "--validators": sum(entry.role == "validator" for entry in network.nodes),
        "--observers": sum(entry.role == "observer" for entry in network.nodes),
        "--base-port": network.base_port,
    }
    asked = {"--validators": validators, "--observers": observers, "--base-port": base_port}
    for option, value in asked.items():
        if value is not None and value != has[option]:
            raise click.UsageError(
                f"{option}: this network was made with {has[option]}, found {value} "
                "(`mithaq localnet reset --yes` makes room for another)"
            )


def _check_ports(entries: Sequence[NodeEntry]) -> None:
    for entry in entries:
        for address in (entry.p2p, entry.api):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(parse_address(address))
                except OSError as error:
                    raise OperatorFault(
                        f"{entry.name} cannot listen on {address}: {error.strerror}; end the "
                        "program that does, or choose other ports with --base-port"
                    ) from error


def _wait_for_ports(entry: NodeEntry) -> None:
    """Of a node that was killed a moment ago, the kernel may still hold connections."""
    deadline = time.monotonic() + STOP_S
    while True:
        try:
            return _check_ports([entry])
        except OperatorFault:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)


def _wait_for_first_block(session: Session, home: Home, network: Localnet, began: float) -> int:
    voting = [entry for entry in network.nodes if entry.role == "validator"]
    needed = quorum(len(voting))
    answered = 0
    while True:
        seen = [report.status for report in _asked(home, network.nodes)]
        statuses = [status for status in seen[: len(voting)] if status is not None]
        follow = all(status is not None and status.height >= 1 for status in seen[len(voting) :])
        if len(statuses) > answered:
            answered = len(statuses)
            seconds = time.monotonic() - began
            session.progress(f"{answered} of {len(voting)} validators answer ({seconds:.1f} s)")
        # The quorum-th highest of them: so many have at least this block.
        heights = sorted((status.height for status in statuses), reverse=True)
        if follow and len(heights) == len(voting) and heights[needed - 1] >= 1:
            return heights[needed - 1]
        if time.monotonic() - began > FIRST_BLOCK_S:
            if len(heights) >= needed and heights[needed - 1] >= 1:
                return heights[needed - 1]
            raise NotFinal(
                f"block 1 is not final after {FIRST_BLOCK_S:.0f} s; {answered} of {len(voting)} "
                "validators answer (`mithaq localnet logs` shows what they say)"
            )
        time.sleep(_POLL_S)


def _asked(home: Home, entries: Sequence[NodeEntry]) -> "Iterator[Report]":
    """Ask each in turn; a silent one whose process has ended will never answer."""
    from cli.standing import ask

    for entry in entries:
        report = ask(node_of(entry), home.chain, timeout_s=1.0)
        if report.status is None and processes.running(_folder(home, entry)) is None:
            said = processes.last_words(_folder(home, entry))
            raise OperatorFault(f"{entry.name} has ended: {said}")
        yield report


def _show_welcome(
    session: Session, home: Home, network: Localnet, height: int, seconds: float
) -> None:
    keys = {
        name: home.account_of(home.key(name).public).hex()
        for name in DEMO_KEYS
        if home.key_file(name).exists()
    }
    result = {
        "home": str(home.path),
        "network": network.network,
        "chain": home.chain.hex(),
        "height": height,
        "seconds": round(seconds, 1),
        "nodes": {entry.name: node_of(entry).url for entry in network.nodes},
        "keys": keys,
        "try": _commands(session),
    }
    text = "\n".join(
        [
            f"Block {height} is final ({seconds:.1f} s). Chain {home.chain.hex()}",
            "",
            facts((entry.name, node_of(entry).url) for entry in network.nodes),
            "",
            f"Keys in {home.keys}, and their accounts:",
            facts((f"  {name}", account) for name, account in keys.items()),
            "",
            "Try:",
            *(f"  {line}" for line in _commands(session)),
        ]
    )
    session.show(result, text)


def _commands(session: Session) -> list[str]:
    usual = os.environ.get(HOME_VARIABLE) or HOME_DEFAULT
    home = "" if str(session.home) == usual else f" --home {shlex.quote(str(session.home))}"
    # A payer uses a reference once, so that each welcome has another one.
    reference = f"invoice-{time.time_ns() // 1_000_000_000}"
    payment = f"--asset GBP --line to=agency-1,amount=1250.00GBP,reference={reference}"
    mithaq = program()
    return [
        f"{mithaq} status{home}",
        f"{mithaq} tx send money.transfer --key treasury {payment} --wait --proof payment.proof"
        + home,
        f"{mithaq} proof verify payment.proof{home}",
    ]


@command("down", group=localnet)
def down(session: Session) -> None:
    """Stop every node of the network: politely, and after a while for certain."""
    home = home_of(session)
    network = home.localnet()
    stopped = _stop(home, network.nodes)
    killed = [name for name, politely in stopped.items() if not politely]
    text = f"stopped: {', '.join(stopped) or 'nothing ran'}"
    if killed:
        text += f"; made to end: {', '.join(killed)}"
    session.show({"stopped": list(stopped), "killed": killed}, text)


def _stop(home: Home, entries: Sequence[NodeEntry]) -> dict[str, bool]:
    """Name of each node that ran → whether it ended by itself."""
    asked = [
        entry for entry in entries if processes.signal_node(_folder(home, entry), signal.SIGTERM)
    ]
    deadline = time.monotonic() + STOP_S
    ended: dict[str, bool] = {}
    for entry in asked:
        folder = _folder(home, entry)
        left = max(0.0, deadline - time.monotonic())
        ended[entry.name] = processes.wait_for_end(folder, timeout_s=left)
        if not ended[entry.name]:
            _kill(folder)
    return ended


def _kill(folder: NodeFolder) -> None:
    processes.signal_node(folder, signal.SIGKILL)
    if not processes.wait_for_end(folder, timeout_s=STOP_S):
        raise OperatorFault(f"{folder.path}: its process does not end, not even killed")


@command("status", group=localnet)
def status(session: Session) -> None:
    """Show each node's process, height, view and links, and whether the chain can proceed."""
    from cli.standing import overview, standing_of

    home = home_of(session)
    network = home.localnet()
    pids = {entry.name: processes.running(_folder(home, entry)) for entry in network.nodes}
    found = standing_of([node_of(entry) for entry in network.nodes], home)
    lines = table(["NODE", "PROCESS"], [(name, pid or "-") for name, pid in pids.items()])
    session.show({**found.named(), "processes": pids}, f"{lines}\n\n{overview(found)}")


@command("logs", group=localnet)
@click.argument("node", required=False, shell_complete=node_names)
@click.option("-f", "--follow", is_flag=True, help="Go on printing what is written.")
@click.option("-n", "--lines", default=20, show_default=True, help="How many of the last lines.")
def logs(session: Session, node: str | None, follow: bool, lines: int) -> None:
    """Print what the nodes wrote last; of one NODE (a name, or its number), or of all."""
    home = home_of(session)
    network = home.localnet()
    chosen = network.nodes if node is None else (_entry(network, node),)
    named = len(chosen) > 1
    offsets: dict[str, int] = {}
    for entry in chosen:
        text, offsets[entry.name] = _log(home, entry, None)
        tail = text.decode(errors="replace").splitlines()[-lines:] if lines > 0 else []
        _print_log(session, entry, tail, named=named)
    while follow:
        time.sleep(_POLL_S)
        for entry in chosen:
            text, _ = _log(home, entry, offsets[entry.name])
            whole = text[: text.rfind(b"\n") + 1]
            offsets[entry.name] += len(whole)
            _print_log(session, entry, whole.decode(errors="replace").splitlines(), named=named)


def _log(home: Home, entry: NodeEntry, offset: int | None) -> tuple[bytes, int]:
    """What the log holds from an offset on, or at its end, and how long it is."""
    try:
        with _folder(home, entry).log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES) if offset is None else offset)
            return file.read(), size
    except FileNotFoundError:
        return b"", 0


def _print_log(session: Session, entry: NodeEntry, lines: Sequence[str], *, named: bool) -> None:
    for line in lines:
        if session.machine:
            click.echo(json.dumps({"node": entry.name, "line": line}, ensure_ascii=False))
        else:
            click.echo(f"{entry.name}: {line}" if named else line)


@command("reset", group=localnet)
@click.option("--yes", is_flag=True, help="Really delete the chain and its nodes.")
def reset(session: Session, yes: bool) -> None:
    """Delete the network: its nodes, their keys and the chain. The keys of accounts stay."""
    home = home_of(session)
    if not yes:
        raise click.UsageError(f"this deletes {home.nodes} and the chain in it: say --yes")
    if home.has_network():
        _stop(home, home.localnet().nodes)
    gone = [path for path in (home.nodes, home.genesis_file, home.localnet_file) if path.exists()]
    home.localnet_file.unlink(missing_ok=True)
    home.genesis_file.unlink(missing_ok=True)
    if home.nodes.exists():
        shutil.rmtree(home.nodes)
    text = f"deleted: {', '.join(map(str, gone)) or 'nothing was there'}"
    session.show({"deleted": [str(path) for path in gone]}, text)


@command("kill", group=localnet)
@click.argument("node", shell_complete=node_names)
def kill(session: Session, node: str) -> None:
    """End NODE (a name, or its number) with SIGKILL, as a power loss would."""
    home = home_of(session)
    entry = _entry(home.localnet(), node)
    folder = _folder(home, entry)
    pid = processes.running(folder)
    if pid is None:
        raise OperatorFault(f"{entry.name} does not run")
    _kill(folder)
    session.show({"name": entry.name, "pid": pid}, f"killed {entry.name}, process {pid}")


@command("start", group=localnet)
@click.argument("node", shell_complete=node_names)
def start(session: Session, node: str) -> None:
    """Start NODE (a name, or its number) again; return when it answers."""
    home = home_of(session)
    entry = _entry(home.localnet(), node)
    folder = _folder(home, entry)
    pid = processes.running(folder)
    if pid is not None:
        raise OperatorFault(f"{entry.name} runs already, as process {pid}")
    _wait_for_ports(entry)
    pid = processes.launch(folder)
    deadline = time.monotonic() + FIRST_BLOCK_S
    while all(report.status is None for report in _asked(home, [entry])):
        if time.monotonic() > deadline:
            raise NotFinal(f"{entry.name} does not answer after {FIRST_BLOCK_S:.0f} s")
        time.sleep(_POLL_S)
    session.show({"name": entry.name, "pid": pid}, f"started {entry.name}, process {pid}")


def _entry(network: Localnet, node: str) -> NodeEntry:
    if node.isascii() and node.isdigit() and int(node) < len(network.nodes):
        return network.nodes[int(node)]
    for entry in network.nodes:
        if node in (entry.name, entry.folder.rpartition("/")[2]):
            return entry
    names = ", ".join(entry.name for entry in network.nodes)
    raise click.UsageError(
        f"NODE: expected 0 to {len(network.nodes) - 1} or one of {names}, found {node!r}"
    )


def _folder(home: Home, entry: NodeEntry) -> NodeFolder:
    return NodeFolder(home.path / entry.folder)
