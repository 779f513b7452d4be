"""Keys that are read and not provided: never, on some routes only, or by nobody who says so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from crewgraph.compiler.analysis import Analysis
from crewgraph.compiler.flow import Reading
from crewgraph.compiler.passes.words import (
    away,
    closest,
    given_elsewhere,
    given_where,
    is_searched,
    looks_misspelt,
    maybe_from,
    needs,
    place_of,
    quoted,
)
from crewgraph.compiler.ways import UNSEARCHED, Gap, gap_of, witness_of
from crewgraph.diagnostics import Diagnostic, Severity

__all__ = ["missing_keys", "misspelt_keys", "sometimes_missing_keys", "unproven_keys"]


def missing_keys(analysis: Analysis) -> Iterator[Diagnostic]:
    """CG301: a key is read that nothing provides, though the inputs are declared, or others give it elsewhere."""
    if analysis.declared is None:
        yield from _given_elsewhere(analysis)
        return
    found = 0
    for reading in _together(analysis.flow.readings):
        nobody = reading.from_input and not reading.is_provided and not reading.maybe
        if reading.required and reading.route is None and nobody and analysis.own(reading.key) is None:
            found += 1
            is_first = is_searched(analysis, reading, found)
            gap = gap_of(analysis, reading) if is_first else UNSEARCHED
            if gap is None:
                continue  # no run comes here
            known = (closest(analysis, reading) or given_where(analysis, reading)) if is_first else ""
            hint = known or _add(analysis, reading)
            yield Diagnostic(
                "CG301",
                f"{needs(analysis, reading)}, and nothing provides it",
                place_of(analysis, reading),
                hint,
                reading.node,
                None if gap.is_certain or gap.is_shown else Severity.WARNING,
                witness_of(analysis, reading.node, gap),
            )


def _given_elsewhere(analysis: Analysis) -> Iterator[Diagnostic]:
    """Where the inputs are not declared, they may have every key; but one that a node beside gives is hardly meant."""
    for reading in _together(analysis.flow.readings):
        if reading.required and reading.from_input and not reading.is_provided and not reading.maybe:
            where = given_elsewhere(analysis, reading)
            if where:
                yield Diagnostic(
                    "CG301",
                    f"{needs(analysis, reading)}, and only the input can provide it",
                    place_of(analysis, reading),
                    f"{where}; or declare it as an input: Pipeline(…, inputs=Model)",
                    reading.node,
                    Severity.WARNING,
                )


def sometimes_missing_keys(analysis: Analysis) -> Iterator[Diagnostic]:
    """CG302: a key is provided on some routes only, and is no input."""
    if analysis.declared is None:
        return
    found = 0
    for reading in _together(analysis.flow.readings):
        if not reading.required or not reading.from_input or analysis.is_in_every_row(reading.key):
            continue
        own = analysis.own(reading.key)
        if own is None and not reading.is_provided and not reading.maybe:
            continue
        found += 1
        is_first = is_searched(analysis, reading, found)
        gap = gap_of(analysis, reading) if is_first else replace(UNSEARCHED, is_certain=False)
        if gap is None:
            continue
        if own is not None:
            told = f"{needs(analysis, reading)}, which rows may leave out"
            hint = f"let the inputs require {reading.key}, or ask first: a route with the condition has({reading.key})"
        else:
            told, hint = _of_route(analysis, reading, gap)
        is_open = gap.is_shown and not gap.is_certain
        doubt = "; the routes may depend on each other in a way that cannot be seen" if is_open else ""
        yield Diagnostic(
            "CG302",
            told + doubt,
            place_of(analysis, reading),
            hint,
            reading.node,
            None if gap.is_certain else Severity.WARNING,
            witness_of(analysis, reading.node, gap),
        )


def misspelt_keys(analysis: Analysis) -> Iterator[Diagnostic]:
    """CG307: a key that only the input could provide looks like another one, that is given."""
    if analysis.declared is not None:
        return
    for reading in _together(analysis.flow.readings):
        is_asked = reading.required or reading.route is not None
        if not is_asked or not reading.from_input or reading.is_provided or reading.maybe:
            continue
        other = looks_misspelt(analysis, reading)
        if other is not None:
            key, who = other
            yield Diagnostic(
                "CG307",
                f"{needs(analysis, reading)}, which nothing provides; {who} '{key}'",
                place_of(analysis, reading),
                f"write {_as_read(reading, key)}, or declare the inputs: Pipeline(…, inputs=Model)",
                reading.node,
            )


def unproven_keys(analysis: Analysis) -> Iterator[Diagnostic]:
    """CG308: a key is read that an earlier node may only give without having declared it."""
    known = {each.key for each in analysis.flow.readings if each.from_input and each.required}
    for reading in _together(analysis.flow.readings):
        if not reading.required or not reading.maybe or analysis.is_in_every_row(reading.key):
            continue
        if reading.key in known or (reading.from_input and analysis.declared is None):
            continue
        giver, asks_json, is_text = maybe_from(analysis, reading)
        is_loose = analysis.declared is None and not (is_text and asks_json)
        if giver is None or is_loose:
            continue
        is_named = is_text and not asks_json
        told = "mentions it, but answers in plain text" if is_named else "may give it, but does not declare it"
        text = f", or read {{{quoted(analysis, giver)}}}, its whole text" if is_named and reading.route is None else ""
        guess = "" if is_named else closest(analysis, reading)  # what a task asks for by its name is no slip
        how = "output_pydantic=Model for its last task" if is_text else "a return annotation, such as a TypedDict"
        yield Diagnostic(
            "CG308",
            f"{needs(analysis, reading)}; '{giver}' {told}",
            place_of(analysis, reading),
            f"{guess}; else {how}" if guess else f"{how}{text}",
            reading.node,
            Severity.WARNING if is_named and analysis.declared is not None else None,
        )


def _together(readings: Iterable[Reading]) -> Iterator[Reading]:
    """The readings, each key of a node once; conditions of a router one by one."""
    seen = set[tuple[str, str]]()
    for reading in readings:
        if (reading.node, reading.key) not in seen or not reading.required:
            if reading.required:
                seen.add((reading.node, reading.key))
            yield reading


def _of_route(analysis: Analysis, reading: Reading, gap: Gap) -> tuple[str, str]:
    """Who provides the key on which route, and who does not."""
    sources = [source.node for source in reading.sources]
    for router, route in sorted(gap.way, key=lambda choice: analysis.number[choice[0]]):
        for source in sources:
            guard = analysis.flow.guards[source]
            others = [dict(way).get(router) for way in guard or ()]
            if others and None not in others and route not in others:
                who = " or ".join(f"'{other}'" for other in dict.fromkeys(others))
                told = (
                    f"{needs(analysis, reading)}, but only route {who} of '{router}' provides it (from '{source}'); "
                    f"route '{route}' does not"
                )
                giver = away(analysis, router, route)
                return told, f"let {giver} give it, too, or let '{reading.node}' do without it, or stand on route {who}"
    who = f"'{sources[0]}' gives it only at times" if sources else "it is there only at times"
    giver = f"'{sources[0]}'" if sources else "whoever gives it"
    return f"{needs(analysis, reading)}, but {who}", f"let {giver} always give it, or ask first: has({reading.key})"


def _add(analysis: Analysis, reading: Reading) -> str:
    """The edit where nothing is known that could be meant."""
    name = analysis.declared.name if analysis.declared else "inputs"
    braces = "" if reading.route or not _is_text(reading) else ", or write {{…}} for literal braces"
    return f"add {reading.key} to {name}, or let an earlier node give it{braces}"


def _is_text(reading: Reading) -> bool:
    return not any(re.match(r"step |the input model ", where) for where in reading.where)


def _as_read(reading: Reading, key: str) -> str:
    return f"{{{key}}}" if reading.route is None and _is_text(reading) else key
