"""Whatever stands in the files of a project, reading it ends in findings with a file and a line."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from crewgraph import project
from crewgraph.document.yaml import write_yaml
from crewgraph.project.fields import OF_AGENTS, OF_TASKS
from tests.unit.project.conftest import CREW

names = st.sampled_from(["researcher", "writer", "research_task", "report_task", "search", "x", "_", "<<", "1"])
texts = st.sampled_from(["", " ", "about {topic}", "{tpoic} {a-b} {{c}} { d }", "../x.md", "out.md", "~", "{", "x | y"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.floats(allow_nan=False, allow_infinity=False) | texts | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=2),
    max_leaves=4,
)


def entries(fields: Any) -> st.SearchStrategy[Any]:
    known = st.sampled_from([*fields, "expected_ouput", "colour"])
    return st.dictionaries(names, st.dictionaries(known, values, max_size=9) | values, max_size=4) | values


@settings(max_examples=150)
@given(
    agents=entries(OF_AGENTS),
    tasks=entries(OF_TASKS),
    has_class=st.booleans(),
    inputs=st.none() | st.lists(names, max_size=2),
)
def test_any_project_is_read_to_its_end(agents: Any, tasks: Any, has_class: bool, inputs: list[str] | None) -> None:
    """Wrong kinds, odd names and missing parts: there are findings, and never another error."""
    with TemporaryDirectory() as folder:
        config = Path(folder) / "config"
        config.mkdir()
        (config / "agents.yaml").write_text(write_yaml(agents), encoding="utf-8")
        (config / "tasks.yaml").write_text(write_yaml(tasks), encoding="utf-8")
        if has_class:
            (Path(folder) / "crew.py").write_text(CREW, encoding="utf-8")
        read = project.read(folder)
        for finding in read.check(inputs=inputs):
            assert finding.message
            assert finding.source is not None
            assert finding.source[0].startswith(folder)
            assert finding.source[1] > 0
        assert read.needs is not None
