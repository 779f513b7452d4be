"""What is written twice, over an input, or for nobody."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import combinations
from typing import Any, Literal

from crewgraph.compiler.analysis import Analysis
from crewgraph.compiler.flow import Clash, Source
from crewgraph.diagnostics import Diagnostic, Severity
from crewgraph.graph import Work
from crewgraph.shapes import Verdict, fit, written
from crewgraph.template import placeholder_name

__all__ = ["shadowed_inputs", "unread_inputs", "unread_outputs", "written_twice"]

MAX_NAMED = 10
"""How many nodes a finding names."""


def written_twice(analysis: Analysis) -> Iterator[Diagnostic]:
    """CG304: parallel branches give the same key, and somebody reads it."""
    readers = dict[str, int]()
    for reading in analysis.flow.readings:
        readers[reading.key] = max(readers.get(reading.key, 0), analysis.number[reading.node])
    for clash in analysis.flow.clashes:
        is_read = readers.get(clash.key, -1) > analysis.number[clash.meeting]
        if is_read or clash.meeting in analysis.open_behind:
            yield _twice(analysis, clash)


def _twice(analysis: Analysis, clash: Clash) -> Diagnostic:
    last = clash.writers[-1]
    by_kind = list({_same(each.kind): each for each in reversed(clash.writers)}.values())[::-1]
    is_worse = any(
        fit(one.kind, other.kind).verdict is Verdict.MISFIT and fit(other.kind, one.kind).verdict is Verdict.MISFIT
        for one, other in combinations(by_kind, 2)
    )
    shown, more = _few(clash.writers, lambda each: f"'{each.node}'")
    names = " and ".join([*shown, *more])
    told = f"{names} stand side by side and {'all' if more else 'both'} give {clash.key}"
    kinds = by_kind if len(clash.writers) > MAX_NAMED else clash.writers
    shown, more = _few(kinds, lambda each: f"'{each.node}' as {written(each.kind)}")
    told += f", of different types ({', '.join([*shown, *more])})" if is_worse else ""
    return Diagnostic(
        "CG304",
        f"{told}; that of '{last.node}' is handed on, as it stands last",
        analysis.path(last.node),
        "give the key another name in one of them, or put one behind the other",
        last.node,
        Severity.ERROR if is_worse else None,
    )


def _same(kind: Any) -> Hashable:
    """What stands for a type; not each of them can be hashed."""
    try:
        hash(kind)
    except TypeError:
        return repr(kind)
    return kind


def _few(several: Sequence[Source], told: Callable[[Source], str]) -> tuple[list[str], list[str]]:
    """The first of several in words, and how many more there are, if so."""
    rest = len(several) - MAX_NAMED
    return list(dict.fromkeys(map(told, several[:MAX_NAMED]))), [f"{rest:,} more"] if rest > 0 else []


def shadowed_inputs(analysis: Analysis) -> Iterator[Diagnostic]:
    """CG305: a node gives a key of the input that it has not read, and somebody reads what it gave."""
    from_input = {each.key for each in analysis.flow.readings if each.from_input and not each.is_provided}
    known = set(analysis.declared.provided) if analysis.declared else from_input
    for node, key in analysis.flow.shadows:
        if (node, key) in analysis.flow.used and key in known:
            yield Diagnostic(
                "CG305",
                f"'{node}' gives {key}, which is an input too; who reads {key} behind it gets what '{node}' gave",
                analysis.path(node),
                f"give it another name, or let '{node}' read {key} if it is meant to replace it",
                node,
            )


def unread_outputs(analysis: Analysis) -> Iterator[Diagnostic]:
    """CG306: a node declares keys that nobody reads."""
    told = {(each.node, clash.key) for clash in analysis.flow.clashes for each in clash.writers}
    told |= analysis.flow.used
    given = (
        (work, [key for key in _meant_for_readers(work) if (work.name, key) not in told]) for work in analysis.works
    )
    unread = [(work, keys) for work, keys in given if keys]
    ends = _ends(analysis) if unread else ()
    for work, keys in unread:
        if work.name in ends or work.name in analysis.open_behind or _text_is_read(analysis, work):
            continue
        yield Diagnostic(
            "CG306",
            f"'{work.name}' gives {', '.join(keys)}, which nothing reads",
            work.path,
            "leave it out, or read it where it was meant to be",
            work.name,
        )


def _meant_for_readers(work: Work) -> Iterable[str]:
    """What a node gives to be read; where an approval lets nothing pass but what is approved, its word need not be."""
    face = work.interface
    only_approved = face.kind == "approval" and Literal["approved"] in face.gives.values()
    return dict(face.rows) if only_approved else face.gives  # its rows are what may be changed


def _ends(analysis: Analysis) -> set[str]:
    """The nodes behind which no other works, whose output is the result."""
    ends = set[str]()
    goes_on = dict[str, bool]()
    for name in reversed(analysis.flow.order):
        behind = [edge.target for edge in analysis.graph.successors(name)]
        goes_on[name] = any(goes_on[target] or isinstance(analysis.graph.nodes[target], Work) for target in behind)
        if not goes_on[name]:
            ends.add(name)
    return ends


def _text_is_read(analysis: Analysis, work: Work) -> bool:
    """Whether somebody is given the whole answer to read, or reaches it by its name."""
    name = placeholder_name(work.label)
    if (work.name, name) in analysis.flow.used:
        return True
    todo = [work.name]
    while todo:
        for edge in analysis.graph.successors(todo.pop()):
            node = analysis.graph.nodes[edge.target]
            if isinstance(node, Work):
                if node.interface.takes_text:
                    return True
            else:
                todo.append(edge.target)
    return False


def unread_inputs(analysis: Analysis) -> Iterator[Diagnostic]:
    """CG309: inputs are declared that nobody reads."""
    if analysis.declared is None:
        return
    starts = [name for name in analysis.flow.order if not analysis.graph.predecessors(name)]
    if any(name in analysis.open_behind for name in starts):
        return
    unread = [key for key, each in analysis.inputs.items() if each.is_declared and not each.used_by]
    if unread:
        yield Diagnostic(
            "CG309",
            f"{analysis.declared.name} declares {', '.join(unread)}, which nothing reads",
            (),
            "leave it out, or read it where it was meant to be",
        )
