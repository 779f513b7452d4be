"""The passes of the checker: named functions, each yielding findings of one code; they never mutate.

Those of the structure look at the graph alone and hold for graphs with cycles too; those of the flow look at a graph
whose values have been followed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from crewgraph.compiler.analysis import Analysis
from crewgraph.compiler.passes.conditions import (
    default_routes,
    missing_in_conditions,
    opaque_conditions,
    overlaps,
    unfit_conditions,
    unreachable_routes,
)
from crewgraph.compiler.passes.missing import (
    missing_keys,
    misspelt_keys,
    sometimes_missing_keys,
    unproven_keys,
)
from crewgraph.compiler.passes.structure import cycles, same_names, unreachable
from crewgraph.compiler.passes.types import misfits
from crewgraph.compiler.passes.writes import shadowed_inputs, unread_inputs, unread_outputs, written_twice
from crewgraph.diagnostics import Diagnostic
from crewgraph.graph import Graph

__all__ = ["ERRORS", "OF_FLOW", "OF_STRUCTURE", "FlowPass", "StructurePass"]

StructurePass = Callable[[Graph], Iterable[Diagnostic]]
FlowPass = Callable[[Analysis], Iterable[Diagnostic]]

OF_STRUCTURE: tuple[StructurePass, ...] = (same_names, cycles, unreachable)
ERRORS: tuple[FlowPass, ...] = (
    missing_keys,
    sometimes_missing_keys,
    misfits,
    written_twice,
    missing_in_conditions,
    unfit_conditions,
)
"""Those of the flow that may find an error."""
OF_FLOW: tuple[FlowPass, ...] = (
    missing_keys,
    sometimes_missing_keys,
    misfits,
    written_twice,
    shadowed_inputs,
    unread_outputs,
    misspelt_keys,
    unproven_keys,
    unread_inputs,
    missing_in_conditions,
    unreachable_routes,
    opaque_conditions,
    default_routes,
    overlaps,
    unfit_conditions,
)
