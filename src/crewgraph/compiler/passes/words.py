"""The words of findings about keys: who reads, who gives, what may be meant."""

from __future__ import annotations

import difflib
from typing import Literal, get_args, get_origin

from crewgraph.compiler.analysis import Analysis
from crewgraph.compiler.flow import Reading
from crewgraph.compiler.guards import exclude
from crewgraph.compiler.slips import is_slip
from crewgraph.graph import Switch, Work
from crewgraph.shapes.peel import members_of, peeled
from crewgraph.template import placeholder_name

__all__ = [
    "away",
    "closest",
    "given_elsewhere",
    "given_where",
    "is_behind",
    "is_searched",
    "looks_misspelt",
    "maybe_from",
    "needs",
    "place_of",
    "quoted",
]

CLOSE = 0.75
"""How alike two keys must be to be named together, from 0 to 1."""
MAX_SEARCHED = 200
"""For so many findings a way through the graph is looked for; each takes a walk through it."""
AS_LONG = 5
"""To compare two names takes as long as to look at so many nodes."""
MAX_CLOSE = 3
"""How many similar names are looked at."""


def needs(analysis: Analysis, reading: Reading) -> str:
    """Who needs what: ``'reply' needs {customer} in task 'answer'``."""
    if reading.route is not None:
        return f"{reading.where[0]} of '{reading.node}' reads {reading.key}"
    node = analysis.graph.nodes[reading.node]
    if isinstance(node, Work) and node.interface.kind == "step":
        return f"'{reading.node}' takes {reading.key}"
    if reading.where[0].startswith("the input model"):
        return f"'{reading.node}' needs {reading.key} for {reading.where[0]}"
    return f"'{reading.node}' needs {{{reading.key}}}"


def place_of(analysis: Analysis, reading: Reading) -> tuple[str, ...]:
    """Where it stands: the path of the node, and within it what reads."""
    path = analysis.path(reading.node)
    if reading.route is not None:
        return (*path, f"route '{reading.route}'")
    node = analysis.graph.nodes[reading.node]
    if isinstance(node, Work) and node.interface.kind == "step":
        return path
    return (*path, ", ".join(reading.where))


def quoted(analysis: Analysis, node: str) -> str:
    """The placeholder by which the text of a node is reached."""
    work = analysis.graph.nodes[node]
    return placeholder_name(work.label if isinstance(work, Work) else node)


# ---- what may be meant -----------------------------------------------------------------------------------------


def closest(analysis: Analysis, reading: Reading) -> str:
    """A hint that names a key of nearly the same name which is there; empty where there is none."""
    if not analysis.spends(AS_LONG * len(analysis.writers)):
        return ""
    givers = {**(analysis.texts if reading.route is None else {}), **analysis.writers}
    names = sorted({*givers, *(analysis.declared.provided if analysis.declared else ())} - {reading.key})
    for key in difflib.get_close_matches(reading.key, names, n=MAX_CLOSE, cutoff=CLOSE):
        if analysis.own(key) is not None:
            return f"did you mean {key}? It is an input"
        who = next((each for each in givers[key] if is_behind(analysis, reading.node, each)), None)
        if who is not None:
            what = "gives it" if key in analysis.writers else "is a crew, and this is its text"
            return f"did you mean {key}? '{who}' {what}"
    return ""


def unquoted(analysis: Analysis, reading: Reading) -> str:
    """A hint about a value that stands without quotes; empty where the key is no value of anything."""
    for key, kind in analysis.kinds_at(reading.node).items():
        values = [value for member in members_of(kind) for value in get_args(peeled(member).kind)]
        if get_origin(peeled(kind).kind) is Literal and reading.key in values:
            return f"write '{reading.key}' in quotes; it is a value of {key}"
    return ""


def given_where(analysis: Analysis, reading: Reading) -> str:
    """A hint about a node that gives the key, but not to this one; empty where there is none."""
    key, node = reading.key, reading.node
    for writer in analysis.writers.get(key, ()):
        if writer == node:
            return f"'{node}' gives {key} itself, after it has read it; it must come from before"
        if is_behind(analysis, node, writer):
            return (
                f"'{writer}' gives {key}, but a procedure (crew >> crew) hands over the output of the crew before only; "
                "write Pipeline([…])"
            )
        if is_behind(analysis, writer, node):
            return f"'{writer}' gives {key}, but stands behind; put it before '{node}'"
        if exclude(analysis.flow.guards[writer], analysis.flow.guards[node]):
            return f"'{writer}' gives {key}, but on another route"
        return f"'{writer}' gives {key}, but stands beside '{node}'; put it before"
    if reading.route is not None and key in analysis.texts:
        return f"a condition sees values, and {key} is only the text of '{analysis.texts[key][0]}': declare its output"
    return ""


def given_elsewhere(analysis: Analysis, reading: Reading) -> str:
    """As :func:`given_where`, where it is hardly meant that the input has the key too; empty otherwise."""
    key, node = reading.key, reading.node
    for writer in analysis.givers.get(key, ()):
        if exclude(analysis.flow.guards[writer], analysis.flow.guards[node]):
            continue  # it never runs where this is read
        if is_behind(analysis, writer, node) and (writer, key) in analysis.flow.used:
            continue  # whoever stands behind it gets another value, of which CG305 tells
        return given_where(analysis, reading)
    return ""


def looks_misspelt(analysis: Analysis, reading: Reading) -> tuple[str, str] | None:
    """A key that is given before, or that others read of the input, and differs by a slip of the pen only."""
    alike = analysis.similar(reading.key)
    if not alike:
        return None
    mine = analysis.read_by(reading.node)  # who reads both means both
    similar = [
        key
        for key in alike
        if key not in mine and is_slip(reading.key, key, is_given=key in analysis.writers or key in analysis.texts)
    ]
    for key in similar:
        givers = [*analysis.writers.get(key, ()), *(analysis.texts.get(key, ()) if reading.route is None else ())]
        who = next((each for each in givers if is_behind(analysis, reading.node, each)), None)
        if who is not None:
            return key, f"'{who}' gives"
    ours, first = len(analysis.inputs[reading.key].used_by), analysis.place_of_input
    for key, field in ((key, analysis.inputs[key]) for key in similar if key in analysis.inputs):
        theirs = len(field.used_by)
        if theirs > ours or (theirs == ours and first[key] < first[reading.key]):
            return key, f"{field.used_by[0].partition(',')[0]} reads" if theirs == 1 else f"{theirs} others read"
    return None


# ---- where things stand ----------------------------------------------------------------------------------------


def is_searched(analysis: Analysis, reading: Reading, found: int) -> bool:
    """Whether a way to a reader is looked for: it is among the first of which that is to be told, and they take not too long."""
    return found <= MAX_SEARCHED and analysis.spends(analysis.number[reading.node])


def is_behind(analysis: Analysis, node: str, other: str) -> bool:
    """Whether a node stands behind another, on at least one way; not, where it takes too long to find out."""
    numbers = analysis.number
    if numbers[other] >= numbers[node] or not analysis.spends(numbers[node] - numbers[other]):
        return False
    seen, todo = {node}, [node]
    while todo:
        for edge in analysis.graph.predecessors(todo.pop()):
            if edge.source == other:
                return True
            if edge.source not in seen and numbers[edge.source] > numbers[other]:
                seen.add(edge.source)
                todo.append(edge.source)
    return False


def away(analysis: Analysis, router: str, route: str) -> str:
    """Who could give something on a route: its last node before the routes meet, else the route itself."""
    last = None
    for name in analysis.flow.order if analysis.spends(len(analysis.flow.order)) else ():
        guard = analysis.flow.guards[name]
        is_on = guard is not None and all((router, route) in way for way in guard) and bool(guard)
        if is_on and isinstance(analysis.graph.nodes[name], Work):
            last = name
    return f"'{last}'" if last else f"route '{route}'"


def maybe_from(analysis: Analysis, reading: Reading) -> tuple[str | None, bool, bool]:
    """The nearest node that may give a key undeclared; whether it may give any key, and whether it does so in text."""
    name = _nearest(analysis, reading.node, reading.key)
    node = analysis.graph.nodes[name] if name is not None else None
    if isinstance(node, Work):
        return name, node.interface.may_give is None, node.interface.is_text
    return name, False, False


def _nearest(analysis: Analysis, node: str, key: str) -> str | None:
    """The nearest node before a node that may give a key undeclared.

    Where the way up leads through one node alone, what is found is kept for that node, too: others will ask below it.
    """
    known, passed = analysis.nearest.setdefault(key, {}), [node]
    seen, todo, found = {node}, [node], None
    while todo and found is None:
        sources = [edge.source for name in todo for edge in analysis.graph.predecessors(name)]
        todo = [name for name in dict.fromkeys(sources) if name not in seen]
        seen.update(todo)
        found = next((name for name in todo if _may_give(analysis, name, key)), None)
        if found is None and len(todo) == 1:
            if todo[0] in known:
                found = known[todo[0]]
                break
            passed += todo
    known.update(dict.fromkeys(passed, found))
    return found


def _may_give(analysis: Analysis, name: str, key: str) -> bool:
    node = analysis.graph.nodes[name]
    if isinstance(node, Work):
        face = node.interface
        return face.may_give is None or (key in face.may_give and key not in face.sometimes)
    return isinstance(node, Switch) and node.is_open
