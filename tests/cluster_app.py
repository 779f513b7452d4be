"""The pipeline of the tests of clusters: what runs is noted in the file that ``CREWGRAPH_TEST_NOTES`` names."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from crewgraph import Pipeline, step


def _note(line: str) -> None:
    path = os.environ.get("CREWGRAPH_TEST_NOTES")
    if path:
        with Path(path).open("a") as file:
            file.write(f"{line}\n")


PAUSE = float(os.environ.get("CREWGRAPH_TEST_PAUSE", "0.01"))


@step
async def first(n: int) -> dict[str, int]:
    await asyncio.sleep(PAUSE)
    _note(f"first {n}")
    return {"one": n + 1}


@step
async def slow(one: int) -> dict[str, int]:
    await asyncio.sleep(3 * PAUSE)
    _note(f"slow {one - 1}")
    return {"left": one * 2}


@step
async def fast(one: int) -> dict[str, int]:
    await asyncio.sleep(PAUSE)
    _note(f"fast {one - 1}")
    return {"right": one * 3}


@step
async def last(left: int, right: int, n: int) -> dict[str, int]:
    await asyncio.sleep(PAUSE)
    _note(f"last {n}")
    if n == 13 and "CREWGRAPH_TEST_BAD" in os.environ:
        raise ConnectionError("the line is dead")
    return {"total": left * 1000 + right}


pipeline = Pipeline([first, [slow, fast], last], name="clustered")
