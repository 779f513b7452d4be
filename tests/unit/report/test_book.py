"""Reports of results, of traces, and of more runs than are kept in one part."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64decode

import pytest

from crewgraph.errors import RenderError
from crewgraph.graph import Graph
from crewgraph.outputs import PipelineKickoffResult, PipelineRunResult
from crewgraph.report import Report, TraceFile, opened_trace
from crewgraph.report.book import PART
from crewgraph.step import step
from crewgraph.syntax import Pipeline
from tests.browser.newsdesk import graph, records
from tests.golden.gallery import open_router
from tests.unit.render.test_runs import kickoff, pipeline


def parts(page: str, name: str) -> list[list[object]]:
    found = re.findall(rf'<script type="([^"]+)" data-part="{name}">(.*?)</script>', page, re.DOTALL)
    return [
        json.loads(text if kind == "application/json" else gzip.decompress(b64decode(text))) for kind, text in found
    ]


def facts(page: str) -> dict[str, object]:
    told: dict[str, object] = json.loads(re.findall(r'id="facts">(.*?)</script>', page)[0])
    return told


def read(path) -> str:
    return path.read_text(encoding="utf-8")


def test_a_kickoff_writes_its_report(tmp_path):
    """Every input is a row; folders are made, and the title is the pipeline's."""
    path = kickoff(1, 12, 99).report(tmp_path / "new" / "r.html")
    page = read(path)
    assert path == tmp_path / "new" / "r.html"
    assert "<title>Sizes</title>" in page
    (rows,) = parts(page, "rows")
    assert [row[2] for row in rows] == ["ok", "ok", "failed"]
    assert "2 of 3 runs" in page
    assert facts(page)["hues"] == {"green": "big", "slate": "default"}


def test_a_run_writes_its_own(tmp_path):
    """A single result, also of a stream, with a title of one's own."""
    page = read(kickoff(1, 12)[1].report(tmp_path / "r.html", title="One <b>"))
    assert "<title>One &lt;b&gt;</title>" in page
    assert [row[0] for row in parts(page, "rows")[0]] == [1]


def test_branches_of_a_final_stage_are_one_run(tmp_path):
    """However many results it has."""
    two = Pipeline([[step(lambda n: n, name="a"), step(lambda n: n, name="b")]])
    result = two.kickoff({"n": 1})
    assert len(result) == 2
    assert len(parts(read(result.report(tmp_path / "r.html")), "rows")[0]) == 1
    with Report(two) as report:
        for each in result:
            report.add(each)
        assert len(parts(read(report.write(tmp_path / "s.html")), "rows")[0]) == 1


def test_a_kickoff_without_inputs_has_a_report(tmp_path):
    """The nightly job that found nothing to do does not fail on its last line."""
    page = read(pipeline().kickoff([]).report(tmp_path / "r.html"))
    assert parts(page, "rows") == []
    assert facts(page)["origin"] is None


def test_results_that_no_kickoff_made_are_refused(tmp_path):
    """With what to do instead."""
    for result in (PipelineKickoffResult(), PipelineRunResult()):
        with pytest.raises(RenderError, match=r"results of a kickoff of this process.*crewgraph report FILE"):
            result.report(tmp_path / "r.html")


def test_the_report_of_a_trace_is_that_of_the_results(tmp_path):
    """Byte by byte."""
    trace, runs = TraceFile(tmp_path / "t.jsonl", graph()), list(records(8))
    with Report(graph()) as report:
        for record in runs:
            trace.take(record)
            report.take(record)
        report.write(tmp_path / "a.html")
    trace.close()
    with opened_trace(tmp_path / "t.jsonl") as read_back, Report(read_back.graph) as report:
        for record in read_back.records:
            report.take(record)
        report.write(tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_many_runs_are_packed(tmp_path):
    """In parts that hold each run once, in order; what is written again is the same."""
    count = 2 * PART + 3
    with Report(graph()) as report:
        for record in records(count):
            report.take(record)
        page = read(report.write(tmp_path / "r.html"))
        assert read(report.write(tmp_path / "s.html")) == page
    assert "Solar canopy" not in page
    assert [len(part) for part in parts(page, "details")] == [PART, PART, 3]
    assert [row[0] for part in parts(page, "rows") for row in part] == list(range(count))  # type: ignore[index]


def test_few_runs_with_long_texts_are_packed_too(tmp_path):
    """A page of megabytes is nothing to read as text."""
    result = Pipeline([step(lambda text: text, name="a")]).kickoff([{"text": f"{n}" * 15_000} for n in range(50)])
    assert 'type="text/plain"' in read(result.report(tmp_path / "r.html"))


def test_no_text_ends_an_element(tmp_path):
    """Markup, halves of pairs and what is no number, in inputs, answers and errors."""
    hostile = "</script><!--<script>\ud800\u2028"

    @step
    def echo(text: str) -> dict[str, object]:
        if text == "bad":
            raise ValueError(hostile)
        return {"text": hostile, "number": float("nan")}

    made = Pipeline([echo], name=hostile)
    page = read(made.kickoff([{"text": hostile}, {"text": "bad"}], on_error="collect").report(tmp_path / "r.html"))
    assert page.count("</script>") == page.count("<script")
    assert page.count("<script") == 4
    assert "<!--" not in page
    (details,) = parts(page, "details")
    assert hostile.encode("utf-8", "replace").decode() in str(details) or "</script><!--<script>" in str(details)


def test_what_an_open_router_came_up_with_is_told(tmp_path):
    """Nodes that are in no picture have a name and a place in the timeline."""
    made = open_router()
    other = step(lambda: None, name="unforeseen")
    next(stage for stage in made.stages if hasattr(stage, "routes")).default = other
    result = made.kickoff({}, on_error="collect")
    told = facts(read(result.report(tmp_path / "r.html")))["nodes"]
    assert [node for node in told if node["id"] is None] == [  # type: ignore[index]
        {"name": "unforeseen#2", "hue": "slate", "id": None, "kind": "node", "summary": "chosen at run time"}
    ]


def test_a_page_that_cannot_be_written_is_told(tmp_path):
    """As for pictures."""
    (tmp_path / "r.html").mkdir()
    with pytest.raises(RenderError, match=r"r\.html' cannot be written"):
        kickoff(1).report(tmp_path / "r.html")


def test_a_graph_without_a_name_has_a_title(tmp_path):
    """The word for what it is."""
    with Report(Graph([], [])) as report:
        assert "<title>pipeline</title>" in read(report.write(tmp_path / "r.html"))


def test_the_policy_names_what_may_run(tmp_path):
    """The script and the styles by their hashes, and nothing else."""
    page = read(kickoff(1).report(tmp_path / "r.html"))
    policy = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)[0]
    kinds = dict(part.split(" ", 1) for part in policy.split("; "))
    assert kinds["default-src"] == kinds["base-uri"] == kinds["form-action"] == "'none'"
    assert kinds["script-src"].startswith("'sha256-")
    assert "connect-src" not in kinds
    assert "//" not in re.sub(r'xmlns="[^"]+"|<script.*?</script>', "", page, flags=re.DOTALL)
