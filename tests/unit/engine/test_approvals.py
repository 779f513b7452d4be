"""Runs that wait for people: what goes on, what they look like, and how they go on."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from typing import Any

import pytest

from crewgraph import Approval, Pipeline, Route, Router, RunStatus, step
from crewgraph.cluster import janitor
from crewgraph.cluster.worker import Served, Worker
from crewgraph.engine import kickoff
from crewgraph.errors import KickoffError
from crewgraph.outputs import reason_of
from crewgraph.store import decide, waiting
from crewgraph.store.postgres import connected
from crewgraph.testing.clusters import database
from crewgraph.trace import NodeFinished, NodeSkipped, NodeWaiting, RunFinished, RunWaiting

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def worker() -> Generator[Worker]:
    """A worker in this process, with one queue for all pipelines, that gets to know them as they are kicked off."""
    with pytest.MonkeyPatch.context() as patch, database() as address:
        for name, module in list(sys.modules.items()):
            if name.startswith("crewgraph.cluster.") and hasattr(module, "queue_of"):
                patch.setattr(module, "queue_of", lambda *_: "crewgraph:tests")
        patch.setattr(janitor, "BEAT", 0.1)
        made = Worker(address, {"none": Pipeline([Approval("none")])})
        made.start()
        yield made
        made.stop(5.0)


@pytest.fixture(params=["file", "database"])
def store(request: pytest.FixtureRequest, tmp_path, monkeypatch) -> Any:
    """Both kinds of store; in a database the worker executes what is kicked off."""
    if request.param == "file":
        return tmp_path / "runs.sqlite"
    there: Worker = request.getfixturevalue("worker")
    with connected(there.address) as connection:
        connection.execute("TRUNCATE runs, nodes, decisions, tickets")
    prepared = kickoff.prepared

    def known(pipeline: Any, inputs: Any, options: Any, **more: Any) -> Any:
        there.served["tested"] = Served.of(pipeline)
        return prepared(pipeline, inputs, {**options, "key": "tested"}, **more)

    monkeypatch.setattr(kickoff, "prepared", known)
    return there.address


@pytest.fixture
def ran() -> list[str]:
    return []


def noted(ran: list[str], name: str) -> Any:
    """A step that notes that it ran, and fails the first time where it is called "bad"."""

    @step(name=name, inline=True)
    def work(i: int) -> dict[str, str]:
        ran.append(name)
        if name == "bad" and ran.count(name) == 1:
            raise RuntimeError(name)
        return {name: f"{name}{i}"}

    return work


def approve(store: Any, *names: str) -> None:
    """Approve what waits, of these names."""
    for each in waiting(store):
        if each.question.node in names and each.decision is None:
            decide(store, each.run, "approved", node=each.question.node)


def test_what_does_not_depend_on_it_goes_on(store, ran) -> None:
    """Branches beside it and other inputs run; what lies behind it does not, and nothing runs twice."""
    a, b, c, d = (noted(ran, name) for name in "abcd")
    pipeline = Pipeline([a, [Approval("one") >> b, Approval("two") >> c, d], noted(ran, "e")])
    (run,) = pipeline.kickoff({"i": 1}, store=store)
    assert ran == ["a", "d"]
    assert (run.status, run.ok, run.error) == (RunStatus.WAITING, False, None)
    assert [each.node for each in run.waiting] == ["one", "two"]
    assert run.trace == [{"i": 1}, "a", ["one", "two", "d"]]
    approve(store, "two")
    (run,) = pipeline.kickoff({"i": 1}, store=store)
    assert (ran, [each.node for each in run.waiting]) == (["a", "d", "c"], ["one"])
    assert [span.status for span in run.spans] == ["ok", "waiting", "skipped", "ok", "ok", "ok", "skipped"]
    approve(store, "one")
    (run,) = pipeline.kickoff({"i": 1}, store=store)
    assert (ran, run.status) == (["a", "d", "c", "b", "e"], "ok")


def test_one_behind_the_other(store, ran) -> None:
    """Each is asked when it is reached."""
    pipeline = Pipeline([noted(ran, "a"), Approval("one"), Approval("two", ask="{one}?"), noted(ran, "b")])
    for asked in ("one?", "approved?"):
        (run,) = pipeline.kickoff({"i": 1}, store=store)
        assert [each.ask for each in run.waiting] == [asked]
        approve(store, "one", "two")
    (run,) = pipeline.kickoff({"i": 1}, store=store)
    assert (run.status, ran) == ("ok", ["a", "b"])


def test_the_same_approval_twice(store) -> None:
    """Places of one graph are told apart by their names there."""
    ok = Approval("ok")
    pipeline = Pipeline([[ok, ok]])
    (run,) = pipeline.kickoff({"i": 1}, store=store)
    assert [each.node for each in run.waiting] == ["ok", "ok#2"]
    approve(store, "ok", "ok#2")
    assert [run.status for run in pipeline.kickoff({"i": 1}, store=store)] == ["ok", "ok"]


def test_a_failure_beside_it(store, ran) -> None:
    """The run failed; the question stays, and is not asked again when the failure is mended."""
    bad, b = noted(ran, "bad"), noted(ran, "b")
    pipeline = Pipeline([[Approval("ok") >> b, bad]])
    with pytest.raises(KickoffError):
        pipeline.kickoff({"i": 1}, store=store, max_concurrency=1)
    assert [each.question.node for each in waiting(store)] == ["ok"]
    approve(store, "ok")
    run, _ = pipeline.kickoff({"i": 1}, store=store)
    assert (run.status, sorted(ran)) == ("ok", ["b", "bad", "bad"])


@pytest.mark.parametrize("on_error", ["raise", "collect", "fail_fast"])
def test_it_is_no_error(store, ran, on_error) -> None:
    """Nothing is raised, whatever becomes of errors; the kickoff says that some wait."""
    result = Pipeline([Approval("ok", ask="{i}?")]).kickoff([{"i": 1}, {"i": 2}], store=store, on_error=on_error)
    assert (result.status, result.failed, len(result.waiting)) == (RunStatus.WAITING, [], 2)
    assert reason_of(result[0]) == "'ok' asks: 1?"


def test_routes_lead_to_it(store, ran) -> None:
    """Where its route is not taken it is not asked; its decision leads on."""
    a, b = noted(ran, "a"), noted(ran, "b")
    after = Router({"yes": Route("ok == 'approved'", a)}, b)
    pipeline = Pipeline([Router({"high": Route("i > 5", Pipeline([Approval("ok", timeout=9_999), after]))}, b)])
    inputs = [{"i": 9}, {"i": 8}, {"i": 1}]
    result = pipeline.kickoff(inputs, store=store, id_column="i")
    assert [run.status for run in result] == ["waiting", "waiting", "ok"]
    decide(store, "9", "approved")
    decide(store, "8", "rejected")
    result = pipeline.kickoff(inputs, store=store, id_column="i")
    assert [run.trace[1:] for run in result] == [
        [{"route_taken": "high"}, "ok", {"route_taken": "yes"}, "a"],
        [{"route_taken": "high"}, "ok", {"route_taken": "default"}, "b"],
        [{"route_taken": "default"}, "b#2"],
    ]


class Open(Router):
    """A router that comes up with a pipeline of its own."""

    def route(self, inputs: Mapping[str, Any]) -> Any:
        return Approval("inner") >> step(name="behind", inline=True)(lambda inner: {"said": inner}), "found"


@pytest.mark.parametrize("store", ["file"], indirect=True)
def test_inside_of_an_open_router(store, ran) -> None:
    """Its run waits, what follows the router too, and both go on."""
    pipeline = Pipeline([Open(routes={}, default=Pipeline([noted(ran, "x")]), name="open"), noted(ran, "b")])
    (run,) = pipeline.kickoff({"i": 1}, store=store)
    assert (run.status, [each.node for each in run.waiting], ran) == ("waiting", ["inner"], [])
    decide(store, waiting(store)[0].run, "approved")
    (run,) = pipeline.kickoff({"i": 1}, store=store)
    assert (run.status, ran) == ("ok", ["b"])
    assert [(span.node, span.status) for span in run.spans if span.node in ("inner", "behind")] == [
        ("inner", "ok"),
        ("behind", "ok"),
    ]


@pytest.mark.parametrize("store", ["database"], indirect=True)
def test_inside_of_an_open_router_on_a_cluster(store, ran) -> None:
    """It waits and goes on; the pipeline itself is not read by whoever submitted."""
    pipeline = Pipeline([Open(routes={}, default=Pipeline([noted(ran, "x")]), name="open"), noted(ran, "b")])
    result = pipeline.kickoff({"i": 1}, store=store, on_error="collect")
    assert (result.status, [each.ask for each in result[0].waiting], ran) == ("waiting", ["inner?"], [])
    decide(store, waiting(store)[0].run, "approved")
    pipeline.kickoff({"i": 1}, store=store, on_error="collect")
    assert (ran, waiting(store)) == (["b"], [])


@pytest.mark.anyio
@pytest.mark.parametrize("store", ["file"], indirect=True)
async def test_events_and_stream(store, ran) -> None:
    """A node waits, then the run; a stream gives the result and raises nothing."""
    pipeline = Pipeline([Approval("ok", ask="{i}?", timeout=9_999), noted(ran, "a")])
    told = [event async for event in pipeline.events({"i": 1}, store=store)]
    asked = next(event for event in told if isinstance(event, NodeWaiting))
    assert (asked.node, asked.ask, (asked.until or 0) > asked.at) == ("ok", "1?", True)
    assert isinstance(told[-1], RunWaiting)
    assert not any(isinstance(event, NodeFinished | NodeSkipped | RunFinished) for event in told)
    results = [run async for run in pipeline.stream({"i": 1}, store=store)]
    assert [run.status for run in results] == ["waiting"]


@pytest.mark.anyio
@pytest.mark.parametrize("store", ["file"], indirect=True)
async def test_events_are_told_when_they_happen(store, ran) -> None:
    """An approval that was decided before this kickoff ends in it, and its span says since when it was decided."""
    pipeline = Pipeline([Approval("ok"), noted(ran, "a")])
    await pipeline.kickoff_async({"i": 1}, store=store)
    approve(store, "ok")
    told = [event async for event in pipeline.events({"i": 1}, store=store)]
    assert [event.at for event in told] == sorted(event.at for event in told)
    assert any(isinstance(event, NodeFinished) and event.node == "ok" for event in told)


def test_spans_tell_how_long_it_took(store) -> None:
    """From the question to the decision; one that waits has not ended, and what is read looks as it was."""
    pipeline = Pipeline([Approval("ok")])
    (run,) = pipeline.kickoff({"i": 1}, store=store)
    (span,) = run.spans
    assert (span.kind, span.status, span.ended, span.seconds) == ("approval", "waiting", None, 0)
    decide(store, waiting(store)[0].run, "approved")
    spans = [pipeline.kickoff({"i": 1}, store=store)[0].spans[0] for _ in range(2)]
    assert [each.started for each in spans] == [span.started] * 2
    assert spans[0].ended == spans[1].ended != span.started
    first = "store" if isinstance(store, str) else None  # a worker has run it
    assert [(each.source, each.attempts) for each in spans] == [(first, 1), ("store", 1)]


def test_the_record_says_how_the_run_ended(store) -> None:
    """As other ends do; what waits is dumped with its question."""
    (run,) = Pipeline([Approval("ok")]).kickoff({"i": 1}, store=store)
    dumped = run.model_dump(mode="json")
    assert (dumped["status"], dumped["waiting"][0]["ask"]) == ("waiting", "ok?")
