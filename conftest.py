"""Every fence of README and docs is run: Python as it stands, and what the console fences call crewgraph for.

Two comments in a page are for this file. ``<!-- drawn: pipeline -->`` right above a picture says what it is drawn of: an
object of the page, or the text of an SVG. The file is compared byte by byte, and ``CREWGRAPH_UPDATE_GOLDEN=1`` writes it
anew. ``<!-- not run: needs crewai -->`` right above a fence of Python says that it imports something that is not installed
here; it is compiled and goes no further.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sybil import Document, Example, Region, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

from tests.commands import done

ROOT = Path(__file__).parent
KEPT = {"CREWGRAPH_MODEL": "offline"}
"""The pages tell the reader to name a model; the tests name the one that needs no key."""
UPDATE = os.environ.get("CREWGRAPH_UPDATE_GOLDEN") == "1"
NOT_RUN = re.compile(r"^<!-- not run: needs (\w+) -->\n$", re.MULTILINE)
DRAWN = re.compile(r"^<!-- drawn: (?P<what>.+) -->\n!\[[^\]]+\]\((?P<file>[\w/-]+\.svg)\)$", re.MULTILINE)


def enter(namespace: dict[str, Any]) -> None:
    """Give each page a folder of its own, in which the examples of the checkout are seen."""
    namespace["_folder"] = folder = TemporaryDirectory()
    namespace["_before"] = (Path.cwd(), dict(os.environ))
    os.chdir(folder.name)
    (Path(folder.name) / "examples").symlink_to(ROOT / "examples", target_is_directory=True)
    os.environ.update(KEPT)


def leave(namespace: dict[str, Any]) -> None:
    """Put everything back."""
    cwd, environ = namespace["_before"]
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environ)
    namespace["_folder"].cleanup()


def console(example: Example) -> str | None:
    """Run the lines that call crewgraph; ``# exit code 3`` behind one says what it ends with."""
    for line in str(example.parsed).splitlines():
        command, _, remark = line.removeprefix("$ ").partition("  #")
        if not line.startswith("$ crewgraph"):
            continue
        said = re.search(r"exit code (\d+)", remark)
        expected = int(said.group(1)) if said else 0
        ended = done(*shlex.split(command))
        if ended.code != expected:
            return f"`{command}` ended with {ended.code}, not {expected}:\n{ended.told}"
    return None


class PythonParser(PythonCodeBlockParser):
    """Python as it stands, but for fences of which the comment right above says that they cannot run here."""

    def __call__(self, document: Document) -> Iterable[Region]:
        """Find the fences."""
        for region in super().__call__(document):
            above = document.text[: region.start].splitlines(keepends=True)
            if above and (needs := NOT_RUN.match(above[-1])):
                region.evaluator = compiled(needs.group(1))
            yield region


def compiled(needs: str) -> Any:
    """What is done with a fence that cannot run: it has to be Python, and to import what it says it needs."""

    def evaluate(example: Example) -> str | None:
        tree = ast.parse(str(example.parsed), example.path)
        imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        if any(name.partition(".")[0] == needs for name in imported):
            return None
        return f"it imports nothing from {needs}, so it could be run"

    return evaluate


def pictures(document: Document) -> Iterable[Region]:
    """The pictures that are drawn of something that the page has made."""
    for found in DRAWN.finditer(document.text):
        yield Region(found.start(), found.end(), parsed=found.groupdict(), evaluator=drawn)


def drawn(example: Example) -> str | None:
    """Draw it and compare."""
    file = Path(example.path).parent / example.parsed["file"]
    made = eval(example.parsed["what"], dict(example.namespace))  # noqa: S307 - a page of ours
    picture: str = made if isinstance(made, str) else made.to_svg()
    if UPDATE:
        file.write_text(picture, encoding="utf-8")
    if file.exists() and file.read_text(encoding="utf-8") == picture:
        return None
    return f"{file.name} is not what is drawn today; CREWGRAPH_UPDATE_GOLDEN=1 writes it anew"


pytest_collect_file = Sybil(
    parsers=[PythonParser(), CodeBlockParser(language="console", evaluator=console), pictures],
    patterns=["README.md", "docs/*.md", "src/crewgraph/pages/*.md"],
    setup=enter,
    teardown=leave,
).pytest()
