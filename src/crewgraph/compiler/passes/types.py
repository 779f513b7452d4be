"""Types of a hand-over that do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crewgraph.compiler.analysis import Analysis
from crewgraph.compiler.flow import Reading
from crewgraph.compiler.passes.words import is_searched, place_of
from crewgraph.compiler.ways import UNSEARCHED, Gap, Refused, gap_of, witness_of
from crewgraph.diagnostics import Diagnostic, Severity, Witness
from crewgraph.graph import Work
from crewgraph.shapes import NOTHING, Fit, Verdict, coercer, fit, refusals, refused, written

__all__ = ["misfits"]


def misfits(analysis: Analysis) -> Iterator[Diagnostic]:
    """CG303: what is handed over does not have the type that its reader wants."""
    searched = 0
    for reading in analysis.flow.readings:
        if reading.route is not None or reading.kind is Any:
            continue
        for giver, kind in _given(analysis, reading):
            found = fit(kind, reading.kind)
            if found.verdict not in (Verdict.MISFIT, Verdict.NARROWS):
                continue
            searched += 1
            gap: Gap | None = UNSEARCHED
            if is_searched(analysis, reading, searched):
                gap = gap_of(analysis, reading, giver or None, refused=_refused(reading, kind))
            if gap is not None:  # else no run brings the value here
                yield _misfit(analysis, reading, giver, kind, found, gap)


def _refused(reading: Reading, kind: Any) -> Refused:
    """What a reader refuses of a type."""
    check = coercer(reading.kind)

    def takes(value: Any) -> bool:
        try:
            return check is None or check(value) is not NOTHING
        except ValueError:
            return False

    return Refused(reading, refusals(kind, reading.kind), takes)


def _given(analysis: Analysis, reading: Reading) -> Iterator[tuple[str, Any]]:
    """Who may give the value, and of which type, as far as it is declared."""
    for source in reading.sources:
        if source.is_sure:
            yield source.node, source.kind
    own = analysis.own(reading.key)
    if (reading.from_input or reading.asked) and own is not None and not reading.is_foggy:
        yield "", own.kind


def _misfit(analysis: Analysis, reading: Reading, giver: str, kind: Any, found: Fit, gap: Gap) -> Diagnostic:  # noqa: PLR0917 - all that is told
    key, wanted = reading.key, written(reading.kind)
    own = analysis.declared.name if analysis.declared else "the input"
    is_text = any(source.node == giver and source.is_text for source in reading.sources)
    gives = f"'{giver}' answers in text" if is_text else f"'{giver}' gives {written(kind)}" if giver else (
        f"{own} declares {written(kind)}"
    )  # fmt: skip
    node = analysis.graph.nodes[reading.node]
    is_step = isinstance(node, Work) and node.interface.kind == "step"
    wants = f"'{reading.node}' takes {key}: {wanted}" if is_step else (
        f"'{reading.node}' wants {key}: {wanted} for {reading.where[0]}"
    )  # fmt: skip
    whose = f"let '{giver}' give" if giver else f"declare in {own}"
    hint = f"{whose} {key}: {wanted}, or let '{reading.node}' take {key}: {written(kind)}"
    return Diagnostic(
        "CG303",
        f"{gives}{'' if is_text else f' as {key}'}, and {wants}; {found.reason}",
        place_of(analysis, reading),
        hint,
        reading.node,
        Severity.WARNING if found.verdict is Verdict.NARROWS or not gap.is_certain else None,
        _shown(analysis, reading, giver, kind, gap),
    )


def _shown(analysis: Analysis, reading: Reading, giver: str, kind: Any, gap: Gap) -> Witness | None:
    """A run with a value that is refused."""
    value, plain = refused(kind, reading.kind), witness_of(analysis, reading.node, gap)
    if value is NOTHING or plain is None:
        return None
    known = (gap.gives if giver else gap.inputs).get(reading.key, NOTHING)
    if known is not NOTHING and not _refused(reading, kind).takes(known):
        value = known  # one with which the conditions let it come here
    inputs = plain.inputs if giver else {**plain.inputs, reading.key: value}
    gives = {**plain.gives, reading.key: value} if giver else plain.gives
    return Witness(inputs, plain.routes, reading.node, gives)
