"""Every fence of README and docs is run: Python as it stands, and what the console fences call crewgraph for."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

ROOT = Path(__file__).parent
KEPT = {"CREWGRAPH_MODEL": "offline"}
"""The pages tell the reader to name a model; the tests name the one that needs no key."""


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
        words = [sys.executable, "-m", "crewgraph", *shlex.split(command)[1:]]
        done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)  # noqa: S603
        if done.returncode != expected:
            return f"`{command}` ended with {done.returncode}, not {expected}:\n{done.stdout}{done.stderr}"
    return None


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser(language="console", evaluator=console)],
    patterns=["README.md", "docs/*.md", "src/crewgraph/pages/*.md"],
    setup=enter,
    teardown=leave,
).pytest()
