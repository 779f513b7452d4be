"""What runs did, laid over a picture: one run and many, failures, routes, and what never ran."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crewgraph.compiler import analyse
from crewgraph.outputs import PipelineKickoffResult
from crewgraph.render.runs import Ran, Runs, runs_of
from crewgraph.render.sketch import END
from crewgraph.router import Route, Router
from crewgraph.step import step
from crewgraph.syntax import Pipeline
from crewgraph.trace import Span
from crewgraph.usage import UsageMetrics
from tests.golden.gallery import Told, by_hand_in_between, marked, office, open_at_the_end, open_router, run_of, runs

BEGAN = datetime(2026, 11, 28, tzinfo=UTC)


@step
def read(n: int) -> dict[str, int]:
    return {"n": n}


@step
def big(n: int) -> None:
    if n > 90:
        raise ValueError("<b>too big</b>")


@step
def small() -> None: ...


@step
def close() -> None: ...


def pipeline() -> Pipeline:
    return Pipeline([read, Router({"big": Route("n > 9", big)}, small, name="size"), close], name="Sizes")


def kickoff(*numbers: int) -> PipelineKickoffResult:
    done: PipelineKickoffResult = pipeline().kickoff([{"n": number} for number in numbers], on_error="collect")
    return done


def counted(*numbers: int) -> Runs:
    return runs_of(analyse(pipeline())[0], kickoff(*numbers))


def traffic(runs: Runs) -> dict[tuple[str, str, str | None], int]:
    return {(line.source, line.target, line.route): count for line, count in zip(runs.lines, runs.traffic, strict=True)}


def test_one_run() -> None:
    """What ran is ok, the router tells its route, and what did not run says so."""
    runs = counted(12)
    states = {name: getattr(runs.ran(name), "state", None) for name in ("read", "size", "big", "small", "close")}
    assert states == {"read": "ok", "size": "ok", "big": "ok", "small": "not", "close": "ok"}
    assert (runs.ran("small"), getattr(runs.ran("size"), "told", "")) == (Ran("not", "not run"), "→ big")
    assert {key: count for key, count in traffic(runs).items() if "small" in key} == {
        ("size", "small", "default"): 0,
        ("small", "close", None): 0,
    }
    assert all(count == 1 for key, count in traffic(runs).items() if "small" not in key)


def test_many_runs() -> None:
    """Runs are counted on nodes and lines; one that failed shows, and goes no further."""
    runs = counted(1, 2, 12, 99)
    told = runs.ran("big")
    assert told is not None
    assert (told.state, told.sign, told.spent, told.told) == (
        "failed",
        "✗ 1 failed",
        "2 ×",
        "ValueError: <b>too big</b>",
    )
    assert re.fullmatch(r"p50 [\d.]+ m?s · p95 [\d.]+ m?s", told.time)
    along = traffic(runs)
    assert (along["size", "big", "big"], along["size", "small", "default"]) == (2, 2)
    assert (along["big", "close", None], along["close", END, None]) == (1, 3)
    assert [runs.share(number) for number in range(2)] == [1.0, 1.0]


def test_one_result_or_several() -> None:
    """A run, a kickoff, or any results; a run with several results counts once, and no run counts nothing."""
    graph, done = analyse(pipeline())[0], kickoff(1, 12)
    assert runs_of(graph, done[0]).count == 1
    assert runs_of(graph, done).traffic == runs_of(graph, iter(done)).traffic
    branches: Any = Pipeline([read, [big, small]]).kickoff([{"n": 1}])
    assert len(branches) == 2
    assert runs_of(analyse(Pipeline([read, [big, small]]))[0], branches).count == 1
    assert runs_of(graph, []).share(0) == 0.0


def run(*spans: Span) -> Told:
    return Told(given=list(spans))


def span(node: str, status: str = "ok", *, seconds: float = 1.0, **more: Any) -> Span:
    ended = BEGAN + timedelta(seconds=seconds)
    return Span(node=node, kind="step", status=status, started=BEGAN, ended=ended, attempts=1, **more)


def read_by(spans: Sequence[Span]) -> Ran:
    ran = runs_of(analyse(pipeline())[0], [run(each) for each in spans]).ran("read")
    assert ran is not None
    return ran


@pytest.mark.parametrize(
    ("tokens", "shown"),
    [(7, "7"), (940, "940"), (1_900, "1.9k"), (2_000, "2k"), (21_440, "21k"), (1_200_000, "1.2M"), (3 * 10**9, "3G")],
)
def test_tokens_are_told_shortly(tokens: int, shown: str) -> None:
    """With a letter for thousands and millions."""
    assert read_by([span("read", usage=UsageMetrics(total_tokens=tokens))]).spent == f"{shown} tok"


def test_money() -> None:
    """Is told where there are prices, and as unknown where a call has none."""
    usage = UsageMetrics(total_tokens=10, picodollars=5 * 10**9)
    assert read_by([span("read", usage=usage)]).spent == "10 tok · $0.005"
    assert read_by([span("read", usage=UsageMetrics(total_tokens=10, unpriced_requests=1))]).spent == "10 tok · unknown"


def test_times() -> None:
    """In words; of many the median and the 95th percentile."""
    assert read_by([span("read", seconds=0.004)]).time == "4 ms"
    assert read_by([span("read", seconds=200)]).time == "3 min 20 s"
    assert (
        read_by([span("read", seconds=float(number)) for number in range(1, 102)]).time == "p50 51 s · p95 1 min 36 s"
    )


@pytest.mark.parametrize(
    ("status", "sign"), [("failed", "✗ failed"), ("over_budget", "✗ over budget"), ("cancelled", "✗ cancelled")]
)
def test_what_did_not_go_well(status: str, sign: str) -> None:
    """Is told in words beside the sign."""
    assert (read_by([span("read", status)]).state, read_by([span("read", status)]).sign) == ("failed", sign)


def test_the_picture_of_one_run() -> None:
    """Classes for colours, signs and words for who does not see them; what was not reached is faded, texts stay texts."""
    picture = pipeline().to_svg(run=kickoff(99)[0])
    assert re.search(r'<g id="n-read" class="node step core did-ok".*✓', picture)
    assert re.search(r'<g id="n-big" class="node step green did-failed".*✗ failed.*&lt;b&gt;too big', picture)
    assert re.search(r'<g id="n-small" class="node step slate did-not".*not run', picture)
    assert re.search(r'id="c-size%00default" class="box slate dashed did-not"', picture)
    assert 'class="chip slate did-not"' in picture
    assert 'class="line green route took w3"><title>size → big · 1 of 1 runs</title>' in picture
    assert 'class="line did-not"><title>big → close · 0 of 1 runs</title>' in picture


def test_the_picture_of_many_runs() -> None:
    """Lines are as wide as many runs went along them."""
    picture = pipeline().to_svg(run=kickoff(*range(8), 12, 12))
    assert 'class="line took w8"><title>input → read · 10 of 10 runs</title>' in picture
    assert 'class="line green route took w2"><title>size → big · 2 of 10 runs</title>' in picture


@pytest.mark.parametrize("made", [open_router, open_at_the_end, by_hand_in_between])
def test_all_kinds_of_graphs(made: Any) -> None:
    """Routers that come up with pipelines, points, and routes that lead nowhere."""
    graph = analyse(made())[0]
    names = [name for name, node in graph.nodes.items() if type(node).__name__ in {"Work", "Switch"}]
    routes = {name: "anything" for name in names if type(graph.nodes[name]).__name__ == "Switch"}
    runs = runs_of(graph, [run(*(span(name, route=routes.get(name)) for name in names))])
    found = {line.source: count for line, count in zip(runs.lines, runs.traffic, strict=True) if "\0" in line.source}
    assert all(found.values())
    assert made().to_svg(run=[run(*(span(name, route=routes.get(name)) for name in names))]).count(
        "did-failed"
    ) == made().to_svg().count("did-failed")


@pytest.mark.parametrize(("ending", "sign"), [("svg", "did-ok"), ("dot", "did-ok"), ("mmd", "didOk"), ("txt", "✓")])
def test_every_format_shows_runs(tmp_path: Any, ending: str, sign: str) -> None:
    """In its own way: the four nodes that ran."""
    picture = pipeline().draw(tmp_path / f"x.{ending}", run=kickoff(1)).read_text(encoding="utf-8")
    assert picture.count(sign) >= 4


def test_a_closed_box_is_counted_as_one_node() -> None:
    """From its first moment to its last, as bad as its worst, with all that was spent there."""
    drawn = runs_of(analyse(office())[0], runs(office()), depth=0)
    told = {box.title: drawn.ran(name) for name, box in drawn.sketch.closed.items()}
    refunds, clean = told["refund · Refunds"], told["Clean"]
    assert refunds is not None
    assert clean is not None
    assert (clean.state, clean.time, clean.spent) == ("ok", "p50 2.4 s · p95 2.7 s", "4 ×")
    assert (refunds.state, refunds.sign, refunds.told) == (
        "failed",
        "✗ 1 failed",
        "ValueError: <script>alert('x')</script>",
    )
    assert refunds.spent == "2 × · 3.6k tok · $0.006"


def test_traffic_of_closed_boxes() -> None:
    """A line counts each run once that went along any of those it stands for, and along all its legs."""
    drawn = runs_of(analyse(office())[0], runs(office()), depth=0)
    called = {name: box.title for name, box in drawn.sketch.closed.items()}
    along = {
        (called.get(line.source, line.source), called.get(line.target, line.target)): count
        for line, count in zip(drawn.lines, drawn.traffic, strict=True)
    }
    assert (along["start", "Clean"], along["parallel · 2", "Desk"], along["By hand", "close"]) == (4, 4, 3)
    assert (along["Desk", "refund · Refunds"], along["refund · Refunds", "By hand"]) == (2, 1)
    two = Pipeline([[read, small], [big, close]])
    both = runs_of(analyse(two)[0], [run_of(two, routes={}), run_of(two, "small", routes={})], depth=0)
    assert both.traffic == [2, 1, 1]


def test_a_box_in_which_nothing_ran() -> None:
    """Says so."""
    drawn = runs_of(analyse(office())[0], run_of(office(), routes={"Desk": "spam"}), depth=0)
    states = {box.title: getattr(drawn.ran(name), "state", "") for name, box in drawn.sketch.closed.items()}
    assert (states["spam"], states["refund · Refunds"], states["default"]) == ("ok", "not", "not")


def test_dot_shows_what_ran() -> None:
    """Frames, signs, errors and times; lines as wide as many runs went along them; what did not run is faded."""
    one, many = pipeline().to_dot(run=kickoff(99)[0]), pipeline().to_dot(run=kickoff(1, 2, 12, 99))
    assert re.search(r'BORDER="2" COLOR="#dc2626" BGCOLOR="#fef2f2".*✗ failed.*&lt;b&gt;too big', one)
    assert re.search(r'small \[class="step did-not".*not run', one)
    assert re.search(r'read -> size \[.*color="#059669".*penwidth=2\.6', one)
    assert re.search(r"read -> size \[.*penwidth=4\.6.* · 4 of 4 runs", many)
    assert re.search(r"size -> small \[.*penwidth=3 .* · 2 of 4 runs", many)


def test_mermaid_shows_what_ran() -> None:
    """Classes, lines on the labels, and widths; sizes of lines are those of SVG."""
    one = pipeline().to_mermaid(run=kickoff(99)[0])
    assert "<b>✗ failed</b>" in one
    assert "ValueError#58; #60;b#62;too big" in one
    assert "<b>not run</b>" in one
    assert re.search(r"linkStyle 0 stroke:#059669,color:#047857,stroke-width:2\.6px", one)
    for state in ("Ok", "Failed", "Not"):
        assert f"classDef did{state} " in one


def test_text_shows_what_ran() -> None:
    """A sign, the time, what was spent, the route or the error."""
    one = pipeline().to_text(run=kickoff(99)[0])
    assert re.search(r"read  \(step\)  ✓ \d", one)
    assert re.search(r"size  \(router\)  ✓ .* · → big", one)
    assert re.search(r"big  \(step\)  ✗ failed · .* · ValueError: <b>too big</b>", one)
    assert "small  (step)  not run" in one


def test_what_is_wrong_and_failed() -> None:
    """The mark has the frame, the failure the ground; a router that failed is told so too."""
    drawn = marked()
    failed = run_of(drawn, "Intake", routes={})
    assert 'COLOR="#dc2626" BGCOLOR="#fef2f2"' in drawn.to_dot(run=failed)
    assert re.search(
        r'size \[class="router did-failed" color="#dc2626".*ValueError',
        pipeline().to_dot(run=run_of(pipeline(), "size", routes={})),
    )


def test_what_an_open_router_came_up_with_has_its_card() -> None:
    """Its time, its tokens and its error stand there; the router itself did its work."""

    @step
    def dynamic() -> None:
        raise ValueError("not found out before")

    class Chooser(Router):
        def route(self, values: dict[str, Any]) -> tuple[Any, str]:
            return Pipeline([dynamic]), "made"

    made = Pipeline([Chooser({}, small, name="choose"), close])
    result = made.kickoff({}, on_error="collect")
    assert [(span.node, span.status) for span in result[0].spans[:2]] == [("choose", "ok"), ("dynamic", "failed")]
    runs = runs_of(analyse(made)[0], result)
    card, router = runs.ran("\0choose"), runs.ran("choose")
    assert card is not None
    assert router is not None
    assert (card.state, card.sign, card.told) == ("failed", "✗ failed", "ValueError: not found out before")
    assert (router.state, router.told) == ("ok", "→ made")
    assert "did-failed" in made.to_svg(run=result)
    assert "any pipeline, chosen at run time  ✗ failed" in made.to_text(run=result)
    assert "not found out before" in made.to_dot(run=result)
    assert "not found out before" in made.to_mermaid(run=result)


def test_what_no_router_came_up_with_is_left_out() -> None:
    """As in a trace of another pipeline."""
    runs = Runs(analyse(pipeline())[0])
    runs.add([span("nobody", "ok"), span("read", "ok")])
    assert runs.ran("nobody") is None


def test_the_worst_state_is_named() -> None:
    """With how many had it; who was cancelled because another one failed is not what went wrong."""
    runs = Runs(analyse(pipeline())[0])
    for status in ("cancelled", "cancelled", "failed"):
        runs.add([span("read", status)])
    ran = runs.ran("read")
    assert ran is not None
    assert ran.sign == "✗ 1 failed"


def test_a_long_condition_is_told_where_it_is_pointed_at() -> None:
    """In full, in SVG and DOT."""
    condition = " or ".join(f"n == {number}" for number in range(40))
    made = Pipeline([read, Router({"big": Route(condition, big)}, small, name="size")])
    assert f"<title>{condition}</title>" in made.to_svg()
    assert condition[:150] in made.to_dot()
