"""What Prometheus sees: names that hold, numbers that are true."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Final

import trio
import trio.testing
from prometheus_client.parser import text_string_to_metric_families

from kit.accused import two_prepares
from kit.api import ChainOfOne, serving
from kit.ledger import key, pay
from kit.nets import in_trio, until
from kit.tree import ROOT
from node.metrics import SAMPLE_S, TABLES_EVERY_S, Metrics, Sight, watch_loop, watch_storage
from p2p.links import LinkStatus
from p2p.quota import VALIDATOR
from primitives.codec import encode
from primitives.errors import BadSignature, Malformed, Rejected
from primitives.evidence import case_of
from primitives.ids import Height, View
from storage.decision import KeptEvidence
from storage.leveldb import create_leveldb, open_leveldb
from storage.schema import Region

PAGE: Final = ROOT / "docs/operations.md"
DASHBOARD: Final = ROOT / "configs/grafana/mithaq.json"
Page = dict[tuple[str, str], float]


def read(page: bytes) -> Page:
    """Name and label values, to the number."""
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def link(**fields: object) -> LinkStatus:
    standing: dict[str, object] = {
        "name": "finance",
        "votes": True,
        "addresses": (),
        "connected": True,
        "since": 1.0,
        "waiting_messages": 2,
        "waiting_bytes": 300,
        "sent": 5,
        "received": 6,
        "dropped": 7,
        "penalised": 8,
        "round_trip_s": 0.25,
        "penalties": (),
        "points": 0,
        "share": VALIDATOR,
        "throttled_s": 1.5,
        "paused_s": 0.0,
        "last_error": "",
    }
    return LinkStatus(**{**standing, **fields})  # type: ignore[arg-type] # any of its fields


def seen(metrics: Metrics, sight: Sight | None = None) -> Page:
    return read(metrics.page(sight or Sight(status=ChainOfOne().status())))


def test_a_node_says_where_it_stands() -> None:
    """Height, quorum, mempool, and what it runs."""
    chain = ChainOfOne()
    chain.disconnected = {"Ministry 1", "Ministry 2"}
    chain.halted = "the disk is full"
    piece = two_prepares(key("validator 1"), chain.chain, height=1)
    case = case_of(piece, chain.chain)
    chain.store.keep_evidence(KeptEvidence(case.height, case.id, encode(piece)))

    page = seen(Metrics(), Sight(status=chain.status(), behind=12))

    assert page["mithaq_height", ""] == 0
    assert page["mithaq_block_time_seconds", ""] == 1_780_000_000
    assert page["mithaq_heights_behind", ""] == 12
    assert page["mithaq_validators_connected", ""] == 2
    assert page["mithaq_validators_missing", ""] == 1
    assert page["mithaq_halted", ""] == 1
    assert page["mithaq_evidence_cases", ""] == 1
    assert any(name == "mithaq_build_info" and "node0" in of for name, of in page)
    assert page["process_resident_memory_bytes", ""] > 0


def test_links_are_seen_by_the_peers_name() -> None:
    """Queues, drops, faults; a link that never came up has no round trip."""
    down = link(name="health", connected=False, round_trip_s=None)
    sight = Sight(
        status=ChainOfOne().status(),
        links=(link(), down),
        faults={"health": 3},
        refused_connections={"stranger": 4},
    )

    page = seen(Metrics(), sight)

    assert page["mithaq_peer_connected", "finance"] == 1
    assert page["mithaq_peer_connected", "health"] == 0
    assert page["mithaq_link_waiting_messages", "finance"] == 2
    assert page["mithaq_link_waiting_bytes", "finance"] == 300
    assert page["mithaq_link_dropped_total", "finance"] == 7
    assert page["mithaq_link_round_trip_seconds", "finance"] == 0.25
    assert ("mithaq_link_round_trip_seconds", "health") not in page
    assert page["mithaq_peer_faults_total", "finance"] == 0
    assert page["mithaq_peer_faults_total", "health"] == 3
    assert page["mithaq_connections_refused_total", "stranger"] == 4


def test_the_phases_of_a_block_are_the_times_between_its_messages() -> None:
    """check, prepare, commit; and from one decision to the next."""
    metrics = Metrics()
    one, two = (Height(1), View(0)), (Height(2), View(0))
    metrics.proposed(*one, 10.0)
    metrics.proposed(*one, 10.5)  # the same proposal from another peer
    metrics.prepared(*one, 11.0)
    metrics.committed(*one, 13.0)
    metrics.decided(*one, 4, 16.0)
    metrics.proposed(*two, 17.0)
    metrics.decided(*two, 1, 20.0)

    page = seen(metrics)

    assert page["mithaq_phase_seconds_sum", "check"] == 1
    assert page["mithaq_phase_seconds_sum", "prepare"] == 2
    assert page["mithaq_phase_seconds_sum", "commit"] == 3 + 3
    assert page["mithaq_block_interval_seconds_count", ""] == 1
    assert page["mithaq_block_interval_seconds_sum", ""] == 4
    assert page["mithaq_blocks_decided_total", ""] == 2
    assert page["mithaq_transactions_decided_total", ""] == 5


def test_a_phase_whose_beginning_was_not_seen_is_not_measured() -> None:
    """A block that came by catching up, or a vote of an older view."""
    metrics = Metrics()
    metrics.proposed(Height(3), View(1), 10.0)
    metrics.prepared(Height(3), View(0), 11.0)
    metrics.decided(Height(2), View(0), 1, 12.0)

    page = seen(metrics)

    assert not [name for name, _ in page if name == "mithaq_phase_seconds_sum"]
    assert page["mithaq_blocks_decided_total", ""] == 1


def test_refusals_are_counted_by_code() -> None:
    """Also faults that have their code at the API only."""
    metrics = Metrics()
    for error in (Rejected("mempool.full", ""), Malformed("x"), BadSignature("x"), Malformed("y")):
        metrics.refused(error)
    metrics.checked_signatures(3)
    metrics.checked_vote()
    metrics.relayed(new=5, known=2)
    metrics.shed("query")
    metrics.asked("answered")

    page = seen(metrics)

    assert page["mithaq_requests_shed_total", "query"] == 1
    assert page["mithaq_transactions_relayed_total", "new"] == 5
    assert page["mithaq_transactions_relayed_total", "known"] == 2
    assert page["mithaq_refusals_total", "mempool.full"] == 1
    assert page["mithaq_refusals_total", "transaction.malformed"] == 2
    assert page["mithaq_refusals_total", "transaction.bad_signature"] == 1
    assert page["mithaq_signatures_checked_total", "transaction"] == 3
    assert page["mithaq_signatures_checked_total", "vote"] == 1


def test_a_late_loop_is_seen() -> None:
    """And how long the node was behind; time itself is the test's."""
    metrics = Metrics()
    clock = trio.testing.MockClock(autojump_threshold=0)

    async def scene() -> None:
        with trio.move_on_after(3.5 * SAMPLE_S):
            await watch_loop(metrics, lambda: 2)

    trio.run(scene, clock=clock)
    page = seen(metrics)

    assert page["mithaq_loop_lag_seconds_count", ""] == 3
    assert page["mithaq_catchup_seconds_total", ""] >= 3 * SAMPLE_S


def test_the_tables_are_measured_in_a_thread() -> None:
    """Each by its name, now and then."""
    metrics, chain, threads = Metrics(), ChainOfOne(), list[int]()

    class Watched:
        def sizes(self) -> dict[str, int]:
            threads.append(threading.get_ident())
            return chain.store.sizes()

    async def scene() -> None:
        async with trio.open_nursery() as tasks:
            tasks.start_soon(watch_storage, metrics, Watched())  # what it uses of a store
            await until(lambda: any(name == "mithaq_storage_bytes" for name, _ in seen(metrics)))
            await trio.testing.wait_all_tasks_blocked(0.1)
            tasks.cancel_scope.cancel()

    trio.run(scene)
    page = seen(metrics)

    assert TABLES_EVERY_S > 1
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()
    assert {of for name, of in page if name == "mithaq_storage_bytes"} == {
        region.name.lower() for region in Region
    }
    assert page["mithaq_storage_bytes", "header"] > 100


def test_a_database_on_disk_knows_its_size(tmp_path: Path) -> None:
    """Roughly, once it has written its files."""
    rows = {bytes([7]) + number.to_bytes(4, "big"): bytes(100) for number in range(1_000)}
    with create_leveldb(tmp_path) as database:
        database.write(rows)
    with open_leveldb(tmp_path) as database:
        assert database.size(start=b"\x07", stop=b"\x08") > 1_000
        assert database.size(start=b"\x08", stop=b"\x09") == 0


@in_trio
async def test_the_page_is_served() -> None:
    """In the text format, where the API is."""
    chain = ChainOfOne()
    await chain.submit(chain.signed("treasury", pay("health", 1, "A")))
    async with serving(chain) as client:
        answer = await client.get("/metrics")
        wrong = await client.get("/metrics?name=x")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert read(answer.content)["mithaq_height", ""] == 1
    assert wrong.status_code == 400


def told() -> set[str]:
    """The name of every sample that a node can show."""
    metrics = Metrics()
    metrics.proposed(Height(1), View(0), 0.0)
    metrics.prepared(Height(1), View(0), 0.0)
    metrics.refused(Malformed(""))
    metrics.checked_vote()
    metrics.relayed(new=1, known=1)
    metrics.shed("query")
    metrics.asked("answered")
    metrics.measured({"header": 1})
    sight = Sight(
        status=ChainOfOne().status(), links=(link(),), refused_connections={"stranger": 1}
    )
    return {name for name, _ in seen(metrics, sight)}


def test_the_operators_page_explains_every_metric() -> None:
    """And names none that there is not."""
    named = set(re.findall(r"`((?:mithaq|process)_\w+)", PAGE.read_text()))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in told()}

    assert named <= families
    assert {name for name in families - named if name.startswith("mithaq")} == {
        "mithaq_block_time_seconds",
        "mithaq_link_received_total",
        "mithaq_link_sent_total",
        "mithaq_link_waiting_messages",
        "mithaq_peers",
        "mithaq_validators",
        "mithaq_validators_connected",
    }


def test_the_dashboard_names_only_metrics_that_there_are() -> None:
    """Every name in every expression; and everything that the page says to look at is on it."""
    board = json.loads(DASHBOARD.read_text())
    asked = {
        name
        for panel in board["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\b((?:mithaq|process)_\w+)", target["expr"])
    }
    shown = told()

    assert asked <= shown
    unasked = {re.sub(r"_(bucket|sum|count)$", "", n) for n in shown if n.startswith("mithaq")}
    unasked -= {re.sub(r"_bucket$", "", name) for name in asked}
    assert unasked == {
        "mithaq_block_time_seconds",
        "mithaq_link_received_total",
        "mithaq_link_sent_total",
        "mithaq_link_waiting_messages",
        "mithaq_peers",
        "mithaq_validators",
    }
