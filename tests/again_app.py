"""A pipeline of the tests of runs that go on: it says what ran, and fails for what is broken."""

from __future__ import annotations

from datetime import date
from typing import Any, TypedDict

import anyio

from crewgraph import Pipeline, step
from crewgraph.cluster.submit import Submitted, Submitter
from crewgraph.compiler import compile_pipeline
from crewgraph.engine.inputs import rows
from crewgraph.store.remote import RemoteJournal
from tests.cluster_app import pipeline

asked, broken = list[str](), set[int]()
"""What ran, here or on the worker, which is in this process; and for which inputs it fails."""


@step
async def fetch(n: int) -> dict[str, Any]:
    asked.append(f"fetch {n}")
    return {"fetched": n * 10}


class Verdict(TypedDict):
    """What is typed here, and comes back as JSON has it where it is not."""

    day: date


@step
async def judge(fetched: int, n: int) -> Verdict:
    asked.append(f"judge {fetched}")
    if n in broken:
        raise ConnectionError("the line is dead")
    return {"day": date(2026, 1, fetched // 10)}


tickets = Pipeline([fetch, judge], name="tickets")


def submitted(store: str, count: int) -> list[int]:
    """Runs that nobody executes; returns their numbers."""
    plan, into = compile_pipeline(pipeline), Submitted()

    async def give() -> None:
        async with RemoteJournal.opened(store, plan, pipeline="clustered") as journal:
            with Submitter(journal) as submitter:
                submitter.submit(list(rows([{"n": n} for n in range(count)], plan, journal.identify)), into)

    anyio.run(give)
    return sorted(into.runs)
