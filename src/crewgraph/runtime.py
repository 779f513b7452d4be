"""The one seam that points upward: verbs of high rooms, looked up by name when first needed.

``pipeline.kickoff()`` is a method of a low room whose work is done in a high one. As anyio finds its event-loop
backend by name, the syntax finds the compiler, the engine and the renderer here. Nothing else points upward.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

__all__ = ["verb"]

_VERBS = {
    "check": "crewgraph.compiler:check",
    "compile": "crewgraph.compiler:compile_pipeline",
    "inputs": "crewgraph.compiler:inputs",
    "kickoff": "crewgraph.engine.kickoff:kickoff",
    "kickoff_async": "crewgraph.engine.kickoff:kickoff_async",
    "stream": "crewgraph.engine.kickoff:stream",
    "events": "crewgraph.engine.kickoff:events",
    "plan": "crewgraph.engine.forecast:plan",
    "as_tool": "crewgraph.crew.tools.node:node_tool",
    "to_dot": "crewgraph.picture:to_dot",
    "to_mermaid": "crewgraph.picture:to_mermaid",
    "to_svg": "crewgraph.picture:to_svg",
    "to_text": "crewgraph.picture:to_text",
    "draw": "crewgraph.picture:draw",
    "chrome_trace": "crewgraph.report:chrome_trace_of",
    "report": "crewgraph.report:report_of",
    "to_pandas": "crewgraph.frames.made:to_pandas",
    "to_polars": "crewgraph.frames.made:to_polars",
    "findings_html": "crewgraph.render.findings:findings_html",
    "forecast_html": "crewgraph.render.forecast:forecast_html",
    "pending_html": "crewgraph.render.results:pending_html",
    "crew_html": "crewgraph.render.results:crew_html",
    "kickoff_html": "crewgraph.render.results:kickoff_html",
    "run_html": "crewgraph.render.results:run_html",
}


@cache
def verb(name: str) -> Any:
    """The function behind a method of the syntax; its room is imported on the first call."""
    module, _, attribute = _VERBS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
