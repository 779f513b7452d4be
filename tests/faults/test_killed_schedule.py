"""Whoever serves schedules is killed in the middle of a tick, and the next one goes on with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crewgraph.store import overview_of

CODE = """
import asyncio
from pathlib import Path

from crewgraph import Pipeline, step


def note(node, who):
    with Path("ran.txt").open("a") as file:
        file.write(f"{node} {who}\\n")


@step
async def first(who: int) -> dict[str, int]:
    note("first", who)
    return {"one": who}


@step
async def second(one: int) -> dict[str, int]:
    note("second", one)
    await asyncio.sleep(30 if one >= 10 and not Path("fast").exists() else 0)
    return {"two": one}


pipeline = Pipeline([first, second], name="p")


def guests():
    with Path("asked.txt").open("a") as file:
        file.write("asked\\n")
    return [{"who": number} for number in range(20)]
"""


def crewgraph(folder: Path, *args: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "crewgraph", "schedule", *args, "--store", "s.sqlite"]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def kept(folder: Path, node: str) -> int:
    """In how many runs a node is kept."""
    pipelines = overview_of(folder / "s.sqlite").pipelines
    return pipelines[0].nodes.get(node, (0, 0))[0] if pipelines else 0


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is of POSIX")
def test_a_tick_survives_kill_9(tmp_path) -> None:
    """It is run to its end once, with the inputs it had, and no node that was kept runs again."""
    (tmp_path / "app.py").write_text(CODE)
    add = ("add", "yearly", "app:pipeline", "--cron", "@yearly", "--callable", "app:guests")
    assert crewgraph(tmp_path, *add).wait(60) == 0
    with crewgraph(tmp_path, "run-now", "yearly", "app:pipeline") as process:
        while len(lines(tmp_path / "ran.txt")) < 40:
            assert process.poll() is None
            time.sleep(0.01)
        while kept(tmp_path, "second") < 10:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    (tmp_path / "fast").touch()
    with crewgraph(tmp_path, "serve", "app:pipeline") as process:
        while overview_of(tmp_path / "s.sqlite").pipelines[0].runs != {"ok": 20}:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    ran = lines(tmp_path / "ran.txt")
    assert sorted(ran[40:50]) == sorted(f"second {number}" for number in range(10, 20))
    assert (ran[50:], lines(tmp_path / "asked.txt")) == ([], ["asked"])  # and no time of the year came meanwhile
