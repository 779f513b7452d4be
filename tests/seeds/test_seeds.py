"""The founding documents' examples run as they stand.

``retold.md`` holds them in our own words: the same constructors, calls and attributes. The documents themselves are run
too where ``CREWGRAPH_SEEDS`` names the folder they are in: every Python fence, unchanged but for the package's name.
Names that a fence leaves undefined are defined here, and ``await`` may stand at the top level, as in a notebook.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

import crewgraph
from crewgraph import Agent, Crew, Pipeline, Task

FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def documents() -> list[Path]:
    given = os.environ.get("CREWGRAPH_SEEDS")
    return [Path(__file__).with_name("retold.md"), *(sorted(Path(given).glob("*.md")) if given else [])]


def fences() -> list[Any]:
    return [
        pytest.param(code.replace("crewai", "crewgraph"), id=f"{path.stem}-{number}")
        for path in documents()
        for number, code in enumerate(FENCE.findall(path.read_text(encoding="utf-8")), 1)
    ]


def undefined_names() -> dict[str, Any]:
    """What the examples take for granted."""
    names = {name: getattr(crewgraph, name) for name in crewgraph.__all__}
    names |= {"json": json, "__name__": "__main__"}
    for who, what in (
        ("researcher", "research_task"),
        ("analyst", "analysis_task"),
        ("writer", "writing_task"),
        ("financial_analyst", "financial_analysis_task"),
        ("market_analyst", "market_analysis_task"),
    ):
        names[who] = Agent(role=who.replace("_", " "))
        names[what] = Task(description=f"Do the {what}.", agent=names[who])
    for name, who, what in (
        ("research_crew", "researcher", "research_task"),
        ("writing_crew", "writer", "writing_task"),
    ):
        names[name] = Crew(agents=[names[who]], tasks=[names[what]])
    names["my_pipeline"] = Pipeline(stages=[names["research_crew"], names["writing_crew"]])
    return names


@pytest.mark.parametrize("code", fences())
def test_example_runs(code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The example runs to its end with a model named by the environment."""
    monkeypatch.setenv("CREWGRAPH_MODEL", "offline")
    compiled = compile(code, "<example>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names = undefined_names()
    if compiled.co_flags & inspect.CO_COROUTINE:

        async def main() -> None:
            await eval(compiled, names)

        asyncio.run(main())
    else:
        exec(compiled, names)
    assert "Traceback" not in capsys.readouterr().out


def test_the_ancestors_import_path() -> None:
    """``crews.crew_output`` is a module, as it was."""
    from crewgraph.crews.crew_output import CrewOutput

    assert CrewOutput is crewgraph.CrewOutput
