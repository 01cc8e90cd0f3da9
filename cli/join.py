"""`mithaq join`: a new node, from a bundle to following.

Two lives in one command. First the node is nobody: it asks the bundle's nodes for a snapshot
(node/joining.py) and makes its database of it. Then it runs as `mithaq start` has it, while a
thread beside it asks it how far it is, until it is level with the others.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import click

from cli.conventions import time_text
from cli.home import reachable
from cli.processes import forget_own, record_own
from cli.session import Session, command
from cli.upkeep import Drawn
from client.connection import Node
from node.config import NodeFolder
from node.work import Progress
from primitives.errors import OperatorFault
from primitives.ids import Height, NodeKey

if TYPE_CHECKING:
    from node.bundle import Bundle
    from node.config import Config
    from node.status import NodeStatus

LOOK_S: Final = 0.2
"""How often the running node is asked how far it is."""
ALONE_S: Final = 10.0
"""After so long one validator's word for where the chain is will do."""


@command("join")
@click.argument("bundle_file", metavar="BUNDLE", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", help="The node's name.  [default: the folder's]")
@click.option(
    "--listen", default="0.0.0.0:17000", show_default=True, help="Where it listens for other nodes."
)
@click.option(
    "--advertise",
    multiple=True,
    metavar="HOST:PORT",
    help="Where others reach it; may be repeated.  [default: where it listens, unless everywhere]",
)
@click.option("--api", default="127.0.0.1:18000", show_default=True, help="Where people reach it.")
@click.option(
    "--from-genesis", is_flag=True, help="Fetch every block from the first on; takes no snapshot."
)
@click.option("--stop", is_flag=True, help="End the node when it follows.")
def join(
    session: Session,
    bundle_file: Path,
    folder: Path,
    name: str | None,
    listen: str,
    advertise: tuple[str, ...],
    api: str,
    from_genesis: bool,
    stop: bool,
) -> None:
    """Make a node in DIR that follows the network of BUNDLE, and run it.

    The node gets its key and its config.toml, fetches the newest snapshot that the network's nodes
    can prove, from several of them at once, then the blocks above, and goes on as `mithaq start`
    would; its log goes to DIR/node.log. Nothing is believed but the chain's id in the bundle.

    The network must know the node's key before its nodes talk to it: until then this command waits
    and says so. Interrupted, it goes on where it was when it is called again; the options count
    the first time, when config.toml is made.
    """
    from node.bundle import read_bundle

    if not __debug__:
        raise OperatorFault("python -O removes the assertions, which are part of the product")
    bundle = read_bundle(bundle_file)
    node = NodeFolder(folder.absolute())
    _require_no_chain(node)
    settings = _settings(bundle, name or node.path.name, listen, advertise, api)
    config = _make_folder(node, bundle, settings)
    shown = _Shown(session)
    record_own(node)
    try:
        with shown:
            _say_who(shown, node, bundle)
            _fetch(node, bundle, config, shown, from_genesis=from_genesis)
            _run(session, node, config, shown, stop=stop)
    finally:
        forget_own(node)


def _require_no_chain(node: NodeFolder) -> None:
    if node.data.exists():
        raise OperatorFault(
            f"{node.data} is there already, so this node has its chain: `mithaq start {node.path}` "
            "runs it; to join anew, move data/ away first"
        )


def _settings(
    bundle: "Bundle", name: str, listen: str, advertise: tuple[str, ...], api: str
) -> "Config":
    from cli.init import checked_address, checked_reachable
    from node.config import ApiConfig, BootstrapConfig, Config, P2pConfig

    return Config(
        name=name,
        p2p=P2pConfig(
            listen=checked_address("--listen", listen),
            advertise=tuple(checked_reachable("--advertise", one) for one in advertise),
            bootstrap=tuple(
                BootstrapConfig(one.node_id.hex(), one.addresses[0], one.name)
                for one in bundle.bootstrap
            ),
        ),
        api=ApiConfig(listen=checked_address("--api", api)),
    )


def _make_folder(node: NodeFolder, bundle: "Bundle", settings: "Config") -> "Config":
    """What is missing in the folder; what is there stays, and must be of this chain."""
    from cli.founding import document_bytes, write_new
    from node.bundle import check_document
    from node.config import config_text, load_config
    from node.folder import load_genesis
    from node.keys import Purpose, create_key

    node.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    if node.genesis.exists():
        try:
            check_document(load_genesis(node.genesis), bundle.chain)
        except OperatorFault as fault:
            raise OperatorFault(f"{node.genesis}: {fault}") from fault
    elif bundle.genesis is not None:
        write_new(node.genesis, document_bytes(bundle.genesis))
    if not node.node_key.exists():
        create_key(node.node_key, name=settings.name, purpose=Purpose.NODE)
    if not node.config.exists():
        write_new(node.config, config_text(settings).encode())
    return load_config(node.config)


def _say_who(shown: "_Shown", node: NodeFolder, bundle: "Bundle") -> None:
    from node.keys import Purpose, read_key

    key = read_key(node.node_key, Purpose.NODE).public
    shown.say(
        f"joining {bundle.network}, chain {bundle.chain.hex()}, with a bundle made at "
        f"{time_text(bundle.made_ms)}"
    )
    shown.say(f"this node's key is {key.hex()}")
    document = bundle.genesis
    known: set[NodeKey] = set()
    if document is not None:
        known |= {record.node_key for record in document.validators}
        known |= {record.node_key for record in document.observers}
    if NodeKey(key) not in known:
        shown.say(
            f"the network must know it: `mithaq observer request {node.path} --account ACCOUNT "
            f"--chain {bundle.chain.hex()}` makes what a registrar needs to admit it; until then "
            "the others refuse its links, and this command waits"
        )


def _fetch(
    node: NodeFolder, bundle: "Bundle", config: "Config", shown: "_Shown", *, from_genesis: bool
) -> None:
    """Have genesis.json and, unless the node is to begin at genesis, a database."""
    import trio

    from cli.founding import document_bytes, write_new
    from node.joining import Newcomer, among_peers
    from node.joining_choice import Pin
    from node.joining_disk import Larder
    from node.keys import Purpose, read_key
    from node.room import require_room
    from p2p.peers import Peer, peer_id_of

    require_room(node.data, node.path)
    larder = Larder(node.joining)
    if from_genesis:
        larder.clear()
        if node.genesis.exists():
            return
    newcomer = Newcomer(
        node_seed=read_key(node.node_key, Purpose.NODE).seed,
        listen=config.p2p.listen,
        pin=Pin(bundle.chain, bundle.pinned),
        peers=tuple(
            Peer(id=peer_id_of(one.node_id), name=one.name, votes=True, addresses=one.addresses)
            for one in bundle.bootstrap
        ),
        larder=larder,
        data=node.data,
    )

    async def run() -> None:
        async with among_peers(newcomer, shown) as session:
            if not node.genesis.exists():
                write_new(node.genesis, document_bytes(await session.genesis()))
            if from_genesis:
                return
            made = await session.snapshot()
            began = "at block 1" if made is None else f"from the snapshot of height {made.height}"
            shown.say(f"the node begins {began}")

    trio.run(run)


def _run(
    session: Session, node: NodeFolder, config: "Config", shown: "_Shown", *, stop: bool
) -> None:
    """Run the node, as `mithaq start` does, and say when it follows."""
    from node.app import run

    shown.say(f"the node runs; its log goes to {node.log}")
    following = _Following(session, node, config, shown, stop=stop)
    following.start()
    try:
        with node.log.open("ab") as log:
            run(node.path, output=log.fileno())
    finally:
        following.over.set()
        following.join()


@final
class Level:
    """When a node has all that others had: more than f of them, as far as they come.

    They go on meanwhile: what counts is what they had when the node had come within one block.
    """

    def __init__(self, now_s: float) -> None:
        self._heard_s = now_s
        self._goal: Height | None = None

    def reached(self, status: "NodeStatus", now_s: float) -> bool:
        """Whether it is so, by what the node says now."""
        heights = sorted(
            (one.last_seen_height for one in status.validators if one.last_seen_height is not None),
            reverse=True,
        )
        most_lie = (len(status.validators) - 1) // 3
        if not heights:
            self._heard_s = now_s
            return False
        if len(heights) <= most_lie and now_s - self._heard_s < ALONE_S:
            return False
        others = heights[min(most_lie, len(heights) - 1)]
        if status.sync is not None or status.height + 1 < others:
            self._goal = None
        elif self._goal is None:
            self._goal = others
        return self._goal is not None and status.height >= self._goal


@final
class _Following(threading.Thread):
    """Asks the node of this process how far it is, until it follows."""

    def __init__(
        self, session: Session, node: NodeFolder, config: "Config", shown: "_Shown", *, stop: bool
    ) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self._session, self._node, self._shown, self._ends = session, node, shown, stop
        self._at = Node(config.name, f"http://{reachable(config.api.listen)}")
        self._began_s = time.monotonic()
        self._level = Level(self._began_s)
        self._has_warned = False

    def run(self) -> None:
        """Until the node follows, or has ended."""
        from cli.standing import ask

        while not self.over.wait(LOOK_S):
            status = ask(self._at, None, timeout_s=LOOK_S * 10).status
            if status is None:
                continue
            if self._level.reached(status, time.monotonic()):
                self._tell(status)
                return
            self._show(status)

    def _show(self, status: "NodeStatus") -> None:
        sync = status.sync
        if sync is not None:
            done, total = sync.height - sync.from_height, sync.target - sync.from_height
            self._shown.hear(Progress(done, max(done, total), "blocks"))
        elif not self._has_warned and time.monotonic() - self._began_s > ALONE_S:
            self._has_warned = True
            if not any(peer.connected for peer in status.peers):
                self._shown.say("no node is linked: do they know this node's key?")

    def _tell(self, status: "NodeStatus") -> None:
        seconds = time.monotonic() - self._shown.began_s
        self._shown.close()
        result = {
            "folder": str(self._node.path),
            "chain": status.chain.hex(),
            "height": status.height,
            "seconds": round(seconds, 1),
        }
        self._session.show(result, f"following at height {status.height} ({seconds:.1f} s)")
        if self._ends:
            os.kill(os.getpid(), signal.SIGTERM)  # the node ends in order


@final
class _Shown:
    """What happens, on standard error: sentences, and bars in between. For several threads."""

    def __init__(self, session: Session) -> None:
        self.began_s = time.monotonic()
        self._machine = session.machine
        self._drawn = Drawn(session)
        self._lock = threading.Lock()

    def __enter__(self) -> "_Shown":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the line of a bar that is half-drawn."""
        with self._lock:
            self._drawn.close()

    def say(self, words: str) -> None:
        """A sentence, below the bar that was drawn."""
        with self._lock:
            self._drawn.close()
            line = json.dumps({"said": words}, ensure_ascii=False) if self._machine else words
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    def hear(self, progress: Progress) -> None:
        """A bar that moves."""
        with self._lock:
            self._drawn.hear(progress)
