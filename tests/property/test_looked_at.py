"""Random pipelines of which nodes fail at random: what is read out of a store is what the kickoff gave."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from crewgraph.engine.replayed import stored_results
from crewgraph.errors import KickoffError
from crewgraph.outputs import CrewOutput, UsageMetrics
from crewgraph.report import plain, record_of, trace_line
from tests.property.test_random_pipelines import Built, Node, tree


class Weak(Node):
    """A node that fails for some inputs, and may run for several."""

    fails_for: frozenset[int] = frozenset()

    async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
        for _ in range(self.pauses):
            await anyio.lowlevel.checkpoint()
        if (inputs or {})["n"] in self.fails_for:
            raise ValueError(f"{self.name}: not {(inputs or {})['n']}")
        return CrewOutput(json_dict={**self.gives, "by": self.name}, token_usage=UsageMetrics(total_tokens=1))


def told(results: Any) -> list[Any]:
    return [(plain(run.model_dump()), trace_line(record_of(run))) for run in results]


@settings(max_examples=60)
@given(root=tree, data=st.data(), limit=st.integers(1, 5), fails_fast=st.booleans(), has_pipeline=st.booleans())
def test_a_store_tells_what_the_kickoff_gave(
    root: Any, data: st.DataObject, limit: int, fails_fast: bool, has_pipeline: bool
) -> None:
    """Failed and cancelled runs too: results, spans, times, errors; with the code of the pipeline and without it."""
    built = Built(root, data)
    for node in built.nodes:
        node.__class__ = Weak
        node.__dict__["fails_for"] = data.draw(st.frozensets(st.integers(0, 6), max_size=2))
    inputs = [{"p": -7, "n": number} for number in range(3)]
    on_error: Any = "fail_fast" if fails_fast else "collect"
    with TemporaryDirectory() as folder:
        store = Path(folder) / "runs.sqlite"
        try:
            results = built.pipeline.kickoff(inputs, store=store, max_concurrency=limit, on_error=on_error)
        except KickoffError as error:
            results = error.result
        stored = list(stored_results(store, built.pipeline if has_pipeline else None))
    assert told(stored) == told(results)
