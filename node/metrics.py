"""What Prometheus scrapes: counters and times of one node, in the text format (docs/operations.md).

The shell says what happened; the composition root says where the node stands at the moment of the
scrape. Nothing here is asked by the engine, the core or the ledger, and their clocks are not ours:
the time of a phase is the time between two messages as this node sent or received them.

Every label is bounded: codes of the catalogue, peers, tables of the database.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from platform import python_version
from typing import Final, final

import prometheus_client
import trio
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from ledger.transaction import BAD_SIGNATURE, MALFORMED
from node.lag import Lag, Load
from node.standing import SigningState
from node.status import NodeRole, NodeStatus
from p2p.links import LinkStatus
from primitives.errors import BadSignature, MithaqError, Rejected
from primitives.ids import Height, View
from primitives.validators import quorum
from storage.chain import ChainStore

METRICS_TYPE: Final = prometheus_client.CONTENT_TYPE_LATEST

SAMPLE_S: Final = 0.1
"""How often the loop is asked whether it is late."""
TABLES_EVERY_S: Final = 60.0
"""How often the tables are measured."""

_SECONDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0)
_LAGS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Where a node stands at the moment of a scrape."""

    status: NodeStatus
    links: Sequence[LinkStatus] = ()
    faults: Mapping[str, int] = field(default_factory=dict)
    """Rules broken by what a peer delivered, by the peer's name."""
    refused_connections: Mapping[str, int] = field(default_factory=dict)
    """By reason."""
    behind: int = 0
    """Blocks that the others have and this node does not."""
    catchup_bytes: int = 0
    """Of blocks that came and wait for those below them."""
    load: Load = Load.CALM
    """What the API still does."""
    disk_free_bytes: int = 0
    """On the disk of the database."""


@final
class Metrics:
    """The counters of one node. Written in its trio thread only."""

    def __init__(self) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call] # the library's
        self._registry: Final = CollectorRegistry()
        self._standing = _Standing()
        self._registry.register(self._standing)
        self._phases = _Phases()
        registry = self._registry
        self._blocks = prometheus_client.Counter(
            "mithaq_blocks_decided", "Blocks made durable since the start.", registry=registry
        )
        self._transactions = prometheus_client.Counter(
            "mithaq_transactions_decided", "Transactions in them.", registry=registry
        )
        self._interval = prometheus_client.Histogram(
            "mithaq_block_interval_seconds",
            "From one decided block to the next, as this node made them durable.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._phase = prometheus_client.Histogram(
            "mithaq_phase_seconds",
            "check: proposal to own prepare; prepare: to own commit; commit: to the decision.",
            ["phase"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._refusals = prometheus_client.Counter(
            "mithaq_refusals", "Submitted transactions refused here.", ["code"], registry=registry
        )
        self._signatures = prometheus_client.Counter(
            "mithaq_signatures_checked",
            "Signatures of transactions from clients and peers, and of votes.",
            ["of"],
            registry=registry,
        )
        self._relayed = prometheus_client.Counter(
            "mithaq_transactions_relayed",
            "Transactions that peers sent: new here, or here already (a copy that was not needed).",
            ["what"],
            registry=registry,
        )
        self._lag = prometheus_client.Histogram(
            "mithaq_loop_lag_seconds",
            "How much later than asked the node's loop went on.",
            buckets=_LAGS,
            registry=registry,
        )
        self._shed = prometheus_client.Counter(
            "mithaq_requests_shed",
            "Requests that the API refused because the loop was late.",
            ["what"],
            registry=registry,
        )
        self.loop: Final = Lag()
        """How late the loop is, for the API's gate and for `mithaq why`."""
        self._catchup_s = prometheus_client.Counter(
            "mithaq_catchup_seconds", "Time spent behind a peer.", registry=registry
        )
        self._questions = prometheus_client.Counter(
            "mithaq_catchup_questions",
            "Ranges of blocks asked of peers, by how that ended.",
            ["outcome"],
            registry=registry,
        )
        prometheus_client.ProcessCollector(registry=registry)

    # --- what happened, from the shell --------------------------------------------------------

    def proposed(self, height: Height, view: View, now_s: float) -> None:
        """A proposal came, or our own went out."""
        self._phases.begin((height, view), now_s)

    def prepared(self, height: Height, view: View, now_s: float) -> None:
        """Our prepare went out: the proposal is executed and found good."""
        self._end_phase("check", (height, view), now_s)

    def committed(self, height: Height, view: View, now_s: float) -> None:
        """Our commit went out: a quorum is prepared."""
        self._end_phase("prepare", (height, view), now_s)

    def decided(self, height: Height, view: View, transactions: int, now_s: float) -> None:
        """A block is durable here."""
        self._end_phase("commit", (height, view), now_s)
        since_s = self._phases.since_decision_s(now_s)
        if since_s is not None:
            self._interval.observe(since_s)
        self._blocks.inc()
        self._transactions.inc(transactions)

    def _end_phase(self, name: str, slot: tuple[Height, View], now_s: float) -> None:
        took_s = self._phases.next(slot, now_s)
        if took_s is not None:
            self._phase.labels(name).observe(took_s)

    def refused(self, error: MithaqError) -> None:
        """A transaction that a client submitted was refused."""
        match error:
            case Rejected(code=code):
                self._refusals.labels(code).inc()
            case BadSignature():
                self._refusals.labels(BAD_SIGNATURE).inc()
            case _:
                self._refusals.labels(MALFORMED).inc()

    def checked_signatures(self, count: int) -> None:
        """Of transactions."""
        self._signatures.labels("transaction").inc(count)

    def relayed(self, *, new: int, known: int) -> None:
        """A peer sent so many transactions."""
        self._relayed.labels("new").inc(new)
        self._relayed.labels("known").inc(known)

    def checked_vote(self) -> None:
        """A prepare, a commit, a proposal or a view change was heard."""
        self._signatures.labels("vote").inc()

    def asked(self, outcome: str) -> None:
        """A question for blocks came to an end."""
        self._questions.labels(outcome).inc()

    def shed(self, what: str) -> None:
        """A request was refused because the loop is late: a `query` or a `submission`."""
        self._shed.labels(what).inc()

    def sampled(self, *, lag_s: float, span_s: float, behind_s: float, now_s: float) -> None:
        """The loop went on so late in this span, of which so much was spent behind."""
        self._lag.observe(lag_s)
        self.loop.sampled(lag_s, span_s, now_s)
        self._catchup_s.inc(behind_s)

    @property
    def lag_ms(self) -> int:
        """How late the loop was at most in the last seconds."""
        return self.loop.recent_ms

    def measured(self, tables: Mapping[str, int]) -> None:
        """The bytes of each table of the database."""
        self._standing.tables = dict(tables)

    # --- the scrape ---------------------------------------------------------------------------

    def page(self, sight: Sight) -> bytes:
        """Everything, in the text format."""
        self._standing.sight = sight
        return prometheus_client.generate_latest(self._registry)


@final
class _Phases:
    """When the newest proposal's last phase ended; one slot, so nothing piles up."""

    def __init__(self) -> None:
        self._slot: tuple[Height, View] | None = None
        self._ended_s = 0.0
        self._decided_s: float | None = None

    def begin(self, slot: tuple[Height, View], now_s: float) -> None:
        if self._slot is None or slot > self._slot:
            self._slot, self._ended_s = slot, now_s

    def next(self, slot: tuple[Height, View], now_s: float) -> float | None:
        """How long the phase took that ends now; None where its beginning was not seen."""
        if slot != self._slot:
            return None
        took_s, self._ended_s = now_s - self._ended_s, now_s
        return took_s

    def since_decision_s(self, now_s: float) -> float | None:
        last_s, self._decided_s = self._decided_s, now_s
        return None if last_s is None else now_s - last_s


@final
class _Standing(Collector):
    """Where the node stands, as metrics."""

    def __init__(self) -> None:
        self.sight: Sight | None = None
        self.tables: dict[str, int] = {}

    def collect(self) -> Iterator[Metric]:
        """Called at each scrape."""
        if self.sight is None:
            return
        yield from _node(self.sight)
        yield GaugeMetricFamily(
            "mithaq_python_blocks",
            "Pieces of memory that Python's objects take; in a node at work they stay as many.",
            value=sys.getallocatedblocks(),
        )
        yield from _peers(self.sight)
        yield _by_label(
            GaugeMetricFamily,
            "mithaq_storage_bytes",
            "Bytes on disk, roughly, without what LevelDB still has in memory.",
            "table",
            self.tables,
        )


def _node(sight: Sight) -> Iterator[Metric]:
    status = sight.status
    build = GaugeMetricFamily(
        "mithaq_build_info",
        "Always 1.",
        labels=["node", "role", "chain", "version", "python"],
    )
    build.add_metric(
        [status.name, status.role.value, status.chain.hex(), status.version, python_version()], 1
    )
    yield build
    connected = sum(validator.connected for validator in status.validators)
    silent = sum(v.connected and v.signs is False for v in status.validators)
    missing = quorum(len(status.validators)) - (connected - silent)
    view = -1 if status.view is None else status.view.wish
    numbers: list[tuple[str, str, float]] = [
        ("mithaq_height", "The newest block.", status.height),
        ("mithaq_block_time_seconds", "Its time, since 1970.", status.block_time_ms / 1000),
        ("mithaq_view", "The view that this node wishes at the next height.", view),
        ("mithaq_halted", "1 if it follows the chain no further.", status.halted is not None),
        ("mithaq_mempool_transactions", "Transactions that wait.", status.mempool.count),
        ("mithaq_mempool_bytes", "Their bytes.", status.mempool.bytes),
        ("mithaq_validators", "Validators of the chain.", len(status.validators)),
        ("mithaq_validators_connected", "Of these connected, itself included.", connected),
        ("mithaq_validators_silent", "Of the connected, those that sign nothing.", silent),
        ("mithaq_validators_missing", "So many more make a quorum.", max(0, missing)),
        ("mithaq_evidence_cases", "Cases of equivocation that are kept.", status.evidence),
        ("mithaq_peers", "Nodes with which a link is kept.", len(status.peers)),
        ("mithaq_peers_connected", "Of these connected.", sum(p.connected for p in status.peers)),
        (
            "mithaq_disk_free_bytes",
            "Free on the disk of the database; the node ends when it is nearly full.",
            sight.disk_free_bytes,
        ),
        (
            "mithaq_clock_ahead_seconds",
            "How far this clock is ahead of the other validators'; 0 while it is right.",
            (status.clock_ahead_ms or 0) / 1000,
        ),
        (
            "mithaq_loop_late",
            "What the API gives up because the loop is late: 0 nothing, 1 questions, 2 everything.",
            list(Load).index(sight.load),
        ),
        ("mithaq_heights_behind", "Blocks that the others have and this node lacks.", sight.behind),
        (
            "mithaq_catchup_waiting_bytes",
            "Blocks that came and wait for those below them.",
            sight.catchup_bytes,
        ),
    ]
    for name, text, value in numbers:
        if name == "mithaq_view" and status.role is NodeRole.OBSERVER:
            continue
        yield GaugeMetricFamily(name, text, value=float(value))
    if status.signing is not None:
        current = status.signing
        yield _by_label(
            GaugeMetricFamily,
            "mithaq_signing",
            "1 for what this validator does: sign, or why it does not.",
            "state",
            {state.value: float(state is current.state) for state in SigningState},
        )
        answers = {"counted": float(current.answered), "needed": float(current.needed)}
        text = "Others that answered since its start, and how many it waits for before it signs."
        yield _by_label(GaugeMetricFamily, "mithaq_signing_answers", text, "which", answers)


def _peers(sight: Sight) -> Iterator[Metric]:
    links = sight.links
    gauges: dict[str, tuple[str, Sequence[float | None]]] = {
        "mithaq_peer_connected": ("1 while the link is up.", [float(k.connected) for k in links]),
        "mithaq_link_waiting_messages": (
            "Messages that wait for a peer.",
            [k.waiting_messages for k in links],
        ),
        "mithaq_link_waiting_bytes": ("Their bytes.", [k.waiting_bytes for k in links]),
        "mithaq_link_round_trip_seconds": (
            "The last keep-alive.",
            [k.round_trip_s for k in links],
        ),
        "mithaq_peer_paused_seconds": (
            "How long a peer is still refused for what it did.",
            [k.paused_s for k in links],
        ),
    }
    for name, (text, values) in gauges.items():
        found = {k.name: v for k, v in zip(links, values, strict=True) if v is not None}
        yield _by_label(GaugeMetricFamily, name, text, "peer", found)
    counters: dict[str, tuple[str, Sequence[float]]] = {
        "mithaq_link_sent": ("Messages sent to a peer.", [k.sent for k in links]),
        "mithaq_link_received": ("Messages from a peer.", [k.received for k in links]),
        "mithaq_link_dropped": (
            "Messages that found no room, no link, or were waiting when it broke.",
            [k.dropped for k in links],
        ),
        "mithaq_link_penalties": (
            "Things that a peer was penalised for.",
            [k.penalised for k in links],
        ),
        "mithaq_link_throttled_seconds": (
            "How long a peer's messages and questions waited because it is over its quota.",
            [k.throttled_s for k in links],
        ),
    }
    for name, (text, counts) in counters.items():
        by_peer = {k.name: v for k, v in zip(links, counts, strict=True)}
        yield _by_label(CounterMetricFamily, name, text, "peer", by_peer)
    yield _by_label(
        CounterMetricFamily,
        "mithaq_peer_faults",
        "Rules of the protocol broken by what a peer delivered.",
        "peer",
        {**{k.name: 0 for k in links}, **sight.faults},
    )
    yield _by_label(
        CounterMetricFamily,
        "mithaq_connections_refused",
        "Connections that were refused.",
        "reason",
        sight.refused_connections,
    )


def _by_label(
    kind: type[GaugeMetricFamily] | type[CounterMetricFamily],
    name: str,
    text: str,
    label: str,
    values: Mapping[str, float],
) -> Metric:
    family = kind(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


async def watch_loop(metrics: Metrics, behind: Callable[[], int]) -> None:
    """Sample the loop, for ever."""
    while True:
        due_s = trio.current_time() + SAMPLE_S
        was_behind = behind() > 0
        await trio.sleep_until(due_s)
        now_s = trio.current_time()
        lag_s = now_s - due_s
        span_s = SAMPLE_S + lag_s
        behind_s = span_s if was_behind else 0.0
        metrics.sampled(lag_s=lag_s, span_s=span_s, behind_s=behind_s, now_s=now_s)


async def watch_storage(metrics: Metrics, store: ChainStore) -> None:
    """Measure the tables, seldom and in a thread, for ever."""
    while True:
        metrics.measured(await trio.to_thread.run_sync(store.sizes))
        await trio.sleep(TABLES_EVERY_S)
