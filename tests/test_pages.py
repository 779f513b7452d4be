"""Pages and code are held together: every finding has its page, every error its entry, every name its place."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

import click
import pytest

import crewgraph
from crewgraph import Pipeline, errors, step, trace
from crewgraph.cli import cli
from crewgraph.cli.pages import page_of
from crewgraph.cli.results import result_record
from crewgraph.diagnostics import CODES, can_be_ignored
from crewgraph.report.record import record_of, trace_line
from crewgraph.trace import Event, Span
from crewgraph.usage import Call, UsageMetrics

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


OFFERED = re.findall(
    r"^What `import crewgraph\.(\w+)` offers", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE
)


@pytest.mark.parametrize("module", OFFERED)
def test_every_name_of_a_module_is_in_the_reference(module: str) -> None:
    """A module of which the reference says what it offers is documented whole."""
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    documented = set(re.findall(rf":: crewgraph\.{module}\.(\w+)", text))
    assert documented == set(importlib.import_module(f"crewgraph.{module}").__all__)


def test_the_modules_beside_the_root_are_in_the_reference() -> None:
    """Those that users import from."""
    assert {"document", "project", "telemetry", "testing"} <= set(OFFERED)


def test_every_event_is_in_the_reference() -> None:
    """The events, and the class of spans."""
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    documented = set(re.findall(r":: crewgraph\.trace\.(\w+)", text))
    assert documented == {each.__name__ for each in events()} | {"Event", "Observer", "Span"}


def events() -> list[type[Event]]:
    """The classes of events, in the order in which they are written."""
    values = [getattr(trace.events, name) for name in vars(trace.events)]
    return [value for value in values if isinstance(value, type) and issubclass(value, Event) and value is not Event]


def table(head: str) -> list[list[str]]:
    """The rows of the table of docs/trace.md whose first column has this head: its cells."""
    text = (DOCS / "trace.md").read_text(encoding="utf-8")
    (rows,) = re.findall(rf"^\| {head} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, flags=re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows.splitlines()]


def quoted(cells: Iterable[str]) -> list[str]:
    """The names in them."""
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def test_the_table_of_events_is_that_of_the_classes() -> None:
    """Every event, in their order, with its own fields in theirs."""
    common = {field.name for field in fields(Event)}
    assert [(quoted(row[:1]), quoted(row[1:2])) for row in table("event")] == [
        ([each.__name__], [field.name for field in fields(each) if field.name not in common]) for each in events()
    ]


@pytest.mark.parametrize(
    ("head", "names"),
    [
        ("field", list(Span.model_fields)),
        ("field of a call", [field.name for field in fields(Call)]),
        ("field of a usage", list(UsageMetrics.model_fields)),
    ],
)
def test_the_tables_of_fields_are_those_of_the_classes(head: str, names: list[str]) -> None:
    """Spans, calls and usage: every field, in its order."""
    assert quoted(row[0] for row in table(head)) == names


def test_the_tables_of_lines_are_those_that_are_written() -> None:
    """Every key of a line of results and of a trace, in its order."""

    @step
    def fail() -> None:
        raise ValueError

    (failed,) = Pipeline([fail]).kickoff({}, on_error="collect")
    assert quoted(row[0] for row in table("key of a result")) == list(result_record(failed))
    assert quoted(row[0] for row in table("key of a run")) == list(trace_line(record_of(failed)))


def test_every_variable_of_the_environment_is_on_its_page() -> None:
    """And no other one of ours."""
    package = Path(crewgraph.__file__).parent
    sources = [path.read_text(encoding="utf-8") for path in (*package.rglob("*.py"), *package.rglob("*.md"))]
    ours = {name for text in sources for name in re.findall(r"\b(?:CREWGRAPH|OTEL_INST\w+|LITELLM)_[A-Z_]+", text)}
    text = (DOCS / "environment.md").read_text(encoding="utf-8")
    assert ours == set(re.findall(r"`((?:CREWGRAPH|OTEL_INST\w+|LITELLM)_[A-Z_]+)`", text))


def test_the_glossary_has_the_words_of_the_house() -> None:
    """In the order of the alphabet."""
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^(\w+)$", text, flags=re.MULTILINE)
    house = "node edge graph plan frontier pass diagnostic engine run span trace stage branch route kickoff"
    assert set(house.split()) <= set(words)
    assert words == sorted(words)


def test_every_option_is_on_the_page_of_the_command_line() -> None:
    """What ``--help`` offers is explained in the docs: in the section of its command, or above for all of them."""
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    above, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    told = {section.partition("\n")[0]: section for section in sections}
    commands: dict[str, click.Command] = getattr(cli, "commands", {})
    assert set(told) == set(commands)
    for name, command in (("", cli), *commands.items()):
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                option = max(parameter.opts, key=len)
                section = told.get(name, "")
                shared = told["run"] if "the options of `run`" in section else ""
                assert f"`{option}" in above + section + shared, f"{name} {option}"
