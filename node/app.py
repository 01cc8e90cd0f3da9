"""The composition root: every object of a node is made here, top to bottom.

One tree of tasks: the first failure ends the node, its supervisor starts it again, and the vote log
and the signer's memory say how to go on. SIGTERM and SIGINT end it in order.
"""

import signal
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import trio

from ledger.genesis import GenesisDocument
from ledger.membership import suspended, validator_records
from ledger.validators import ValidatorRecord
from node.api import serve, serve_admin
from node.config import LogLevel
from node.engine import Engine
from node.facts import Facts
from node.folder import LoadedNode, check_identity, load_node
from node.lag import Load
from node.link_status import PeerLink
from node.log import Log
from node.mempool import Held
from node.metrics import Metrics, Sight
from node.observation import Observer
from node.peer_links import PeerLinks
from node.peering import Peering
from node.ports import Ports
from node.premises import Premises
from node.retention_task import keep_retention
from node.room import require_room
from node.shell import Shell, now_ms
from node.signer import Signer
from node.snapshot_serve import SnapshotService
from node.snapshot_shelf import Shelf
from node.snapshot_task import SnapshotTask
from node.standing import SigningState, SigningStatus
from node.status import (
    ChangeStatus,
    MemberStatus,
    MempoolStatus,
    NodeRole,
    NodeStatus,
    ValidatorStatus,
    ViewStatus,
)
from node.supervision import supervised
from p2p.network import Network, open_network
from p2p.peers import PeerId, peer_id_of
from primitives import limits
from primitives.crypto import ED25519
from primitives.errors import MithaqError, OperatorFault, sole
from primitives.ids import AccountId, Height, NodeKey, Seat, TransactionId, ValidatorKey
from services.table import TRANSACTION
from storage.chain import ChainStore
from storage.decision import Genesis
from storage.durable_file import DiskFile
from storage.opening import begin_or_open
from storage.remedies import free_bytes

ROOM_EVERY_S: Final = 1.0
"""How often the disks are asked how much room is left: a second writes 192 MiB on no ledger."""
SWITCH_S: Final = 0.0005
"""How long a thread that checks signatures may keep the loop from the interpreter. With CPython's
5 ms a burst of transactions delays votes until views run out: 1,200 payments a second instead of
3,000 on two cores."""

if TYPE_CHECKING:
    # libp2p brings types for trio that hide trio's own, and keep this one elsewhere.
    from trio_typing import TaskStatus


def run(path: Path, *, patience_s: float = limits.WATCHDOG_S, output: int | None = None) -> None:
    """Run the node of a folder until it is told to stop, or its loop stands still for too long.

    `output` is the descriptor that its log goes to; if not said, standard output.

    Raises:
        OperatorFault: the folder, its files, an address or the database cannot be used.
        StorageFault: what is on disk contradicts itself, or a write failed.
    """
    if not __debug__:
        raise OperatorFault("refusing to run with python -O: invariants would be off")
    sys.setswitchinterval(SWITCH_S)
    loaded = load_node(path)
    log = Log(loaded.config.name, loaded.config.log.level, output=output)
    log.for_all()
    require_room(loaded.folder.data, loaded.folder.path)
    store = _open_store(loaded)
    try:
        _check_identity(loaded, store, log)
        trio.run(_run, loaded, store, log, patience_s)
    except BaseExceptionGroup as group:
        raise sole(group) from None
    finally:
        store.close()


async def _run(loaded: LoadedNode, store: ChainStore, log: Log, patience_s: float) -> None:
    chain = loaded.genesis.chain
    signer = _signer(loaded)
    own = signer.key if signer is not None else None
    engine = _engine(loaded, store, signer)
    answerer = _Answerer()
    metrics = Metrics()
    shelf = Shelf(loaded.folder.snapshots, chain)
    snapshots = SnapshotTask(store, loaded.config.snapshots, shelf, log)
    async with (
        supervised(log, patience_s=patience_s) as supervisor,
        open_network(
            key_seed=loaded.node_key.seed,
            listen=loaded.config.p2p.listen,
            chain_id=chain,
            peers=(),
            answer=answerer.answer,
            judge=answerer.judge,
        ) as network,
        trio.open_nursery() as tasks,
    ):
        peering = Peering(
            network,
            store=store,
            chain=chain,
            key=loaded.node_key.signing(),
            bootstrap=loaded.bootstrap,
            log=log,
        )
        shell = Shell(
            engine=engine,
            network=network,
            peering=peering,
            store=store,
            chain=chain,
            kind=TRANSACTION,
            key=own,
            log=log,
            metrics=metrics,
            newcomers=SnapshotService(store, loaded.document, shelf, snapshots).answer,
        )
        answerer.shell = shell
        node = RunningNode(loaded, store, shell, network, log, metrics)
        await tasks.start(_stop_on_signal, node)
        async with trio.open_nursery() as serving:
            public = await serving.start(_serve, node)
            await serving.start(_serve_admin, node)
            log.write.info(
                "node.started",
                chain=chain.hex(),
                height=store.head().height,
                role=node.role.value,
                p2p=network.address,
                api=public,
                muted=signer.muted if signer is not None else None,
            )
            supervisor.ready()
            peering.advertise(loaded.config.p2p.advertised(network.address), now_ms())
            tasks.start_soon(shell.run)
            tasks.start_soon(node.observer.keep_telling)
            tasks.start_soon(_keep_house, node, snapshots, log)
        # Both servers end by themselves when the node is told to stop, and let requests finish.
        supervisor.stopping()
        log.write.info("node.stopping")
        tasks.cancel_scope.cancel()


def _engine(loaded: LoadedNode, store: ChainStore, signer: Signer | None) -> Engine:
    return Engine(
        Ports(
            chain=loaded.genesis.chain,
            kind=TRANSACTION,
            store=store,
            scheme=ED25519,
            signer=signer,
            node_key=NodeKey(loaded.node_key.public),
            link_of=peer_id_of,
            clock=time.perf_counter,
        )
    )


@final
class _Answerer:
    """The network is opened before the shell that answers its requests."""

    shell: Shell | None = None

    async def answer(self, peer: PeerId, question: bytes) -> bytes:
        assert self.shell is not None, "the shell is made before the first peer is linked"
        return await self.shell.answer(peer, question)

    def judge(self, peer: PeerId, payload: bytes) -> bool:
        """Gossip may come with the first link, a moment before there is somebody to hear it."""
        return self.shell is not None and self.shell.judge(peer, payload)


@final
class RunningNode:
    """What the API sees of a node; fulfils `node.api.backend`."""

    def __init__(
        self,
        loaded: LoadedNode,
        store: ChainStore,
        shell: Shell,
        network: Network,
        log: Log,
        metrics: Metrics,
    ) -> None:
        self.store = store
        self.premises = Premises(loaded, store.database, store)
        self.stopping = trio.Event()
        self.loaded = loaded
        self._shell, self._network, self._log = shell, network, log
        self._links = PeerLinks(shell.peering, network.links, shell.heights)
        self._metrics = metrics
        self._version = version("mithaq")
        self.observer = Observer(loaded, shell, network, store, metrics, self._version)

    @property
    def genesis(self) -> GenesisDocument:
        """What the network began with."""
        return self.loaded.document

    @property
    def role(self) -> NodeRole:
        """Validator or observer, at the height at hand."""
        voting = self._key is not None and self._key in self._shell.engine.validators.keys
        return NodeRole.VALIDATOR if voting else NodeRole.OBSERVER

    @property
    def _key(self) -> ValidatorKey | None:
        key = self.loaded.validator_key
        return None if key is None else ValidatorKey(key.public)

    async def submit(self, data: bytes) -> TransactionId:
        """Check, hold and relay one transaction."""
        (answer,) = await self._shell.submit([data])
        if isinstance(answer, MithaqError):
            raise answer
        return answer

    async def submit_many(self, batch: Sequence[bytes]) -> list[TransactionId | MithaqError]:
        """Each in turn; what went wrong stands in the id's place."""
        return await self._shell.submit(batch)

    def is_pending(self, identifier: TransactionId) -> bool:
        """Whether it waits here for a block."""
        return identifier in self._shell.engine.mempool

    async def wait_final(self, identifier: TransactionId, timeout_s: float) -> bool:
        """Until it is in a durable block; False after the time."""
        return await self._shell.wait_final(identifier, timeout_s)

    async def next_block(self, height: Height) -> None:
        """Until the newest block is above this height."""
        await self._shell.next_block(height)

    def set_log_level(self, level: LogLevel) -> None:
        """From now on."""
        self._log.level = level

    def unfence(self, height: Height | None, by: str) -> SigningStatus:
        """The operator's word about the signer."""
        self._shell.unfence(height, by)
        signing = self._shell.engine.signing
        assert signing is not None, "an observer has nothing to unfence"
        return signing

    def held(self) -> tuple[Held, ...]:
        """What waits for a block, oldest first."""
        return tuple(self._shell.engine.mempool.held)

    def dismiss(self, account: AccountId, by: str) -> int:
        """The operator's word about what an account has waiting."""
        return self._shell.dismiss(account, by)

    def peers(self) -> tuple[PeerLink, ...]:
        """The links to other nodes, for the operator."""
        return self._links.details(trio.current_time())

    def request_shutdown(self) -> None:
        """End the node in order."""
        self.stopping.set()

    @property
    def load(self) -> Load:
        """What the API still does."""
        return self._metrics.loop.load

    def shed(self, what: str) -> None:
        """Of the API's requests, one was refused because the loop is late."""
        self._metrics.shed(what)

    def metrics(self) -> bytes:
        """For Prometheus."""
        links = self._network.links()
        faults = self._shell.faults.items()
        return self._metrics.page(
            Sight(
                status=self.status(),
                links=tuple(links.values()),
                faults={links[peer].name: count for peer, count in faults if peer in links},
                refused_connections=self._network.refusals(),
                behind=self._shell.catchup.behind,
                catchup_bytes=self._shell.catchup.waiting_bytes,
                load=self.load,
                disk_free_bytes=free_bytes(self.loaded.folder.data),
            )
        )

    def facts(self) -> Facts:
        """What the node knows of this moment, for a diagnosis."""
        return self.observer.facts()

    def status(self) -> NodeStatus:
        """Where the node stands now."""
        engine, head = self._shell.engine, self.store.head()
        is_validator = self.role is NodeRole.VALIDATOR
        mempool = engine.mempool
        return NodeStatus(
            name=self.loaded.config.name,
            network=self.loaded.document.network,
            chain=self.loaded.genesis.chain,
            version=self._version,
            role=self.role,
            height=head.height,
            block_id=head.block_id,
            block_time_ms=head.header.time_ms,
            view=ViewStatus(wish=engine.wish, entered=engine.entered) if is_validator else None,
            signing=engine.signing if is_validator else None,
            halted=engine.halted,
            key=self._key,
            validators=self._validators(),
            change=self._change(),
            evidence=len(self.store.evidence()),
            peers=self._links.statuses(),
            sync=self._shell.catchup.sync,
            mempool=MempoolStatus(count=len(mempool), bytes=mempool.bytes),
            clock_ahead_ms=self._shell.clock_ahead_ms,
        )

    def _validators(self) -> tuple[ValidatorStatus, ...]:
        with self.store.state() as state:
            marked = suspended(state)
        return tuple(
            self._validator(Seat(seat), record, suspended=record.key in marked)
            for seat, record in enumerate(self._shell.engine.parent.records)
        )

    def _change(self) -> ChangeStatus | None:
        """What is decided and not yet in force: at most what the newest block decided (R45)."""
        parent = self._shell.engine.parent
        now, then = set(parent.records), set(parent.next_records)
        if now == then:
            return None
        return ChangeStatus(
            height=Height(parent.height + 1),
            added=tuple(_member(record) for record in parent.next_records if record not in now),
            removed=tuple(_member(record) for record in parent.records if record not in then),
        )

    def _validator(
        self, seat: Seat, record: ValidatorRecord, *, suspended: bool
    ) -> ValidatorStatus:
        connected, height = self._seen(record.node_key)
        return ValidatorStatus(
            name=record.name,
            key=ValidatorKey(record.key),
            node_key=record.node_key,
            account=record.account,
            seat=seat,
            suspended=suspended,
            connected=connected,
            signs=self._signs(ValidatorKey(record.key)),
            last_seen_height=height,
        )

    def _signs(self, key: ValidatorKey) -> bool | None:
        engine, own = self._shell.engine, self.loaded.validator_key
        if own is not None and bytes(key) == own.public:
            return engine.signing is not None and engine.signing.state is SigningState.SIGNING
        return engine.signs(key)

    def _seen(self, node_key: NodeKey) -> tuple[bool, Height | None]:
        if bytes(node_key) == self.loaded.node_key.public:
            return True, self.store.head().height
        peer = peer_id_of(node_key)
        link = self._network.links().get(peer)
        return link is not None and link.connected, self._shell.heights.get(peer)


def _member(record: ValidatorRecord) -> MemberStatus:
    return MemberStatus(
        name=record.name,
        key=record.key,
        node_key=record.node_key,
        account=record.account,
    )


def _check_identity(loaded: LoadedNode, store: ChainStore, log: Log) -> None:
    with store.state() as state:
        next_two = (Height(state.height + 1), Height(state.height + 2))
        records = [record for at in next_two for record in validator_records(state, at)]
    warning = check_identity(loaded, records)
    if warning is not None:
        log.write.warning("node.identity", reason=warning)


def _open_store(loaded: LoadedNode) -> ChainStore:
    genesis, execution = loaded.genesis, loaded.genesis.execution
    return begin_or_open(
        loaded.folder.data,
        Genesis(
            header=genesis.header,
            state_writes=execution.state_writes,
            node_writes=execution.node_writes,
        ),
    )


def _signer(loaded: LoadedNode) -> Signer | None:
    if loaded.validator_key is None:
        return None
    memory = DiskFile(loaded.folder.signer_state)
    return Signer(loaded.validator_key.signing(), memory, loaded.genesis.chain)


async def _serve(
    node: RunningNode, *, task_status: "TaskStatus[str]" = trio.TASK_STATUS_IGNORED
) -> None:
    listen = str(node.loaded.config.api.listen)
    await serve(node, listen=listen, stop=node.stopping.wait, task_status=task_status)


async def _serve_admin(
    node: RunningNode, *, task_status: "TaskStatus[str]" = trio.TASK_STATUS_IGNORED
) -> None:
    path = node.loaded.folder.admin_socket
    await serve_admin(node, path=path, stop=node.stopping.wait, task_status=task_status)


async def _keep_house(node: "RunningNode", snapshots: SnapshotTask, log: Log) -> None:
    """What a node does for itself beside its blocks."""
    loaded, store, key = node.loaded, node.store, node.loaded.node_key.signing()
    async with trio.open_nursery() as tasks:
        tasks.start_soon(_watch_room, loaded, log)
        tasks.start_soon(snapshots.run, node.next_block)
        tasks.start_soon(keep_retention, store, loaded.config.retention, key, log, node.next_block)


async def _watch_room(loaded: LoadedNode, log: Log) -> None:
    """End the node while there is still room to start it again."""
    while True:
        try:
            require_room(loaded.folder.data, loaded.folder.path)
        except OperatorFault as fault:
            log.write.error("disk.full", reason=str(fault))
            raise
        await trio.sleep(ROOM_EVERY_S)


async def _stop_on_signal(
    node: RunningNode, *, task_status: "TaskStatus[None]" = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for _ in signals:
            node.request_shutdown()
