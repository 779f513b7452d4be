"""The public names, and what importing them costs."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import crewgraph

HEAVY = {"litellm", "networkx", "graphviz", "rich", "click", "json_repair", "asyncio", "openai", "httpx", "trio"}


def test_every_public_name_is_there() -> None:
    """``dir()``, ``import *`` and attributes know each name of ``__all__``, which has it once; a linter minds the order."""
    assert len(set(crewgraph.__all__)) == len(crewgraph.__all__)
    assert set(crewgraph.__all__) <= set(dir(crewgraph))
    everything: dict[str, Any] = {}
    exec("from crewgraph import *", everything)
    assert {name for name in everything if not name.startswith("_")} == set(crewgraph.__all__)
    assert all(getattr(crewgraph, name) is everything[name] for name in crewgraph.__all__)
    assert not any(inspect.ismodule(everything[name]) for name in crewgraph.__all__)


def test_the_names_of_the_contract_are_there() -> None:
    """The names that the two founding documents use can be imported from the root."""
    named = "Agent Task Crew Process Pipeline Procedure Router Route CrewOutput TaskOutput UsageMetrics step"
    results = "PipelineKickoffResult PipelineOutput PipelineRunResult"
    assert set(named.split()) | set(results.split()) <= set(crewgraph.__all__)
    assert crewgraph.PipelineOutput is crewgraph.PipelineKickoffResult


WRITING = "from crewgraph import Agent, Crew, Pipeline, Router, Task, step"
"""What a program that defines a pipeline imports."""
LATER = (
    "crewgraph.compiler crewgraph.engine crewgraph.graph crewgraph.render crewgraph.report crewgraph.store "
    "crewgraph.document crewgraph.trace.events crewgraph.outputs.kickoff crewgraph.crew.run crewgraph.crew.conversation "
    "crewgraph.crew.tools.convert crewgraph.llm.port crewgraph.llm.ask crewgraph.llm.litellm crewgraph.llm.offline "
    "crewgraph.llm.recording crewgraph.shapes.forms crewgraph.shapes.relation crewgraph.outlook crewgraph.forecast "
    "crewgraph.diagnostics.finding crewgraph.approval crewgraph.edges importlib.metadata difflib html sqlite3 ssl socket"
)
"""What only checking, planning, running or reporting needs, or what not every pipeline has."""


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter has after some code."""
    listing = f"import sys; {code}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_alone_loads_no_room() -> None:
    """``import crewgraph`` loads nothing but itself: each name is imported when it is first asked for."""
    loaded = loaded_by("import crewgraph") - loaded_by("import typing")
    assert {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names} == {
        "crewgraph",
        "crewgraph.lazy",
    }


def test_writing_a_pipeline_loads_nothing_heavy() -> None:
    """What every program imports loads neither libraries that are needed only later, nor what only running needs."""
    loaded = loaded_by(WRITING) - loaded_by("pass")
    packages = {name.partition(".")[0] for name in loaded}
    assert packages & HEAVY == set()
    assert loaded & set(LATER.split()) == set()
    expected = {"crewgraph", "pydantic", "pydantic_core", "anyio", "annotated_types", "typing_inspection"}
    expected |= {"typing_extensions", "sniffio", "idna", "exceptiongroup"}
    assert {name for name in packages - set(sys.stdlib_module_names) if not name.startswith("_")} <= expected
