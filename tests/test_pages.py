"""Pages and code are held together: every finding has its section, every error its entry, every name its place."""

from __future__ import annotations

import re
from pathlib import Path

import click

import crewgraph
from crewgraph import errors
from crewgraph.cli import cli
from crewgraph.diagnostics import CODES

DOCS = Path(__file__).parents[1] / "docs"


def test_every_finding_has_a_section() -> None:
    """The page of findings has one section for each code, with its short name and severity, and no others."""
    text = (DOCS / "findings.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (CG\d+) ([a-z-]+)\n\n\*(\w+)\.\*", text, flags=re.MULTILINE)
    assert sections == [(code, name, severity.value.capitalize()) for code, (name, severity) in sorted(CODES.items())]


def test_every_error_has_an_entry() -> None:
    """The page of errors lists every error of the tree."""
    text = (DOCS / "errors.md").read_text(encoding="utf-8")
    assert set(re.findall(r"autoexception:: crewgraph\.(?:errors\.)?(\w+)", text)) == set(errors.__all__)


def test_every_public_name_is_in_the_reference() -> None:
    """What ``import crewgraph`` offers is documented: in the reference, or for errors on their page."""
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    documented = set(re.findall(r":: crewgraph\.(\w+)", text)) | set(errors.__all__)
    aliases = {"PipelineOutput"}
    assert set(crewgraph.__all__) - documented - aliases == set()


def test_every_option_is_on_the_page_of_the_command_line() -> None:
    """What ``--help`` offers is explained in the docs."""
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    commands: dict[str, click.Command] = getattr(cli, "commands", {})
    assert set(commands) == set(re.findall(r"^## (\w+)$", text, flags=re.MULTILINE))
    options = {
        max(parameter.opts, key=len)
        for command in (cli, *commands.values())
        for parameter in command.params
        if isinstance(parameter, click.Option)
    }
    assert {option for option in options if option not in text} == set()
