"""`mithaq observer`: which nodes without a vote may connect.

The operator of a new node lets it consent, into a file; a registrar admits it with that file, and
from that block on every validator links with it. Nobody edits a list of peers.
"""

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cli.completion import key_names
from cli.home import HEX32, client_of, home_of
from cli.session import Session, asking_command, command, facts, table
from cli.waiting import WAIT_OPTIONS, Waiting
from primitives.errors import Malformed, Rejected

if TYPE_CHECKING:
    from ledger.operation import Operation
    from node.config import NodeFolder
    from primitives.ids import ChainId, NodeKey

_DAYS: Final = re.compile(r"([1-9][0-9]{0,2})d")
_DAY_MS: Final = 24 * 60 * 60 * 1000

KEY_OPTIONS: Final = (
    click.Option(
        ["--key"],
        required=True,
        metavar="NAME",
        shell_complete=key_names,
        help="Key that signs, such as the registrar's.",
    ),
    click.Option(
        ["--actor"],
        metavar="ACCOUNT",
        shell_complete=key_names,
        help="Who acts.  [default: the key's account]",
    ),
    *WAIT_OPTIONS,
)


@click.group("observer")
def observer() -> None:
    """Admit nodes that follow without a vote, list them, and revoke them."""


@command("request", group=observer)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--name", help="What the node is called, on chain.  [default: its own name]")
@click.option(
    "--account",
    required=True,
    metavar="ACCOUNT",
    shell_complete=key_names,
    help="Who answers for the node: an account's id, or the name of a key of this home.",
)
@click.option("--chain", metavar="ID", help="Of which chain.  [default: its genesis.json's]")
@click.option(
    "--valid-for",
    default="30d",
    show_default=True,
    metavar="DAYS",
    help="How long a registrar may use it: 7d, 90d.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write.  [default: observer-NAME.json]",
)
def request(
    session: Session,
    folder: Path,
    name: str | None,
    account: str,
    chain: str | None,
    valid_for: str,
    output: Path | None,
) -> None:
    """Let the node of a FOLDER consent to be an observer, into a file for a registrar.

    It is signed with the node's own key, so that nobody else can bind the node to an account.
    """
    from cli.consent_file import consented
    from cli.files import replace_file
    from ledger.observers import ObserverRecord
    from node.config import NodeFolder, load_config
    from node.keys import Purpose, read_key
    from primitives.ids import NodeKey, TimeMs

    node = NodeFolder(folder.absolute())
    key = read_key(node.node_key, Purpose.NODE)
    called = name or (load_config(node.config).name if node.config.exists() else key.name)
    found = _DAYS.fullmatch(valid_for)
    if found is None:
        raise click.UsageError(f"--valid-for: expected days such as 30d, found {valid_for!r}")
    valid_until = TimeMs(time.time_ns() // 1_000_000 + int(found[1]) * _DAY_MS)
    record = ObserverRecord(called, NodeKey(key.public), home_of(session).account(account))
    said = consented(key, _chain(node, chain), record, valid_until)
    target = output or Path(f"observer-{called}.json")
    replace_file(target, said.text().encode())
    result = {
        "name": called,
        "node_key": record.node_key.hex(),
        "account": record.account.hex(),
        "chain": said.chain.hex(),
        "file": str(target),
    }
    session.show(result, home_of(session).with_names(facts(result.items())))
    session.remark(f"next: a registrar says mithaq observer admit {target} --key NAME --wait")


def _chain(node: "NodeFolder", said: str | None) -> "ChainId":
    from ledger.genesis import genesis_block
    from node.folder import load_genesis
    from primitives.ids import ChainId

    if said is None:
        return genesis_block(load_genesis(node.genesis)).chain
    if not HEX32.fullmatch(said):
        raise click.UsageError(f"--chain: expected 64 hexadecimal digits, found {said!r}")
    return ChainId(bytes.fromhex(said))


@asking_command("admit", group=observer, options=KEY_OPTIONS)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def admit(session: Session, file: Path, **how: Any) -> None:  # noqa: ANN401 - the options of KEY_OPTIONS
    """Admit the node whose consent is in FILE: from that block on it may connect and follow.

    Needs the role registrar for the network. A node that is admitted already is bound anew.
    """
    from cli.consent_file import read_consent_file
    from services.authority.observers import AdmitObserver

    said = read_consent_file(file)
    home = home_of(session)
    if home.genesis_file.exists() and said.chain != home.chain:
        raise Malformed(f"{file} is for chain {said.chain.hex()}, not {home.chain.hex()}")
    _submit(session, AdmitObserver(said.consent), **how)


@asking_command("revoke", group=observer, options=KEY_OPTIONS)
@click.argument("observer", metavar="NAME|NODE_KEY")
def revoke(session: Session, observer: str, **how: Any) -> None:  # noqa: ANN401 - the options of KEY_OPTIONS
    """Revoke an observer: its links end with that block, and it is refused from then on.

    Needs the role registrar for its account, or the key of that account itself.
    """
    from services.authority.observers import RevokeObserver

    _submit(session, RevokeObserver(_node_key(session, observer)), **how)


@asking_command("list", group=observer)
@click.option("--all", "everybody", is_flag=True, help="Also who was revoked.")
def list_(session: Session, everybody: bool) -> None:
    """List the observers, with the accounts that answer for them."""
    from primitives.named import to_named

    found = [row for row in _rows(session) if everybody or row.until is None]
    lines = [
        (
            row.name,
            f"{row.node_key.hex()[:16]}…",
            home_of(session).with_names(row.account.hex()),
            row.since,
            "in force" if row.until is None else f"revoked in block {row.until}",
        )
        for row in found
    ]
    text = table(["OBSERVER", "NODE KEY", "ACCOUNT", "SINCE BLOCK", "STATE"], lines)
    session.show({"observers": [to_named(row) for row in found]}, text if lines else "no observer")


def _submit(
    session: Session,
    operation: "Operation",
    *,
    key: str,
    actor: str | None,
    wait: bool,
    timeout: int,
    proof: Path | None,
) -> None:
    from cli.operations import VALID_FOR_DEFAULT, new_body_of
    from cli.submission import submit
    from ledger.transaction import Call, sign_body

    home = home_of(session)
    signs = home.key(key)
    acts = home.account_of(signs.public) if actor is None else home.account(actor)
    body = new_body_of(session, (Call(acts, operation),), VALID_FOR_DEFAULT)
    transaction = sign_body(body, [signs.signing()])
    submit(session, transaction, Waiting(wait=wait, timeout_s=timeout, proof=proof))


def _node_key(session: Session, word: str) -> "NodeKey":
    from primitives.ids import NodeKey

    if HEX32.fullmatch(word):
        return NodeKey(bytes.fromhex(word))
    known: dict[str, NodeKey] = {
        row.name: row.node_key for row in _rows(session) if row.until is None
    }
    if word not in known:
        raise Rejected(
            "observers.unknown_name",
            f"expected an observer in force by name or node key, found {word!r}; there are: "
            f"{', '.join(known) or 'none'}",
            {"expected": list(known), "actual": word},
        )
    return known[word]


def _rows(session: Session) -> list[Any]:
    with client_of(session) as client:
        return list(client.rows("authority.observers"))
