"""Pages and code are held together: every finding has its page, every error its entry, every name its place."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

import crewgraph
from crewgraph import errors
from crewgraph.cli import cli
from crewgraph.cli.pages import page_of
from crewgraph.diagnostics import CODES, can_be_ignored

DOCS = Path(__file__).parents[1] / "docs"


PAGES = Path(crewgraph.__file__).parent / "pages"
OUTLINE = ["Example", "Mend", "When to ignore it"]


def test_every_finding_has_a_page() -> None:
    """And no page is left over, in the package or in the docs."""
    assert [page.stem for page in sorted(PAGES.iterdir())] == sorted(CODES)
    assert [page.stem for page in sorted((DOCS / "findings").iterdir())] == sorted(CODES)


@pytest.mark.parametrize("code", CODES)
def test_a_page_has_the_outline_of_all_pages(code: str) -> None:
    """Title, severity and meaning; an example that is found, a mend that is not; and when to ignore it."""
    name, severity = CODES[code]
    title, *sections = re.split(r"^## ", (PAGES / f"{code}.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert title.startswith(f"# {code} {name}\n\n*{severity.value.capitalize()}.* ")
    assert [section.partition("\n")[0] for section in sections] == OUTLINE
    example, mend, ignore = sections
    assert len(re.findall(r"^```python$", example, flags=re.MULTILINE)) == 1
    assert len(re.findall(r"^```python$", mend, flags=re.MULTILINE)) == 1
    assert re.search(rf'^ *assert "{code}\b.* in ', example, flags=re.MULTILINE)
    assert re.search(rf'^assert ("{code}" not in|not \[).*check\(\)', mend, flags=re.MULTILINE)
    assert ("It cannot be ignored." in ignore) is not can_be_ignored(code)


@pytest.mark.parametrize("code", CODES)
def test_a_page_is_in_the_docs_as_it_is(code: str) -> None:
    """There is one source; the index has its name, severity and the first words of its meaning."""
    text = (DOCS / "findings" / f"{code}.md").read_text(encoding="utf-8")
    assert text == f"```{{include}} ../../src/crewgraph/pages/{code}.md\n```\n"
    page = page_of(code)
    row = f"| [{code}](findings/{code}.md) | {page.name} | {page.severity.value} | {page.summary} |\n"
    assert row in (DOCS / "findings.md").read_text(encoding="utf-8")


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
