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
from typing import Any

from bench.figures import ROOT

NOTHING = "nothing"
IMPORTS = {
    NOTHING: "pass",
    "pydantic and anyio": "import anyio, pydantic; pydantic.BaseModel",
    "crewgraph": "import crewgraph",
    "its names": "from crewgraph import Agent, Crew, Pipeline, Router, Task, step",
}
COMMANDS = {
    "check": ["-m", "crewgraph", "check", "examples/inbox/pipeline.py"],
    "demo": ["examples/inbox/demo.py"],
}


def took(words: Sequence[str]) -> float:
    """Seconds of the processor that a new process of Python takes."""
    with tempfile.TemporaryFile() as told:
        child = subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=told, stderr=told)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            told.seek(0)
            raise RuntimeError(f"python {' '.join(words)} ended with {child.returncode}: {told.read().decode()[-800:]}")
    return usage.ru_utime + usage.ru_stime


def measure(rounds: int) -> list[dict[str, Any]]:
    """A line for each import and command; what is compiled once is compiled before."""
    wanted = {name: ["-c", text] for name, text in IMPORTS.items()} | COMMANDS
    found = {name: list[float]() for name in wanted}
    for turn in range(rounds + 1):
        for name, words in wanted.items():
            seconds = took(words)
            if turn:
                found[name].append(seconds)
    empty = found.pop(NOTHING)
    lines = list[dict[str, Any]]()
    for name, each in found.items():
        alone = [one - without for one, without in zip(each, empty, strict=True)] if name in IMPORTS else each
        lines.append({"what": name, "s": statistics.median(alone), "low": min(alone), "high": max(alone)})
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for line in measure(options.rounds):
        print(json.dumps(line) if options.json else "{what:20} {s:6.3f} s  ({low:.3f} to {high:.3f})".format(**line))


if __name__ == "__main__":
    main()
