"""A trace as a graph: GraphML for programs that draw and count, SVG for people.

GraphML (graphdrawing.org, 2002) has each spot as a node and each step as an edge, with amounts in
minor units. The SVG is a Sankey diagram: spots in columns from left to right, by how far they are
from where the trace begins; a step is a band as wide as its amount. Nothing in it runs or loads
anything.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, final
from xml.sax.saxutils import escape

from exchange.xml import writable

_COLOURS: Final = {
    "appropriates": "#4c6a92",
    "allots": "#4c6a92",
    "obligates": "#7a6aa0",
    "certifies": "#7a6aa0",
    "pays": "#2f8f6b",
    "tokenises": "#c98a2b",
    "redeems": "#c98a2b",
    "passes_on": "#5aa0c8",
    "issues": "#888888",
}
_WIDTH: Final = 240
"""From one column to the next."""
_BAR: Final = 14
_GAP: Final = 26
"""Below a spot, where its name has room."""
_HIGHEST: Final = 420
"""Of the widest spot; all others in proportion, and none below two."""
_THINNEST: Final = 2
_NAME_LENGTH: Final = 34


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One step of a trace; `giver` and `receiver` as people call them."""

    depth: int
    relation: str
    giver: str
    receiver: str
    amount_minor: int
    count: int
    first: str | None
    last: str | None
    asset: str
    exponent: int
    proof: str


def graphml(flows: Sequence[Flow]) -> bytes:
    """The graph of a trace."""
    names = {name: f"n{number}" for number, name in enumerate(_spots(flows))}
    text = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
        '<key id="label" for="node" attr.name="label" attr.type="string"/>',
        *(
            f'<key id="{name}" for="edge" attr.name="{name}" attr.type="{kind}"/>'
            for name, kind in _EDGE_FIELDS.items()
        ),
        '<graph id="trace" edgedefault="directed">',
    ]
    for name, identifier in names.items():
        text.append(f'<node id="{identifier}"><data key="label">{_text(name)}</data></node>')
    for flow in flows:
        said = "".join(
            f'<data key="{name}">{_text(str(value))}</data>'
            for name in _EDGE_FIELDS
            if (value := getattr(flow, name)) is not None
        )
        ends = f'source="{names[flow.giver]}" target="{names[flow.receiver]}"'
        text.append(f"<edge {ends}>{said}</edge>")
    return "\n".join([*text, "</graph>", "</graphml>", ""]).encode("utf-8")


_EDGE_FIELDS: Final = {
    "depth": "int",
    "relation": "string",
    "amount_minor": "long",
    "count": "int",
    "first": "string",
    "last": "string",
    "asset": "string",
    "exponent": "int",
    "proof": "string",
}


def _spots(flows: Iterable[Flow]) -> dict[str, int]:
    """Every spot and its column, in the order in which they are met."""
    columns: dict[str, int] = {}
    for flow in flows:
        columns.setdefault(flow.giver, flow.depth - 1)
        columns.setdefault(flow.receiver, flow.depth)
    return columns


@final
@dataclass(slots=True)
class _Bar:
    """A spot as it is drawn; `left` and `arrived` say how much of its height has bands already."""

    name: str
    x: float
    y: float = 0
    amount: int = 0
    height: float = 0
    left: float = field(default=0)
    arrived: float = field(default=0)


def sankey(flows: Sequence[Flow], *, title: str) -> bytes:
    """The diagram of a trace."""
    columns = _spots(flows)
    lowest = min(columns.values(), default=0)
    bars = {name: _Bar(name, (column - lowest) * _WIDTH + 20.0) for name, column in columns.items()}
    for name, bar in bars.items():
        out = sum(flow.amount_minor for flow in flows if flow.giver == name)
        into = sum(flow.amount_minor for flow in flows if flow.receiver == name)
        bar.amount = max(out, into)
    scale = _HIGHEST / max([1, *(bar.amount for bar in bars.values())])
    depth = _place(bars, columns, scale)
    width = max((bar.x for bar in bars.values()), default=0) + _WIDTH
    drawn = [*_bands(flows, bars, scale), *_bars(bars.values())]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {depth:.0f}" '
        f'width="{width:.0f}" height="{depth:.0f}" font-family="sans-serif" font-size="11">'
    )
    body = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        head,
        f"<title>{_text(title)}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *drawn,
        "</svg>",
        "",
    ]
    return "\n".join(body).encode("utf-8")


def _place(bars: dict[str, _Bar], columns: dict[str, int], scale: float) -> float:
    """Put spots below each other in their columns; how deep the picture is."""
    below: dict[int, float] = {}
    for name, bar in bars.items():
        bar.height = max(bar.amount * scale, _THINNEST)
        bar.y = below.get(columns[name], 30.0)
        below[columns[name]] = bar.y + bar.height + _GAP
    return max(below.values(), default=30.0) + 10


def _bands(flows: Iterable[Flow], bars: dict[str, _Bar], scale: float) -> Iterator[str]:
    for flow in flows:
        giver, receiver = bars[flow.giver], bars[flow.receiver]
        thick = max(flow.amount_minor * scale, 1.0)
        x1, y1 = giver.x + _BAR, giver.y + giver.left + thick / 2
        x2, y2 = receiver.x, receiver.y + receiver.arrived + thick / 2
        giver.left += thick
        receiver.arrived += thick
        bend = max(abs(x2 - x1) / 2, 40)
        path = (
            f"M{x1:.1f},{y1:.1f} C{x1 + bend:.1f},{y1:.1f} {x2 - bend:.1f},{y2:.1f} "
            f"{x2:.1f},{y2:.1f}"
        )
        said = f"{flow.giver} {flow.relation} {flow.receiver}: {_whole(flow)} ({flow.count})"
        colour = _COLOURS.get(flow.relation, "#888888")
        yield (
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-opacity="0.45" '
            f'stroke-width="{thick:.1f}"><title>{_text(said)}</title></path>'
        )


def _bars(bars: Iterable[_Bar]) -> Iterator[str]:
    for bar in bars:
        name = bar.name if len(bar.name) <= _NAME_LENGTH else f"{bar.name[: _NAME_LENGTH - 1]}…"
        yield (
            f'<rect x="{bar.x:.1f}" y="{bar.y:.1f}" width="{_BAR}" height="{bar.height:.1f}" '
            f'fill="#333333"><title>{_text(bar.name)}</title></rect>'
        )
        yield (
            f'<text x="{bar.x:.1f}" y="{bar.y + bar.height + 12:.1f}" fill="#111111">'
            f"{_text(name)}</text>"
        )


def _whole(flow: Flow) -> str:
    return f"{Decimal(flow.amount_minor).scaleb(-flow.exponent):,.{flow.exponent}f} {flow.asset}"


def _text(text: str) -> str:
    """Text for XML, without the characters that it cannot hold."""
    return escape(writable("".join(each for each in text if each >= " ")))
