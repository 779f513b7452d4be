"""Random pipelines with approvals, decided in any order over any number of kickoffs: as if all was decided at once."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from crewgraph import Approval, Decision, Waiting
from crewgraph.store import decide, waiting
from crewgraph.testing import decided_by
from tests.property.test_random_pipelines import Built, Node, tree
from tests.property.test_resume import Mortal

NAMES = {"id", "run_id"}


class Asking(Built):
    """A tree as a pipeline in which some leaves ask."""

    def as_stage(self, tree: Any) -> Any:
        match tree:
            case ("leaf", Node(gives=gives, name=name)) if "p" in gives:
                return Approval(name, ask="{n} {p}?", timeout=1e6 if "q" in gives else None)
            case _:
                return super().as_stage(tree)


def said_to(question: Waiting) -> Decision:
    """A decision that is made of the question."""
    number = sum(map(ord, question.ask + question.node))
    return Decision(decision="approved" if number % 3 else "rejected", comment=question.ask, by=f"{number % 5}")


@settings(max_examples=60)
@given(
    root=tree,
    data=st.data(),
    limit=st.integers(1, 5),
    turns=st.lists(st.lists(st.booleans(), min_size=1, max_size=4), max_size=3),
)
def test_waiting_changes_nothing(root: Any, data: st.DataObject, limit: int, turns: list[list[bool]]) -> None:
    """The same results as with decisions at once; no node runs twice, and no question is asked twice."""
    built = Asking(root, data)
    for node in built.nodes:
        node.__class__ = Mortal
    inputs = [{"p": -7, "n": number} for number in range(2)]
    Mortal.left, Mortal.ran = 10_000, []
    with decided_by(said_to):
        at_once = built.pipeline.kickoff(inputs, max_concurrency=limit)
    once = sorted(Mortal.ran)
    Mortal.ran = []
    with TemporaryDirectory() as folder:
        store, asked = Path(folder) / "runs.sqlite", list[tuple[str, str]]()
        while True:
            result = built.pipeline.kickoff(inputs, max_concurrency=limit, store=store)
            if not result.waiting:
                break
            turn = turns.pop() if turns else [True]
            for place, each in enumerate(waiting(store)):
                if turn[place % len(turn)]:
                    said = said_to(each.question)
                    node = each.question.node
                    decide(store, each.run, said.decision, node=node, comment=said.comment, by=said.by)  # type: ignore[arg-type]
                    asked.append((each.run, node))
        assert waiting(store) == []
    assert sorted(Mortal.ran) == once
    assert len(set(asked)) == len(asked)
    assert [run.model_dump(exclude=NAMES) for run in result] == [run.model_dump(exclude=NAMES) for run in at_once]
    shown = {"node", "status", "inputs", "output", "route", "attempts"}
    assert [[span.model_dump(include=shown) for span in run.spans] for run in result] == [
        [span.model_dump(include=shown) for span in run.spans] for run in at_once
    ]
