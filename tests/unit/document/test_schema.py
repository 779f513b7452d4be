"""The format is published as a JSON Schema that is made of the models that read it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from crewgraph import Agent, Budget, Crew, Limit, Pipeline, Policy, Router, Task
from crewgraph.document import dump, load, schema
from crewgraph.document.forms import (
    AgentForm,
    BudgetForm,
    CrewForm,
    LimitForm,
    PipelineForm,
    PolicyForm,
    RouterForm,
    TaskForm,
)
from crewgraph.errors import DocumentInvalid
from tests.unit.document import examples

PUBLISHED = Path(__file__).parents[3] / "docs" / "document.schema.json"


def test_the_published_schema_is_the_one_that_reads():
    """``docs/document.schema.json`` is what ``schema()`` gives; write it anew when the format changes."""
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == schema()


def test_the_schema_says_what_a_document_is():
    """Every field has its place, and nothing else is allowed."""
    made = schema()
    assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert made["required"] == ["crewgraph"]
    assert made["additionalProperties"] is False
    assert {"AgentForm", "TaskForm", "CrewForm", "RouterForm", "RouteForm", "PipelineForm"} <= set(made["$defs"])
    assert made["properties"]["crewgraph"] == {"const": 1, "title": "Crewgraph", "type": "integer"}


def is_valid(document: object) -> bool:
    return jsonschema.Draft202012Validator(schema()).is_valid(document)


def test_what_is_written_fits_the_schema():
    """A program in another language that follows the schema can read every document."""
    jsonschema.Draft202012Validator.check_schema(schema())
    assert is_valid(dump(examples.everything(), names=examples.NAMES))


@pytest.mark.parametrize(
    "document",
    [
        {"stages": []},
        {"crewgraph": 2},
        {"crewgraph": 1, "stage": []},
        {"crewgraph": 1, "agents": {"a": {}}},
        {"crewgraph": 1, "agents": {"a": {"role": 3}}},
        {"crewgraph": 1, "agents": {"a": {"role": "x", "llm": {"use": ""}}}},
        {"crewgraph": 1, "stages": [["a", ["b"]]]},
        {"crewgraph": 1, "stages": [{"routes": {"a": {"condition": "n > 1"}}, "default": "x"}]},
        {"crewgraph": 1, "policy": {"limit": {"concurrency": 0}}},
    ],
    ids=["no version", "version", "field", "missing", "kind", "name", "nesting", "route", "bound"],
)
def test_what_cannot_be_read_does_not_fit_the_schema(document):
    """An editor that knows the schema shows what loading would refuse."""
    assert not is_valid(document)
    with pytest.raises(DocumentInvalid):
        load(document)


@pytest.mark.parametrize(
    ("model", "form"),
    [
        (Agent, AgentForm),
        (Task, TaskForm),
        (Crew, CrewForm),
        (Router, RouterForm),
        (Policy, PolicyForm),
        (Budget, BudgetForm),
        (Limit, LimitForm),
    ],
)
def test_every_field_has_its_place_in_the_format(model, form):
    """What can be said in Python can be said in a document, with the same default."""
    assert {*model.model_fields} == {*form.model_fields}
    for name, info in form.model_fields.items():
        if not info.is_required() and name not in {"guardrail", "tools"}:
            assert info.default == model.model_fields[name].get_default(call_default_factory=True)


def test_every_field_of_a_pipeline_has_its_place_in_the_format():
    """Beside the shape: stages, or nodes and edges."""
    assert {*Pipeline.model_fields} - {"input_model"} == {*PipelineForm.model_fields} - {
        "inputs",
        "procedure",
        "nodes",
        "edges",
    }
