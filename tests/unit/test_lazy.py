"""Rooms whose names are imported when they are first asked for."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys

import pytest

import crewgraph

ROOMS = [
    "",
    "crew",
    "crew.tools",
    "document",
    "inputs",
    "llm",
    "outputs",
    "project",
    "render",
    "shapes",
    "store",
    "trace",
]


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("room", ROOMS)
def test_types_are_checked_for_what_is_loaded(room: str) -> None:
    """Type checkers read the same names from the same modules as are imported when the program runs."""
    module = importlib.import_module(f"crewgraph.{room}".rstrip("."))
    (checked,) = [node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.If)]
    imports = [node for node in checked.body if isinstance(node, ast.ImportFrom)]
    homes = {alias.name: node.module for node in imports for alias in node.names}
    assert vars(module)["__homes__"] == homes
    assert set(module.__all__) == homes.keys()
    assert all(getattr(module, name) is getattr(importlib.import_module(str(homes[name])), name) for name in homes)


def test_a_typo_is_the_error_of_any_module() -> None:
    """An unknown name is an ImportError where it is imported and an AttributeError elsewhere, which names what is near."""
    assert "ImportError: cannot import name 'Pipelin' from 'crewgraph' (" in run("from crewgraph import Pipelin")
    assert "has no attribute 'Pipelin'. Did you mean: 'Pipeline'?" in run("import crewgraph; crewgraph.Pipelin")
    with pytest.raises(AttributeError, match=re.escape("module 'crewgraph' has no attribute 'Pipelin'")) as caught:
        _ = crewgraph.Pipelin  # type: ignore[attr-defined]
    assert caught.value.name == "Pipelin"


def test_a_submodule_does_not_take_the_place_of_a_name() -> None:
    """``crewgraph.step`` is the decorator, whoever imported the module of that name, and whether before or after."""
    code = "from crewgraph.step import Step; import crewgraph.inputs.declared as it; import crewgraph; print({})"
    assert run(code.format("crewgraph.step(len).name, crewgraph.step.__module__")) == "len crewgraph.step\n"
    assert run(code.format("it.__name__, it.__module__")) == "declared crewgraph.inputs.declared\n"


def test_a_name_can_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test puts in the place of a name stays there until it is taken away."""
    before = crewgraph.Budget
    monkeypatch.setattr(crewgraph, "Budget", "another")
    assert crewgraph.Budget == "another"
    monkeypatch.undo()
    assert crewgraph.Budget is before


def test_dir_lists_what_is_not_loaded() -> None:
    """Completion in a shell finds every name, and loads nothing for it."""
    code = "import sys, crewgraph; print({'Pipeline', '__doc__'} <= set(dir(crewgraph)), 'crewgraph.syntax' in sys.modules)"
    assert run(code) == "True False\n"
