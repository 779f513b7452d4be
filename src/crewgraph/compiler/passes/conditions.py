"""The conditions of routers: keys, types, and which routes can be taken."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from crewgraph.compiler.analysis import Analysis
from crewgraph.compiler.asks import Ask
from crewgraph.compiler.passes.words import closest, given_where, is_searched, needs, place_of, unquoted
from crewgraph.compiler.ways import UNSEARCHED, Refused, gap_of, witness_of
from crewgraph.condition import Condition
from crewgraph.condition.answer import Verdict
from crewgraph.condition.mistakes import Mistake, Misuse
from crewgraph.condition.routes import Overlap, RouteReport
from crewgraph.diagnostics import Diagnostic, Severity, Witness
from crewgraph.errors import ConditionError
from crewgraph.graph import Switch

__all__ = [
    "default_routes",
    "missing_in_conditions",
    "opaque_conditions",
    "overlaps",
    "unfit_conditions",
    "unreachable_routes",
]

OPEN = re.compile(r"\bany|\bor (less|more)\b|\b(less|more) than\b")
"""In the words of what is left over: values without end, of which a default takes what is left by its nature."""


def missing_in_conditions(analysis: Analysis) -> Iterator[Diagnostic]:
    """CG401: the condition of a route reads a key that nobody provides, though the inputs are declared."""
    if analysis.declared is None:
        return
    seen = set[tuple[str, str]]()
    needed = {(each.node, each.key) for each in analysis.flow.readings if each.route is not None and each.required}
    for reading in analysis.flow.readings:
        nobody = reading.from_input and not reading.is_provided and not reading.maybe
        if reading.route is None or not nobody or analysis.own(reading.key) is not None:
            continue
        is_told = reading.node in analysis.flow.told
        if is_told and not reading.required:
            continue  # what is told in text may be JSON, which is merged
        place = reading.node, reading.key
        if place in seen or (not reading.required and place in needed):
            continue
        seen.add(place)
        known = unquoted(analysis, reading) or closest(analysis, reading) or given_where(analysis, reading)
        hint = known or f"add {reading.key} to {analysis.declared.name}, or let an earlier node give it"
        told = "and nothing provides it" if reading.required else "and nothing ever provides it, so it is never there"
        told = "and only the text of a crew could provide it, if that is JSON" if is_told else told
        gap = None
        if reading.required:
            gap = gap_of(analysis, reading) if is_searched(analysis, reading, len(seen)) else UNSEARCHED
        yield Diagnostic(
            "CG401",
            f"{needs(analysis, reading)}, {told}",
            place_of(analysis, reading),
            hint,
            reading.node,
            None if gap is not None and gap.is_certain and not is_told else Severity.WARNING,
            witness_of(analysis, reading.node, gap),
        )


def unreachable_routes(analysis: Analysis) -> Iterator[Diagnostic]:
    """CG402: a route that can never be taken."""
    for switch, asks, report in _reports(analysis):
        for ask, route in zip(asks, report.routes, strict=True):
            if route.reachable.verdict is not Verdict.NO:
                continue
            found = analysis.mistakes(switch.name, ask.condition) if ask.condition else ()
            never = [each for each in found if each.kind is Misuse.NEVER_TRUE]
            if route.shadowed_by:
                why = f"whatever fits it is taken by route '{route.shadowed_by[0]}' before"
                hint = f"put it before '{route.shadowed_by[0]}', or take it away"
            elif never:
                why, hint = never[0].message, never[0].hint
            elif route.own.verdict is Verdict.NO:
                why, hint = "no values fit its condition", "correct its condition, or take it away"
            else:
                why, hint = "no values fit it that have not been taken before", "correct its condition, or take it away"
            yield Diagnostic(
                "CG402",
                f"route '{ask.route}' of '{switch.name}' can never be taken: {why}",
                (*switch.path, f"route '{ask.route}'"),
                hint or "correct its condition, or take the route away",
                switch.name,
            )


def opaque_conditions(analysis: Analysis) -> Iterator[Diagnostic]:
    """CG403: a condition is a callable that cannot be looked into."""
    for switch, asks in analysis.routers():
        for ask in asks:
            if ask.condition is None:
                how = "it is not checked" if ask.is_open else "only the keys that it reads are checked"
                yield Diagnostic(
                    "CG403",
                    f"the condition of route '{ask.route}' is a callable; {how}",
                    (*switch.path, f"route '{ask.route}'"),
                    node=switch.name,
                )


def default_routes(analysis: Analysis) -> Iterator[Diagnostic]:
    """CG404: which values are left to the default, where it can be told."""
    for switch, _, report in _reports(analysis):
        place = (*switch.path, "route 'default'")
        if report.default.verdict is Verdict.NO:
            yield Diagnostic(
                "CG404",
                f"the default of '{switch.name}' is never taken: its routes fit all values",
                place,
                node=switch.name,
            )
        elif report.left_over and not OPEN.search(report.left_over):
            is_hole = _is_hole(report.left_over, [ask.condition for ask in analysis.flow.asks[switch.name]])
            yield Diagnostic(
                "CG404",
                f"where {report.left_over}, no route of '{switch.name}' fits, and the default is taken",
                place,
                f"close the gap, as in {report.left_over.replace(' is ', ' <= ')}, or give that value a route of its own"
                if is_hole
                else "",
                switch.name,
                Severity.WARNING if is_hole else None,
            )


def _is_hole(left_over: str, conditions: Sequence[Condition | None]) -> bool:
    """Whether a single number is left over, of which both neighbours are taken: n < 5 and n > 5."""
    found = re.fullmatch(r"(\w+) is (-?\d+(?:\.\d+)?)", left_over)
    if not found:
        return False
    key, number = found[1], float(found[2])
    return all(any(_is_true(each, {key: near}) for each in conditions) for near in (number - 1, number + 1))


def _is_true(condition: Condition | None, values: Mapping[str, Any]) -> bool:
    try:
        return condition is not None and condition(values)
    except ConditionError:
        return False


def overlaps(analysis: Analysis) -> Iterator[Diagnostic]:
    """CG405: two routes partly fit the same values of the same keys, so that their order decides."""
    for switch, _, report in _reports(analysis):
        reads = {ask.route: {*ask.sure, *ask.maybe} for ask in analysis.flow.asks[switch.name]}
        for overlap in report.overlaps:
            if _is_partial(overlap) and reads[overlap.first] == reads[overlap.second]:
                values = ", ".join(f"{key} = {value!r}" for key, value in (overlap.both.example or {}).items())
                yield Diagnostic(
                    "CG405",
                    f"routes '{overlap.first}' and '{overlap.second}' of '{switch.name}' both fit {values}; "
                    f"'{overlap.first}' is taken, as it stands first",
                    (*switch.path, f"route '{overlap.second}'"),
                    node=switch.name,
                )


def _is_partial(overlap: Overlap) -> bool:
    """Whether each of two routes fits values that the other does not, and both fit some: else the order is a plan."""
    within = (overlap.first_within, overlap.second_within)
    return overlap.both.verdict is Verdict.YES and all(each is Verdict.NO for each in within)


def unfit_conditions(analysis: Analysis) -> Iterator[Diagnostic]:
    """CG406: a condition does with values what their types do not allow."""
    for switch, asks, report in _reports(analysis):
        for ask, fate in zip(asks, report.routes, strict=True):
            for each in analysis.mistakes(switch.name, ask.condition) if ask.condition else ():
                if each.kind is Misuse.FAILS:
                    yield Diagnostic(
                        "CG406",
                        f"{ask.where} of '{switch.name}': {each.message}",
                        (*switch.path, f"route '{ask.route}'"),
                        each.hint,
                        switch.name,
                        None if fate.is_asked else Severity.WARNING,
                        witness=_failing(analysis, switch, ask, each) if fate.is_asked else None,
                    )


def _failing(analysis: Analysis, switch: Switch, ask: Ask, mistake: Mistake) -> Witness | None:
    """A run in which a condition fails for a value of the input; ``None`` where it reads others, too."""
    reading = analysis.of_router[switch.name].get(next(iter(mistake.example), ""))
    if reading is None or len(mistake.example) > 1 or reading.is_provided or reading.maybe:
        return None
    value = mistake.example[reading.key]
    refused = Refused(reading, (value,), lambda each: (type(each), each) != (type(value), value))
    plain = witness_of(analysis, switch.name, gap_of(analysis, replace(reading, route=ask.route), refused=refused))
    return plain and replace(plain, inputs={**plain.inputs, reading.key: value})


def _reports(analysis: Analysis) -> Iterator[tuple[Switch, tuple[Ask, ...], RouteReport]]:
    """What is decided about the routes of each router that has conditions."""
    for switch, asks in analysis.routers():
        if any(ask.condition is not None for ask in asks):
            yield switch, asks, analysis.report(switch.name)
