"""W6, what it takes to begin: seconds of the processor for imports and commands, each in new processes, in turns.

Run from the checkout: ``PYTHONPATH=src python -m bench.imports [--rounds 7] [--json]``. What an import takes is told without what
Python itself takes, a command with it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any, NamedTuple

from bench.figures import ROOT


class Start(NamedTuple):
    """What is begun.

    Attributes:
        what: in words.
        words: what Python is told.
        python: which one.
        is_import: whether what Python itself takes is taken off.
    """

    what: str
    words: Sequence[str]
    python: str = sys.executable
    is_import: bool = False


OURS = (
    Start("pydantic and anyio", ["-c", "import anyio, pydantic; pydantic.BaseModel"], is_import=True),
    Start("crewgraph", ["-c", "import crewgraph"], is_import=True),
    Start("its names", ["-c", "from crewgraph import Agent, Crew, Pipeline, Router, Task, step"], is_import=True),
    Start("check", ["-m", "crewgraph", "check", "examples/inbox/pipeline.py"]),
    Start("demo", ["examples/inbox/demo.py"]),
)


def took(python: str, words: Sequence[str]) -> float:
    """Seconds of the processor that a new process of Python takes.

    Raises:
        RuntimeError: it failed; its last words are in the message.
    """
    with tempfile.TemporaryFile() as told:
        child = subprocess.Popen([python, *words], cwd=ROOT, stdout=told, stderr=told)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            told.seek(0)
            raise RuntimeError(
                f"{python} {' '.join(words)} ended with {child.returncode}: {told.read().decode()[-800:]}"
            )
    return usage.ru_utime + usage.ru_stime


def measure(starts: Sequence[Start], rounds: int) -> list[dict[str, Any]]:
    """A line for each, all of them in turns; the first turn compiles what is compiled once, and does not count."""
    found = [list[float]() for _ in starts]
    for turn in range(rounds + 1):
        empty = {python: took(python, ["-c", "pass"]) for python in {start.python for start in starts}}
        for start, each in zip(starts, found, strict=True):
            seconds = took(start.python, start.words)
            if turn:
                each.append(seconds - empty[start.python] * start.is_import)
    return [
        {"what": start.what, "s": statistics.median(each), "low": min(each), "high": max(each)}
        for start, each in zip(starts, found, strict=True)
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for line in measure(OURS, options.rounds):
        print(json.dumps(line) if options.json else "{what:20} {s:6.3f} s  ({low:.3f} to {high:.3f})".format(**line))


if __name__ == "__main__":
    main()
