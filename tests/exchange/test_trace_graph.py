"""Traces as graphs: what others read of the GraphML, and what the picture shows."""

import io
from itertools import pairwise

import networkx
import pytest
from defusedxml import ElementTree

from exchange.trace_graph import Flow, graphml, sankey
from kit.offline import offline

SVG = "{http://www.w3.org/2000/svg}"


def flow(depth: int, giver: str, receiver: str, amount: int, relation: str = "passes_on") -> Flow:
    return Flow(
        depth=depth,
        relation=relation,
        giver=giver,
        receiver=receiver,
        amount_minor=amount,
        count=2,
        first="2026-05-01",
        last=None,
        asset="GBP",
        exponent=2,
        proof=f"transactions/{depth}",
    )


FLOWS = (
    flow(1, "fund 019-X-1031-000", "award ROAD-7", 10_000, "obligates"),
    flow(2, "award ROAD-7", "Brücken & <Söhne>", 8_000, "pays"),
    flow(2, "award ROAD-7", "creditor", 1, "pays"),
    flow(3, "Brücken & <Söhne>", "مورد", 2_000),
    flow(3, "Brücken & <Söhne>", "award ROAD-7", 500, "redeems"),
)


def test_another_program_reads_the_graph() -> None:
    """Every step is an edge between its two spots, with what it says."""
    with offline():
        graph = networkx.read_graphml(io.BytesIO(graphml(FLOWS)), force_multigraph=True)

    label = networkx.get_node_attributes(graph, "label")
    assert set(label.values()) == {each.giver for each in FLOWS} | {each.receiver for each in FLOWS}
    edges = [
        (label[giver], label[receiver], said["relation"], said["amount_minor"], said["count"])
        for giver, receiver, said in graph.edges(data=True)
    ]
    assert sorted(edges) == sorted(
        (each.giver, each.receiver, each.relation, each.amount_minor, each.count) for each in FLOWS
    )
    [last] = [said for *_, said in graph.edges(data=True) if said["relation"] == "obligates"]
    assert (last["first"], last["asset"], last["exponent"]) == ("2026-05-01", "GBP", 2)
    assert (last["proof"], "last" in last) == ("transactions/1", False)


def test_the_picture_has_a_band_for_each_step() -> None:
    """As wide as its amount, with what it is in words; and nothing that runs or loads."""
    root = ElementTree.fromstring(sankey(FLOWS, title="award:ROAD-7"))

    bands = root.findall(f"{SVG}path")
    widths = [float(band.get("stroke-width")) for band in bands]
    assert len(bands) == len(FLOWS)
    assert widths[0] / widths[1] == pytest.approx(10_000 / 8_000, rel=0.01)
    assert widths[2] == 1.0
    said = bands[1].find(f"{SVG}title")
    assert said is not None
    assert said.text == "award ROAD-7 pays Brücken & <Söhne>: 80.00 GBP (2)"
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags == {"svg", "title", "rect", "path", "text"}


def test_a_step_of_nothing_is_drawn_too() -> None:
    """Such as an award that was taken back; and a name may hold what XML cannot."""
    name = "<script>\x00\ufffe\n&"
    root = ElementTree.fromstring(sankey([flow(1, name, "award ROAD-7", 0)], title=name))
    ElementTree.fromstring(graphml([flow(1, name, "award ROAD-7", 0)]))

    assert len(root.findall(f"{SVG}path")) == 1
    assert root.findtext(f"{SVG}title") == "<script>\ufffd&"


def test_every_spot_stands_in_the_picture_once() -> None:
    """By its name, cut if it is long; none above another."""
    long = flow(4, "مورد", "a" * 60, 7)
    root = ElementTree.fromstring(sankey((*FLOWS, long), title="t"))

    names = [text.text for text in root.findall(f"{SVG}text")]
    assert len(names) == len(set(names)) == 6
    assert "a" * 33 + "…" in names
    bars = root.findall(f"{SVG}rect")[1:]
    places = sorted(
        (float(bar.get("x")), float(bar.get("y")), float(bar.get("height"))) for bar in bars
    )
    for (x, y, height), (other_x, other_y, _) in pairwise(places):
        assert other_x > x or other_y >= y + height


def test_nothing_to_show_is_shown_too() -> None:
    """An empty trace is an empty graph and an empty picture."""
    assert len(networkx.read_graphml(io.BytesIO(graphml(())))) == 0
    assert ElementTree.fromstring(sankey((), title="none")).find(f"{SVG}path") is None


def test_what_xml_cannot_hold_is_left_out() -> None:
    """A name that somebody made with control characters spoils nothing."""
    made = graphml((flow(1, "a\x00b", "c\x1b", 1),))

    label = networkx.get_node_attributes(networkx.read_graphml(io.BytesIO(made)), "label")
    assert sorted(label.values()) == ["ab", "c"]
