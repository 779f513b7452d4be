"""The picture as a tree of plain text, for terminals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Unpack, assert_never

from crewgraph.graph import Graph, Join, Merge, Start, Switch, Work
from crewgraph.render.closing import card_of, told
from crewgraph.render.escape import clean, shortened
from crewgraph.render.scene import Over, Scene, scene_of
from crewgraph.render.sketch import condition_label, found_node, heads, pipeline_name
from crewgraph.trace import Choice, Leaf, Parallel, Series, Shape, Wired

__all__ = ["to_text"]

MAX_NAME = 48
MAX_SUMMARY = 60
MAX_ROWS = 6


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the tree, and what hangs below it."""

    text: str
    below: list[_Line] = field(default_factory=list["_Line"])
    is_task: bool = False


def to_text(graph: Graph, **over: Unpack[Over]) -> str:
    """The picture as a tree: one line for each node, stage and route.

    Args:
        graph: what is drawn.
        **over: how much of it, and what is laid over it.

    Raises:
        ValueError: the depth is no whole number, or below 0.
    """
    title = shortened(graph.name, 2 * MAX_NAME) if graph.name and clean(graph.name) else "pipeline"
    tree = _Tree(scene_of(graph, **over))
    lines = [*tree.lines(graph.shape), *tree.rest()]
    return "\n".join([title, *_drawn(lines or [_Line("(no stages)")], "")]) + "\n"


class _Tree:
    def __init__(self, scene: Scene) -> None:
        self.scene, self.graph = scene, scene.graph
        self.seen = set[str]()

    def closed(self, shape: Shape) -> str | None:
        """What is said of a shape whose box is closed."""
        name = card_of(self.scene.sketch.keys.get(id(shape), ""))
        box = self.scene.sketch.closed.get(name)
        if box is None:
            return None
        self.seen.update(box.nodes())
        return f"  ({told(self.graph, box)}){self.badge(name)}{self.did(name)}"

    def lines(self, shape: Shape) -> list[_Line]:
        """What a shape becomes; a series has a line of its own where it is a pipeline with a name."""
        name = pipeline_name(shape)
        if name is None:
            return self.inside(shape)
        closed = self.closed(shape)
        title = shortened(name, MAX_NAME)
        return [_Line(f"{title}  (pipeline)", self.inside(shape)) if closed is None else _Line(f"{title}{closed}")]

    def inside(self, shape: Shape) -> list[_Line]:
        """What a shape becomes, without a line of its own."""
        match shape:
            case Leaf(node):
                return [self.work(node)]
            case Series(parts):
                return [line for part in parts for line in self.grouped(part, is_alone=len(parts) == 1)]
            case Parallel(branches):
                title, closed = f"parallel · {len(branches)}", self.closed(shape)
                if closed is not None:
                    return [_Line(f"{title}{closed}")]
                return [_Line(title, [self.branch(*place) for place in enumerate(branches, 1)])]
            case Choice(router, routes):
                return [self.router(router, routes.items())]
            case Wired():
                return self.wired(shape)
            case _:
                assert_never(shape)

    def grouped(self, part: Shape, *, is_alone: bool) -> list[_Line]:
        """The lines of a stage; those of a graph built by hand hang together, as its arrows show."""
        lines = self.lines(part)
        return lines if is_alone or not isinstance(part, Wired) or pipeline_name(part) else [self.part(part, [])]

    def wired(self, wired: Wired) -> list[_Line]:
        """A graph that was built by hand: a line for each node, with what follows it."""
        after = [list[tuple[str | None, str]]() for _ in wired.parts]
        for part, ways in zip(wired.parts, wired.before, strict=True):
            names = ", ".join(shortened(name, MAX_NAME) for name in heads(part))
            for source, route in ways:
                after[source].append((route, names))
        return [
            self.fork(part, after[number])
            if number in wired.forks
            else self.part(part, [name for _, name in after[number]])
            for number, part in enumerate(wired.parts)
        ]

    def part(self, shape: Shape, after: list[str]) -> _Line:
        lines = self.lines(shape)
        what = f"graph · {len(lines)}" if isinstance(shape, Wired) else "pipeline"  # of several lines, and so unnamed
        line = lines[0] if len(lines) == 1 else _Line(what, lines)
        return replace(line, text=f"{line.text} → {', '.join(after)}") if after else line

    def fork(self, shape: Shape, after: list[tuple[str | None, str]]) -> _Line:
        """The conditional edges out of a node, in the order in which they are tried."""
        (name,) = heads(shape)
        self.seen.add(name)
        switch, leads = self.graph.nodes[name], dict(after)
        assert isinstance(switch, Switch), "conditional edges are a switch"
        below = [_Line(f"{condition_label(switch, route)} → {leads.get(route, 'nothing')}") for route in switch.routes]
        return _Line(f"◆ {shortened(name, MAX_NAME)}  (router){self.about(name)}", below)

    def branch(self, number: int, shape: Shape) -> _Line:
        lines = self.lines(shape)
        return lines[0] if len(lines) == 1 else _Line(f"branch {number}", lines)

    def work(self, name: str) -> _Line:
        self.seen.add(name)
        node = self.graph.nodes[name]
        if not isinstance(node, Work):
            return _Line(shortened(name, MAX_NAME))
        kind, summary = node.interface.kind, node.interface.summary
        about = kind if summary in {"", "function"} else f"{kind} · {summary}"
        rows = [_Line(_row(task, agent), is_task=True) for task, agent in node.interface.rows[:MAX_ROWS]]
        rest = len(node.interface.rows) - MAX_ROWS
        more = [_Line(f"· + {rest} more", is_task=True)] if rest > 0 else []
        return _Line(f"{shortened(name, MAX_NAME)}  ({shortened(about, MAX_SUMMARY)}){self.about(name)}", rows + more)

    def about(self, name: str) -> str:
        """What is laid over a node: the user's note, what is wrong with it, and what it did."""
        note = self.scene.note(name)
        return f"{f'  [{shortened(note, MAX_SUMMARY)}]' if note else ''}{self.badge(name)}{self.did(name)}"

    def did(self, name: str) -> str:
        """What a node did in runs: ``✓ 0.4 s · 1.9k tok``; of one router in one run its route."""
        ran = self.scene.ran(name)
        if ran is None:
            return ""
        figures = " · ".join(filter(None, (ran.time, ran.spent, ran.told)))
        between = (" " if ran.state == "ok" else " · ") if figures else ""
        return f"  {ran.sign}{between}{figures}"

    def badge(self, name: str) -> str:
        """What is wrong with a node: ``✗ CG302``, or ``! CG304``, as in the list of findings."""
        mark = self.scene.mark(name)
        return f"  {'✗' if mark.is_error else '!'} {mark.codes_shown}" if mark else ""

    def router(self, name: str, routes: Iterable[tuple[str, Shape]]) -> _Line:
        self.seen.add(name)
        switch = self.graph.nodes[name]
        below = list[_Line]()
        for route, arm in routes:
            condition = condition_label(switch, route) if isinstance(switch, Switch) else ""
            title, closed = f"{condition} → {_arm(route, arm)}", self.closed(arm)
            below.append(_Line(title, self.inside(arm)) if closed is None else _Line(f"{title}{closed}"))
        if isinstance(switch, Switch) and switch.is_open:
            below.append(_Line(f"any pipeline, chosen at run time{self.about(found_node(name))}"))
        return _Line(f"◆ {shortened(name, MAX_NAME)}  (router){self.about(name)}", below)

    def rest(self) -> Iterator[_Line]:
        """The nodes of a graph that was built by hand and has no shape."""
        for name, node in self.graph.nodes.items():
            if name not in self.seen and not isinstance(node, Start | Join | Merge):
                yield self.work(name)


def _arm(route: str, arm: Shape) -> str:
    """A route, and the name of the pipeline behind it."""
    name, title = pipeline_name(arm), shortened(route, MAX_NAME)
    return title if name is None or name == route else f"{title} · {shortened(name, MAX_NAME)}"


def _row(task: str, agent: str) -> str:
    return f"· {shortened(task, MAX_NAME)}" + (f" — {shortened(agent, MAX_NAME)}" if agent else "")


def _drawn(lines: list[_Line], indent: str) -> Iterator[str]:
    for place, line in enumerate(lines, 1):
        is_last = place == len(lines)
        if line.is_task:  # the tasks of a crew hang below it without a branch of their own
            yield f"{indent}   {line.text}"
            continue
        yield f"{indent}{'└─' if is_last else '├─'} {line.text}"
        yield from _drawn(line.below, indent + ("   " if is_last else "│  "))
