"""Runs measurements in processes of their own, and the environments that peers need."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.figures import HERE, ROOT, Line
from bench.imports import Start, measure

ENVIRONMENTS = HERE / ".venvs"
PATIENCE = 400
"""Seconds after which a peer is too slow for a workload."""
SECTIONS: dict[str, Sequence[str]] = {
    "crews": ["bench.crews"],
    "imports": ["bench.imports"],
    "growth": ["bench.growth", "chain", "grid", "grid of keys", "--sizes", "1000", "3000", "10000", "30000", "100000"],
    "memory": ["bench.memory"],
    "journal": ["bench.journal", "--rounds", "3"],
    "model": ["bench.model", "--rounds", "3"],
    "profile": ["bench.profile"],
}
"""What is measured beside the workloads: a module, and what it is told. Each prints lines of JSON."""


class Entry:
    """One of ``peers.toml``.

    Attributes:
        name: how it is named on the command line.
        title: how it is named on pages.
        packages: what is installed for it; nothing for what runs where crewgraph does.
        imports: what a user of it writes first.
        work: the only workloads on which it is measured; all of them where it says none.
    """

    def __init__(self, name: str, told: Mapping[str, Any]) -> None:
        self.name, self.title = name, str(told["title"])
        self.packages: Sequence[str] = told.get("packages", ())
        self.imports: str | None = told.get("imports")
        self.work: Sequence[str] | None = told.get("work")
        self.environment = str(told.get("environment", name if self.packages else ""))

    @property
    def is_foreign(self) -> bool:
        """Whether it has an environment of its own."""
        return bool(self.environment)


def entries() -> dict[str, Entry]:
    """Everyone who is measured, by name."""
    told = tomllib.loads((HERE / "peers.toml").read_text(encoding="utf-8"))
    return {name: Entry(name, each) for name, each in told.items()}


def python_in(environments: Path, entry: Entry) -> Path:
    """The Python of a peer."""
    return environments / entry.environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def set_up(environments: Path, wanted: Iterable[Entry]) -> None:
    """Make the environment of each peer that has packages, if it is not there."""
    for entry in wanted:
        if not entry.packages:
            continue
        python = python_in(environments, entry)
        print(f"{entry.name}: {', '.join(entry.packages)}", flush=True)
        if not python.exists():
            venv.create(environments / entry.environment, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *entry.packages], check=True)


def lines_of(text: str) -> Iterator[Line]:
    """The objects of JSON in a text; one that holds lists of them says in ``part`` which list each is from."""
    decoder, place = json.JSONDecoder(), 0
    while (place := len(text) - len(text[place:].lstrip())) < len(text):
        found, place = decoder.raw_decode(text, place)
        if found and all(isinstance(each, list) for each in found.values()):
            yield from ({"part": part, **line} for part, every in found.items() for line in every)
        else:
            yield found


def measured(section: str) -> list[Line] | None:
    """The lines of a section; ``None`` where there is nothing that measures it."""
    module, *words = SECTIONS[section]
    if importlib.util.find_spec(module) is None:
        return None
    return list(lines_of(_output([sys.executable, "-m", module, *words, "--json"], None, ROOT / "src")))


def workload(work: str, every: Sequence[Entry], environments: Path, words: Sequence[str] = ()) -> Iterator[Line]:
    """Measure one workload: all who live here in one process, in turns, and each peer in one of its own.

    Args:
        work: the name of the workload.
        every: who is measured.
        environments: the folder of those of peers.
        words: further ones for ``bench.measure``.
    """
    wanted = [entry for entry in every if entry.work is None or work in entry.work]
    here = [entry.name for entry in wanted if not entry.is_foreign]
    if here:
        told = _output([sys.executable, "-m", "bench.measure", work, *here, *words], None, ROOT / "src")
        yield from lines_of(told)
    for entry in wanted:
        if entry.is_foreign:
            yield _foreign(work, entry, python_in(environments, entry), words)


def imports(every: Iterable[Entry], environments: Path, rounds: int) -> list[Line]:
    """What it takes to import each peer that says how, in processes of its own Python."""
    starts = [
        Start(entry.title, ["-W", "ignore", "-c", entry.imports], str(python_in(environments, entry)), is_import=True)
        for entry in every
        if entry.is_foreign and entry.imports
    ]
    return list(measure(starts, rounds))


def _foreign(work: str, entry: Entry, python: Path, words: Sequence[str]) -> Line:
    failed = {"work": work, "peer": entry.name}
    try:
        told = _output([str(python), "-m", "bench.measure", work, entry.name, *words], PATIENCE)
    except subprocess.TimeoutExpired:
        return {**failed, "failed": "too slow"}
    except RuntimeError as error:
        return {**failed, "failed": str(error).splitlines()[-1]}
    return next(line for line in lines_of(told) if line["peer"] == entry.name)


def _output(command: Sequence[str], timeout: float | None, *paths: Path) -> str:
    """What a command says, with modules of the checkout in reach.

    Raises:
        RuntimeError: it failed; its last words are in the message.
        subprocess.TimeoutExpired: it took too long.
    """
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    env["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT, *paths)))
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stderr.strip()[-2000:]}")
    return done.stdout
