"""What a page knows of a pipeline and its runs, whether they are over or under way."""

from __future__ import annotations

import re
from typing import Any

from crewgraph.graph import Graph, Switch, Work
from crewgraph.render import Runs, to_svg
from crewgraph.render.escape import clean, identifier, shortened
from crewgraph.report.compact import Compact
from crewgraph.report.fold import graph_behind
from crewgraph.report.lines import encoded_line
from crewgraph.report.record import Record
from crewgraph.syntax import Pipeline

__all__ = ["Sheet", "encoded"]

_STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)


class Sheet:
    """Counts runs, and makes of each what the page reads.

    Args:
        pipeline: of which the runs are, or its graph.
        title: stands on the page; the name of the pipeline where none is given.
        total: how many inputs there are, where that is known.
    """

    def __init__(self, pipeline: Pipeline | Graph, *, title: str | None = None, total: int | None = None) -> None:
        self.total = total
        graph = graph_behind(pipeline)
        self.title = clean(title or graph.name or "") or "pipeline"
        self.graph = Graph(graph.nodes.values(), graph.edges, shape=graph.shape)  # its title stands on the page
        self.runs = Runs(self.graph)
        self.compact = Compact([name for name, node in self.graph.nodes.items() if isinstance(node, Work | Switch)])

    def take(self, record: Record) -> tuple[bytes, bytes]:
        """Count a run; its row, and its details."""
        row = self.compact.row(record, self.runs.add(record.spans))
        return encoded(row), encoded(self.compact.details(record))

    def picture(self) -> str:
        """The graph with what the runs did, as SVG without title and styles: the page has them."""
        return _STYLE.sub("", to_svg(self.graph, runs=self.runs), count=1)

    def news(self, known: int) -> dict[str, Any]:
        """What runs change of :meth:`facts`."""
        ways = [list(way) for way in self.compact.ways]
        return {"origin": self.compact.origin, "ways": ways, "nodes": self.nodes(known)}

    def nodes(self, known: int) -> list[dict[str, Any]]:
        """All nodes by number; none where there are no more than are known already."""
        numbers = self.compact.nodes
        if len(numbers) <= known:
            return []
        hues = {name: hue.name for name, hue in self.runs.sketch.boxes.hues()}
        return [self._node(name, hues.get(name, "slate")) for name in numbers]

    def facts(self) -> dict[str, Any]:
        """What the page knows beside the runs."""
        boxes = list(self.runs.sketch.boxes.boxes())
        titles = dict[str, list[str]]()
        for box in boxes:
            if box.kind == "route":
                titles.setdefault(box.hue.name, []).append(box.title)
        numbers = self.compact.nodes
        return {
            "total": self.total,
            "lines": len(self.runs.lines),
            "hues": {hue: shortened(", ".join(dict.fromkeys(names)), 60) for hue, names in titles.items()},
            "boxes": [
                [identifier(box.key), [numbers[name] for name in box.nodes() if name in numbers]] for box in boxes
            ],
            **self.news(0),
        }

    def _node(self, name: str, hue: str) -> dict[str, Any]:
        node = self.graph.nodes.get(name)
        told = {"name": shortened(name, 120), "hue": hue, "id": identifier(name) if node else None}
        match node:
            case Work():
                return told | {"kind": node.interface.kind, "summary": shortened(node.interface.summary or " ", 80)}
            case Switch():
                return told | {"kind": "router", "summary": "router"}
            case _:  # of a pipeline that an open router came up with
                return told | {"kind": "node", "summary": "chosen at run time"}


def encoded(value: Any) -> bytes:
    """JSON that may stand in a page: no character of it begins an element."""
    return encoded_line(value).rstrip(b"\n").replace(b"<", rb"\u003c")
