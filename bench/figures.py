"""Keeps figures: each section says when and where it was measured, so that one of them can be measured again."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
FIGURES = HERE / "figures.json"

Line = Mapping[str, Any]
"""What is told of one measurement."""


class Figures:
    """All that was measured.

    Attributes:
        sections: by name, each as lines that have their ``stamp``.
    """

    def __init__(self, sections: Mapping[str, Any] | None = None) -> None:
        self.sections = dict(sections or {})

    @classmethod
    def read(cls, path: Path = FIGURES) -> Figures:
        """What was saved; nothing where there is no such file."""
        return cls(json.loads(path.read_text(encoding="utf-8")) if path.exists() else None)

    def save(self, path: Path = FIGURES) -> None:
        """Keep it."""
        path.write_text(json.dumps(rounded(self.sections), indent=1) + "\n", encoding="utf-8")

    def put(self, section: str, lines: Iterable[Line], stamp: Mapping[str, Any], *key: str) -> None:
        """Replace a section, or of it the lines that have the same values under these keys.

        Args:
            section: its name.
            lines: what was measured.
            stamp: when and where.
            key: without one, all that was there is replaced.
        """
        new = [{**line, "stamp": dict(stamp)} for line in lines]
        seen = {tuple(line.get(part) for part in key) for line in new}
        old = [line for line in self.lines(section) if key and tuple(line.get(part) for part in key) not in seen]
        self.sections[section] = [*old, *new]

    def lines(self, section: str) -> Sequence[Line]:
        """The lines of a section; none where it was not measured."""
        found: Sequence[Line] = self.sections.get(section, [])
        return found

    def line(self, section: str, **wanted: Any) -> Line | None:
        """The line in which all of that stands."""
        return next((line for line in self.lines(section) if wanted.items() <= line.items()), None)

    def stamp(self, section: str) -> str:
        """When and where a section was measured, in words; lines that were measured apart are told apart."""
        loads = dict[str, list[float]]()
        for line in self.lines(section):
            told = "{date}, {cpu}, {cores} cores, {python}, commit {commit}".format(**line["stamp"])
            loads.setdefault(told, []).append(line["stamp"]["load"])
        return "; ".join(f"{told}, load {min(each):.1f} to {max(each):.1f}" for told, each in loads.items())


def stamp() -> dict[str, Any]:
    """Now and here."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": processor(),
        "cores": os.cpu_count(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.system(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
        "commit": commit(),
    }


def processor() -> str:
    """The model of the processor."""
    told = Path("/proc/cpuinfo")
    for line in told.read_text(encoding="utf-8").splitlines() if told.exists() else ():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def commit() -> str:
    """Of what was measured."""
    asked = ["git", "describe", "--always", "--dirty=+"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def rounded(value: Any) -> Any:
    """The same with four digits of each fraction: more is noise, and a file under version control shows each."""
    match value:
        case float():
            return float(f"{value:.4g}")
        case dict():
            return {key: rounded(each) for key, each in value.items()}
        case list():
            return [rounded(each) for each in value]
        case _:
            return value
