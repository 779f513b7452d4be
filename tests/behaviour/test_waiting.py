"""Runs that wait for a person, in everything that tells of runs: counts, tables, pages, pictures and traces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from crewgraph import Approval, Pipeline, PipelineKickoffResult, step
from crewgraph.outputs import reason_of
from crewgraph.progress.cell import ended_html, running_html
from crewgraph.progress.tally import NodeCount, Tally
from crewgraph.progress.words import SIGNS, counts_of, state_of
from crewgraph.render import runs_of
from crewgraph.report import ChromeTrace, TraceFile
from crewgraph.report.record import record_of, record_read
from crewgraph.telemetry import Telemetry
from crewgraph.trace import Event
from crewgraph.watch import Board


@step(inline=True)
def draft(i: int) -> dict[str, str]:
    if i == 3:
        raise RuntimeError("no ink")
    return {"draft": f"No. {i}"}


pipeline = Pipeline([draft, Approval("ok", ask="Send <{draft}>?")], name="letters")


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def result(tmp_path: Path, told: list[Event]) -> PipelineKickoffResult:
    """Two runs wait, and one failed."""
    kicked: PipelineKickoffResult = pipeline.kickoff(
        [{"i": 1}, {"i": 2}, {"i": 3}], store=tmp_path / "r.sqlite", on_error="collect", observer=told.append
    )
    return kicked


def test_counts(result: PipelineKickoffResult, told: list[Event]) -> None:
    """What waits is through for now, neither well nor failed."""
    tally = Tally(3)
    for event in told:
        tally.observe(event)
    for run in result:
        tally.count(run, reason_of(run))
    assert (tally.ok, tally.parked, tally.failed, tally.done, tally.running) == (0, 2, 1, 3, 0)
    assert tally.nodes["ok"] == NodeCount(waiting=2)
    assert SIGNS[state_of(tally.nodes["ok"])] == "◷"
    assert "2 waiting for a person" in counts_of(tally)
    for html in (running_html(tally, "letters"), ended_html(tally, "letters")):
        assert "2 waiting for a person" in html
    only = Tally(2)
    for run in result[:2]:
        only.count(run, "")
    assert "✓" in ended_html(only, "letters")


def test_tables(result: PipelineKickoffResult) -> None:
    """Notebooks show what failed first, then what waits, with its question; in a data frame it is no error."""
    html = result._repr_html_()
    assert "2 waiting for a person" in html
    assert html.index("no ink") < html.index("Send &lt;No. 1&gt;?")
    assert "◷" in result[0]._repr_html_()
    frame = result.to_pandas()
    assert frame["status"].tolist() == ["waiting", "waiting", "failed"]
    assert frame["error"].isna().tolist() == [True, True, False]


def test_pictures(result: PipelineKickoffResult) -> None:
    """One that waits has a sign and a state of its own, and no time; a failure is worse."""
    graph: Any = result.graph
    one, all_ = (runs_of(graph, each).ran("ok") for each in (result[0], result))
    assert one is not None
    assert all_ is not None
    assert (one.state, one.sign, one.time) == ("waiting", "◷ waiting", "")
    assert (all_.state, all_.sign) == ("waiting", "◷ 2 waiting")
    for run, form in ((result[0], "didWaiting"), (result, "didWaiting")):
        assert form in pipeline.to_mermaid(run=run)
    assert "did-waiting" in pipeline.to_svg(run=result)
    assert "waiting" in pipeline.to_dot(run=result)


def test_pages_and_traces(result: PipelineKickoffResult, tmp_path: Path) -> None:
    """The page, the trace file and what comes of it, and the trace for Perfetto."""
    page = result.report(tmp_path / "r.html")
    assert "waiting" in page.read_text()
    with TraceFile(tmp_path / "t.jsonl", result.graph) as trace:  # type: ignore[arg-type]
        for run in result:
            trace.add(run)
    line = json.loads((tmp_path / "t.jsonl").read_text().splitlines()[1])
    assert (line["status"], line["error"]) == ("waiting", "'ok' asks: Send <No. 1>?")
    assert record_read(line).spans[1].status == "waiting"
    with ChromeTrace() as chrome:
        chrome.add(result[0])
        assert '"status": "waiting"' in chrome.write(tmp_path / "c.json").read_text().replace('":"', '": "')


def test_the_live_page(result: PipelineKickoffResult, told: list[Event]) -> None:
    """A run that waits is no longer under way, and before that its node has a bar that says so."""
    with Board(pipeline) as board:
        first = [event for event in told if event.run == 0]
        for event in first[:-1]:
            board.observe(event)
        (row,) = json.loads(board.under_way(first[-1].at)[0])["rows"]
        assert [bar[1] for bar in row[-1]] == ["ok", "waiting"]
        board.observe(first[-1])
        assert json.loads(board.under_way(first[-1].at)[0])["rows"] == []
        board.take(record_of(result[0]))
        assert board.count == 1


def test_spans_of_opentelemetry(tmp_path: Path) -> None:
    """They end without an error."""
    memory, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    pipeline.kickoff({"i": 1}, store=tmp_path / "r.sqlite", observer=Telemetry(tracer_provider=provider))
    spans = {span.name: span for span in memory.get_finished_spans()}
    assert set(spans) == {"invoke_workflow letters", "node draft", "node ok"}
    assert {span.status.status_code for span in spans.values()} == {StatusCode.UNSET}
