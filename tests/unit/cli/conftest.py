"""A folder of the user's with modules in it, and the command line run inside of this process."""

from __future__ import annotations

import sys
from textwrap import dedent

import pytest
from click.testing import CliRunner

from crewgraph.cli import cli


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield tmp_path
    here = str(tmp_path)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(here):
            del sys.modules[name]


@pytest.fixture
def write(folder):
    """Write a file into the folder."""

    def write_file(name, text):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(dedent(text), encoding="utf-8")
        return path

    return write_file


@pytest.fixture
def crewgraph(folder):
    """Run the command line: ``crewgraph("check", "flow.py")``."""

    def run(*args, stdin=None):
        return CliRunner().invoke(cli, [str(arg) for arg in args], input=stdin, prog_name="crewgraph")

    return run


FLOW = """
    from crewgraph import Route, Router, step

    @step(inline=True)
    def measure(text: str):
        return {"size": len(text)}

    @step(inline=True)
    def long(text: str):
        if "boom" in text:
            raise RuntimeError("the boom")
        return {"answer": "long"}

    @step(inline=True)
    def short(size: int):
        return f"only {size}"

    flow = measure >> Router({"long": Route("size > 5", long)}, short, name="by size")
"""


@pytest.fixture
def flow(write):
    """A module with one pipeline that needs no model."""
    return write("flow.py", FLOW)
