"""How deep a picture goes: boxes that are nested deeper are closed, and a card stands for all that is in them.

A level is a frame: a parallel stage, a route, a pipeline with a name. Lines into what is in a closed box lead to its
card, those that are the same then are one, and a point that is left with one way out is passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from crewgraph.graph import Graph, Join, Merge, Switch, Work
from crewgraph.render.escape import shortened
from crewgraph.render.sketch import Box, Line, Sketch, keys_label, sketch_of

__all__ = ["card_of", "sketched", "told"]

MAX_TOLD = 36


def sketched(graph: Graph, depth: int | None = None) -> Sketch:
    """What is drawn of a graph, with the boxes closed that are nested deeper than ``depth``; ``None`` closes none.

    Raises:
        ValueError: the depth is no whole number, or below 0.
    """
    sketch = sketch_of(graph)
    if depth is None:
        return sketch
    if type(depth) is not int or depth < 0:  # it is the user's
        raise ValueError(f"depth is a whole number from 0 on, or None for everything, not {depth!r}")
    closed = dict[str, Box]()
    root = _closed(sketch.boxes, depth, closed)
    if not closed:
        return sketch
    owner = {node: name for name, box in closed.items() for node in box.nodes()}
    lines = list(_merged(graph, sketch.lines, owner))
    points = [name for name in root.nodes() if isinstance(graph.nodes.get(name), Join | Merge)]
    passed = {name for name in points if sum(line.source == name for line in lines) == 1}
    for name in passed:
        lines = _past(name, lines)
    loose = frozenset(owner.get(name, name) for name in sketch.loose)
    return replace(sketch, boxes=_without(root, passed), lines=lines, loose=loose, closed=closed)


def card_of(key: str) -> str:
    """The name of the card that stands for a closed box."""
    return f"\1{key}"  # no label begins so once it is cleaned, and it never appears in a picture


def told(graph: Graph, box: Box) -> str:
    """What is in a closed box: the name of a single node, or how many there are."""
    names = [name for name in box.nodes() if isinstance(graph.nodes.get(name), Work | Switch)]
    return shortened(names[0], MAX_TOLD) if len(names) == 1 else f"{len(names):,} nodes"


def _closed(box: Box, depth: int, closed: dict[str, Box]) -> Box:
    """A box with the boxes in it closed below a depth; they are noted."""
    items = list[str | Box]()
    for item in box.items:
        if isinstance(item, Box) and not depth:
            closed[card_of(item.key)] = item
            items.append(card_of(item.key))
        else:
            items.append(_closed(item, depth - 1, closed) if isinstance(item, Box) else item)
    return replace(box, items=items)


def _merged(graph: Graph, lines: Iterable[Line], owner: Mapping[str, str]) -> Iterator[Line]:
    """The lines between what is left, those that became the same in one."""
    several = dict[tuple[str, str, str | None, int], list[Line]]()
    for number, line in enumerate(lines):
        source, target = owner.get(line.source, line.source), owner.get(line.target, line.target)
        is_moved = (source, target) != (line.source, line.target)
        if not is_moved or source != target:
            several.setdefault((source, target, line.route, -1 if is_moved else number), []).append(line)
    for (source, target, _, is_own), same in several.items():
        if is_own >= 0:
            yield same[0]
        else:
            yield replace(same[0], source=source, target=target, label=_label(graph, same), legs=(tuple(same),))


def _label(graph: Graph, lines: list[Line]) -> str:
    """What stands on several lines in one: what all of them hand over."""
    if len({line.label for line in lines}) == 1:
        return lines[0].label
    nodes = (graph.nodes.get(line.source) for line in lines if line.label)
    return keys_label(dict.fromkeys(key for node in nodes if isinstance(node, Work) for key in node.interface.gives))


def _past(point: str, lines: list[Line]) -> list[Line]:
    """The lines, where those into a point go straight on to where the one out of it leads."""
    (out,) = (line for line in lines if line.source == point)
    return [
        replace(line, target=out.target, legs=(*_legs(line), *_legs(out))) if line.target == point else line
        for line in lines
        if line is not out
    ]


def _legs(line: Line) -> tuple[tuple[Line, ...], ...]:
    return line.legs or ((line,),)


def _without(box: Box, passed: set[str]) -> Box:
    """A box without some points."""
    items = (_without(item, passed) if isinstance(item, Box) else item for item in box.items)
    return replace(box, items=[item for item in items if isinstance(item, Box) or item not in passed])
