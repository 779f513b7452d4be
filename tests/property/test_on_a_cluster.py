"""Random pipelines and graphs on workers, against the references of those in this process."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clustered import Clustered, clustered
from tests.property.test_random_graphs import Drawn, graphs
from tests.property.test_random_graphs import test_runs_as_the_edges_read as as_the_edges_read
from tests.property.test_random_pipelines import Built, tree
from tests.property.test_random_pipelines import test_runs_as_the_tree_reads as as_the_tree_reads

pytestmark = [pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore")]
# Each example is a kickoff on a database; CREWGRAPH_TEST_EXAMPLES=300 is as much as in this process.
few = settings(max_examples=int(os.environ.get("CREWGRAPH_TEST_EXAMPLES", "8")))
limits, backends = st.integers(1, 5), st.sampled_from(["asyncio", "trio"])


@pytest.fixture(scope="module")
def workers() -> Generator[Clustered]:
    with clustered() as made:
        yield made


@few
@given(root=tree, data=st.data(), limit=limits, backend=backends)
def test_pipelines(workers: Clustered, root: Any, data: st.DataObject, limit: int, backend: str) -> None:
    """Every node runs once and sees what the contract says; exactly one arm of each router; traces as written."""
    with workers.everywhere():
        as_the_tree_reads.hypothesis.inner_test(root, data, limit, backend)


@few
@given(drawn=graphs(), limit=limits, backend=backends)
def test_graphs(workers: Clustered, drawn: Drawn, limit: int, backend: str) -> None:
    """Nodes run once and only if an edge to them was taken; they see what arrived; each end has its trace."""
    with workers.everywhere():
        as_the_edges_read.hypothesis.inner_test(drawn, limit, backend)


@few
@given(root=tree, data=st.data())
def test_the_same_again_is_read(workers: Clustered, root: Any, data: st.DataObject) -> None:
    """Submitted once more, no node runs a second time, and the results are the same, ids included."""
    pipeline = Built(root, data).pipeline
    known = {"store": workers.worker.address, "key": workers.known(pipeline)}
    first, again = (pipeline.kickoff({"p": -7}, **known) for _ in range(2))
    assert [run.model_dump() for run in again] == [run.model_dump() for run in first]
    assert [run.spans for run in again] == [run.spans for run in first]
