"""Random pipelines that are cut off at a random node and resumed: as if nothing had happened, and nothing runs twice."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from crewgraph.engine.replayed import stored_results
from crewgraph.outputs import CrewOutput
from crewgraph.report import plain
from tests.property.test_random_pipelines import Built, Node, tree


class PulledPlug(SystemExit):
    """Ends a kickoff: it is no failure of a node."""


class Mortal(Node):
    """A node that is the end of the kickoff, once, when so many others have run; and that may run again."""

    left = 0
    ran: list[str]

    async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
        for _ in range(self.pauses):
            await anyio.lowlevel.checkpoint()
        if Mortal.left == 0:
            raise PulledPlug
        Mortal.left -= 1
        Mortal.ran.append(f"{self.name} {(inputs or {})['n']}")
        return CrewOutput(json_dict={**self.gives, "by": self.name})


@settings(max_examples=60)
@given(
    root=tree,
    data=st.data(),
    limit=st.integers(1, 5),
    plugs=st.lists(st.integers(0, 6), min_size=1, max_size=3),
)
def test_a_resumed_kickoff_is_as_an_undisturbed_one(
    root: Any, data: st.DataObject, limit: int, plugs: list[int]
) -> None:
    """Cut off several times, it gives the same results, and no node that had been kept runs again."""
    built = Built(root, data)
    for node in built.nodes:
        node.__class__ = Mortal
    inputs = [{"p": -7, "n": number} for number in range(2)]

    def kickoff(**options: Any) -> Any:
        return built.pipeline.kickoff(inputs, max_concurrency=limit, **options)

    Mortal.left, Mortal.ran = 10_000, []
    undisturbed = kickoff()
    once = sorted(Mortal.ran)
    Mortal.ran = []
    with TemporaryDirectory() as folder:
        store = Path(folder) / "runs.sqlite"
        for plug in plugs:
            Mortal.left = plug
            with suppress(PulledPlug):
                kickoff(store=store)
        Mortal.left = 10_000
        resumed = kickoff(store=store)
        stored = list(stored_results(store))
    assert sorted(Mortal.ran) == once
    assert [plain(run.model_dump()) for run in stored] == [plain(run.model_dump()) for run in resumed]
    assert [run.model_dump(exclude={"id", "run_id"}) for run in resumed] == [
        run.model_dump(exclude={"id", "run_id"}) for run in undisturbed
    ]
    shown = {"node", "status", "inputs", "output", "route", "usage", "attempts"}
    assert [[span.model_dump(include=shown) for span in run.spans] for run in resumed] == [
        [span.model_dump(include=shown) for span in run.spans] for run in undisturbed
    ]
