"""Whatever a test kicks off is executed by a worker: the same tests for every engine, and what cannot hold on a cluster."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

import crewgraph.cluster.engine  # noqa: F401 - brings all that gives names to queues
from crewgraph.cluster.worker import Served, Worker
from crewgraph.engine import kickoff
from crewgraph.scope import is_within
from crewgraph.step import step
from crewgraph.syntax import Pipeline
from crewgraph.testing.clusters import database

IS_ALL = os.environ.get("CREWGRAPH_TEST_ENGINE") == "cluster"
"""Whether all tests of behaviour run on a cluster, on both event loops, and not only those of WANTED on asyncio."""
WANTED = frozenset({"test_row_is_the_same_on_every_engine"})

# What differs on a cluster, in the words of docs/cluster.md.
ORDER = "Workers take runs in any order"
AT_ONCE = "how many are at work at once is said there"
AHEAD = "Inputs are read and submitted ahead of the results"
WORDS = "An error is known by its words and its class"
AT_WORK = "A node that is at work when its run is cancelled"
EXIT = "A node that ends the process"
LEFT = "ends the waiting and not the runs"
RAISES = "Where the inputs themselves raise"
INSIDE = "what happens inside of nodes"
BEGINS = "what begins is heard of when it has ended"
REFUSED = "Budgets of a kickoff"
# And what is no difference for users.
NAMED = "it names a store of its own"
TIMED = "it counts the calls of many runs in the time that they take in this process"

OTHERWISE = {
    "test_start_order_is_list_order_on_asyncio": ORDER,
    "test_only_what_led_to_a_node_is_its_context": ORDER,
    "test_no_more_nodes_at_work_than_allowed": AT_ONCE,
    "test_a_thousand_waiting_runs_share_their_time": AT_ONCE,
    "test_results_come_as_they_finish": AT_ONCE,
    "test_inputs_are_read_as_they_are_needed": AHEAD,
    "test_endless_async_inputs": AHEAD,
    "test_memory_does_not_grow_with_the_inputs": AHEAD,
    "test_fail_fast_ends_the_stream": AHEAD,
    "test_fail_fast_yields_no_run_twice": AHEAD,
    "test_an_input_generator_is_closed_when_the_stream_is": AHEAD,
    "test_a_slow_reader_slows_the_engine": AHEAD,
    "test_a_slow_reader_of_events_slows_the_engine": AHEAD,
    "test_tokens_of_failed_nodes_are_counted": WORDS,
    "test_an_error_group_of_a_node_is_kept_whole": WORDS,
    "test_fail_fast_cancels_everything": AT_WORK,
    "test_a_node_may_end_the_process": EXIT,
    "test_cancelling_a_kickoff_is_prompt_and_leaves_nothing_behind": LEFT,
    "test_an_input_generator_that_raises": RAISES,
    "test_inputs_that_end_in_an_error": RAISES,
    "test_leaving_the_events_is_quiet": BEGINS,
    "test_cancelled_runs_have_closing_events": BEGINS,
    "test_events_of_many_inputs_end": TIMED,
    "test_definitions_are_never_copied_or_written_to": TIMED,
}
"""Tests that stay in this process, each with what would be otherwise on a cluster."""
ON_TRIO = frozenset(
    {
        "test_a_failure_cancels_the_siblings_of_its_run_only",
        "test_tokens_of_cancelled_nodes_are_counted",
        "test_there_are_no_barriers",
    }
)
"""Tests whose nodes wait for an event of trio, which a worker has not."""
MODULES = {"test_waiting": NAMED, "test_limits": TIMED}
"""The same of whole modules."""
_numbers = count()


@dataclass(slots=True)
class Clustered:
    """A worker that gets to know pipelines as they are kicked off."""

    worker: Worker

    @contextmanager
    def everywhere(self) -> Generator[None]:
        """Have each kickoff that names no store run there."""
        prepared = kickoff.prepared

        def on_a_worker(pipeline: Any, inputs: Any, options: Any, **more: Any) -> Any:
            if is_within() or "store" in options:
                return prepared(pipeline, inputs, options, **more)
            if options.keys() & {"budget", "input_budget", "policy"}:
                pytest.xfail(REFUSED)
            if options.get("text"):
                pytest.xfail(INSIDE)
            there = {"store": self.worker.address, "key": self.known(pipeline)}
            return prepared(pipeline, inputs, {**options, **there}, **more)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kickoff, "prepared", on_a_worker)
            yield

    def known(self, pipeline: Any) -> str:
        """Let the worker know a pipeline; returns what it is called there."""
        name = f"p{next(_numbers)}"
        try:
            served = Served.of(pipeline)
        except Exception:  # noqa: BLE001 - the kickoff says it, too
            return name
        self.worker.served = {**self.worker.served, name: served}
        return name


@contextmanager
def clustered() -> Generator[Clustered]:
    """A worker with one queue for all pipelines: these come and go, and queues would stay."""
    with pytest.MonkeyPatch.context() as patch, database() as address:
        for name, module in list(sys.modules.items()):
            if name.startswith("crewgraph.cluster.") and hasattr(module, "queue_of"):
                patch.setattr(module, "queue_of", lambda *_: "crewgraph:tests")
        worker = Worker(address, {"nothing": Pipeline([nothing])}, poll=0.02)
        worker.start()
        try:
            yield Clustered(worker)
        finally:
            worker.stop(0)


@step
def nothing() -> dict[str, int]:
    return {}


def engines_for(item: Any) -> list[str]:
    """The engines that a test runs on."""
    if item.originalname in WANTED:
        return ["cluster"]
    is_otherwise = item.originalname in OTHERWISE or item.path.stem in MODULES
    return ["local", "cluster"] if IS_ALL and not is_otherwise else ["local"]


def is_left_out(item: Any) -> bool:
    """Whether a test is one too many: the whole table on a cluster on one event loop is enough for each day."""
    said = getattr(item, "callspec", None)
    if said is None or not {"cluster", "trio"} <= {each for each in said.params.values() if isinstance(each, str)}:
        return False
    return not IS_ALL or item.originalname in ON_TRIO
