"""Pipelines to draw, one for each thing that a picture can hold. Steps and a node that only describes itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from crewgraph.approval import Approval
from crewgraph.compiler import analyse
from crewgraph.drawable import DrawnNode, NodeStyle
from crewgraph.edges import Edge, Graph
from crewgraph.graph import Start, Switch, Work
from crewgraph.node import Interface, Problem
from crewgraph.outputs import CrewOutput, PipelineRunResult
from crewgraph.router import Route, Router
from crewgraph.step import Step
from crewgraph.syntax import Pipeline, Stage
from crewgraph.trace import Span
from crewgraph.usage import UsageMetrics


class Card(Stage):
    """A node that looks like a crew."""

    def __init__(
        self,
        name: str,
        *rows: tuple[str, str],
        summary: str = "sequential · gpt-5-mini",
        gives: Iterable[str] = (),
        wrong: Iterable[str] = (),
    ) -> None:
        self.name = name
        problems = tuple(Problem(code, f"{code} of {name}") for code in wrong)
        self.described = Interface("crew", (), dict.fromkeys(gives, Any), None, summary, rows, problems)

    async def kickoff_async(self, inputs: Mapping[str, Any] | None = None) -> CrewOutput:
        return CrewOutput(raw=self.name)

    def interface(self) -> Interface:
        return self.described


def small(name: str) -> Step:
    return Step(lambda inputs: {}, name=name)


class OpenRouter(Router):
    def route(self, values: dict[str, Any]) -> tuple[Any, str]:
        return self.default, "anything"


HOSTILE = '<b>"x"</b> & \\N {a|b} \x1b[31mred\x1b[0m \u202eevil\n]; end -->"|%%{init}%% 1. __y__ `z` #35; ${1}'


def newsroom() -> Pipeline:
    intake = Card("Intake", ("Parse request", "Receptionist"), ("Write brief", "Planner"), gives=["brief"])
    research = Card(
        "Research", ("Gather sources", "Web Researcher"), ("Check facts", "Fact Checker"), gives=["findings"]
    )
    risk = Card("Risk Screening", ("Score risk", "Risk Officer"), gives=["risk", "flags"])
    triage = Router(
        {
            "publishable": Route(
                "risk.score < 0.3", Card("Writing", ("Draft", "Writer"), gives=["draft"]) >> Card("Editing")
            ),
            "needs_work": Route("risk.score < 0.7", Card("Rework", ("Fix weak claims", "Writer"))),
            "legal": Route("'legal' in risk.flags", Card("Legal Review", ("Redline", "Paralegal"))),
        },
        Card("Clarify", ("Ask follow-up", "Liaison")),
        name="Triage",
    )
    return Pipeline(stages=[intake, [research, risk], triage, Card("Publish", ("Format page", ""))], name="Newsroom")


def sorting_office() -> Pipeline:
    routes = {
        "refund": Route("category == 'refund' and amount > 100 and customer.tier == 'gold'", small("refund")),
        "spam": Route("score > 0.95", small("drop")),
        "sales": Route(lambda values: any(values.values()), small("sell") >> [small("crm"), small("mail")]),
        "press": Route("'press' in tags", small("press")),
        "jobs": Route("'jobs' in tags", small("hire")),
    }
    return Pipeline(stages=[small("read"), Router(routes, small("archive"), name="Sort"), small("close")])


def nested() -> Pipeline:
    inner = Router(
        {"vip": Route("vip", small("call") >> [small("a"), small("b")] >> [small("c"), small("d")])}, small("wait")
    )
    branch = Pipeline(stages=[small("prepare"), inner])
    return Pipeline(stages=[[small("x") >> small("y"), branch], [small("m"), small("n")], small("z")], name="Nested")


def open_router() -> Pipeline:
    router = OpenRouter({"a": Route("x", small("known"))}, small("fallback"), name="Open")
    return Pipeline(stages=[router, small("after")])


def open_at_the_end() -> Pipeline:
    return Pipeline(stages=[OpenRouter({"a": Route("x", small("known"))}, small("fallback"), name="Open")])


def hostile() -> Pipeline:
    router = Router(
        {HOSTILE: Route("a == '<&\"'", Card("مرحبا بالعالم")), "__x__": Route("1 < 2", Card("a\\nb"))},
        Card("\0\1"),
        name=HOSTILE,
    )
    first = Card(HOSTILE, (HOSTILE, HOSTILE), summary=HOSTILE, gives=[HOSTILE])
    long = Card("N" * 300, *[(f"task {number}", "agent") for number in range(9)])
    return Pipeline(stages=[first, [long, Card("とても長い名前のクルー" * 5)], router], name=HOSTILE)


def empty() -> Pipeline:
    return Pipeline(stages=[], name="Empty")


def mistaken() -> Pipeline:
    return Pipeline(stages=[small("a"), [], Router({"r": Route("x", Pipeline(stages=[]))}, small("b")), small("c")])


def marked() -> Pipeline:
    """Errors and warnings are marked, on crews and steps and on both forms of routers; notes are not."""
    intake = Card("Intake", ("Parse request", "Receptionist"), wrong=["CG310", "CG302", "CG302", "CG306"])
    plain = Card("Plain", summary="", wrong=["CG305"])
    many = Card("Many", wrong=["CG301", "CG302", "CG303", "CG304", "CG305", "CG307"])
    noted = Card("Noted", ("Draft", "Writer"), wrong=["CG306", "CG308"])
    small_router = Router({"none": Route("a > 1", Pipeline(stages=[]))}, plain, name="Choose")
    long = {f"r{number}": Route(f"category == 'a rather long name {number}'", small(f"s{number}")) for number in (1, 2)}
    long_router = Router(long | {"none": Route("b > 1", Pipeline(stages=[]))}, small("rest"), name="Sort")
    return Pipeline(stages=[intake, [small_router, many], noted, long_router], name="Marked")


def by_hand() -> Pipeline:
    """Edges past others, conditional edges beside an unconditional one, a router whose routes lead on to two nodes."""
    fetch, parse = (
        Card("Fetch", ("Fetch page", "Clerk"), gives=["page"]),
        Card("Parse", ("Extract", ""), gives=["facts"]),
    )
    rate, digest = Card("Rate", gives=["score"]), Card("Digest", ("Write it", "Writer"))
    desk = Router({"legal": Route("'legal' in tags", small("legal"))}, small("press"), name="Desk")
    edges = [
        (fetch, parse, digest, "close"),
        (fetch, rate, digest),
        Edge(rate, small("alert"), when="score > 7", route="hot"),
        Edge(rate, desk, when="score > 3"),
        (desk, "close"),
        (desk, "log"),
    ]
    return Graph(edges, nodes=[fetch, small("close"), small("log")], name="By hand")


def by_hand_in_between() -> Pipeline:
    """Graphs between stages, in a branch, and at the end, where a run may stop short of the last node."""
    a, b, c, d = map(small, "abcd")
    gate = "urgency > 7 and customer.tier in ['gold', 'silver']"
    asked = [
        Edge(small("ask"), small("call"), when=gate, route="urgent"),
        Edge("ask", small("mail"), when=lambda v: True),
    ]
    first = [small("x"), small("y")] >> Graph([(a, c), (b, c), (b, d)]) >> [Graph(asked), small("z")]
    last = Graph([(small("m"), small("n") >> [small("o"), small("p")]), Edge("m", small("q"), when="late")])
    return first >> Graph([Edge(small("k"), last, when="open")])


def office() -> Pipeline:
    """Pipelines with names: a stage, a branch, a whole route, one in another, and a graph."""
    fraud = Pipeline(stages=[small("score"), [small("fraud"), small("stock")]], name="Fraud")
    refunds = Pipeline(stages=[Card("Check order", ("Look it up", "Clerk"), gives=["order"]), fraud], name="Refunds")
    legal = Pipeline(stages=[small("read law"), small("advise")], name="Legal desk")
    clean = Pipeline(stages=[small("clean"), Card("Classify", ("Sort it", "Sorter"), gives=["kind"])], name="Clean")
    graph = Graph([(small("m"), small("n")), Edge("m", small("o"), when="late")], name="By hand")
    routes = {
        "refund": Route("kind == 'refund'", refunds),
        "spam": Route("score > 0.9", Pipeline(stages=[small("drop")], name="spam")),
    }
    desk = Router(routes, small("archive"), name="Desk")
    return Pipeline(stages=[clean, [legal, small("note") >> small("file")], desk, graph, small("close")], name="Office")


NASTY = (
    "<script>alert('x')</script>",
    '" onload="x',
    "back\\slash \\N \\G",
    '%%{init: {"theme": "dark"}}%%',
    "two\nlines\r\n",
    "\u202eright to left",
    "مرحبا بالعالم",
    "語" * 40,
    "end",
    "x" * 500,
    "--> A[b](c)",
    "</style><svg/onload=x>",
    "&amp; #35; #quot;",
)


def nasty() -> Pipeline:
    """Names that are something else in one format or another: of nodes, of frames and of routes."""
    routes = {
        name: Route(f"kind == {name!r}", Pipeline(stages=[Card(name, (name, name))], name=name)) for name in NASTY[:5]
    }
    stages = [small(name) for name in NASTY[5:]]
    return Pipeline(
        stages=[Pipeline(stages=stages, name=NASTY[0]), Router(routes, small("rest"), name=NASTY[-2])], name=NASTY[3]
    )


def letters() -> Pipeline:
    """Somebody is asked, and may change the draft; there is a route for each decision."""
    ask = Approval("Release it", ask="Send {draft}?", timeout=timedelta(days=3), edits={"draft": str})
    routes = {
        "yes": Route("release_it == 'approved'", Pipeline([small("send")])),
        "late": Route("release_it == 'expired'", Pipeline([small("remind")])),
    }
    return small("draft") >> ask >> Router(routes, small("shelve"), name="Desk")


class Told(PipelineRunResult):
    """A result whose spans are given."""

    given: list[Span] = []  # noqa: RUF012 - a field

    @property
    def spans(self) -> list[Span]:
        return self.given


def run_of(
    pipeline: Pipeline, failing: str = "", *, routes: Mapping[str, str], index: int = 0, waiting: str = ""
) -> Told:
    """A run as if it had taken these routes and failed or waits at a node: a second for each node, one after the other."""
    graph, began, spans = analyse(pipeline)[0], datetime(2026, 11, 28, tzinfo=UTC), list[Span]()
    reached = {name for name, node in graph.nodes.items() if isinstance(node, Start)}
    for place, name in enumerate(graph.order()):
        node, ways = graph.nodes[name], graph.predecessors(name)
        came = any(edge.source in reached and edge.route in {None, routes.get(edge.source, "default")} for edge in ways)
        came = came and not any(each.status == "failed" for each in spans)
        status = ("failed" if name == failing else "ok") if came else "skipped"
        status = "waiting" if name == waiting else status
        reached |= {name} if came and status == "ok" else set()
        if not isinstance(node, Work | Switch):
            continue
        started = began + timedelta(seconds=place) if came else None
        spans.append(
            Span(
                node=name,
                kind="router" if isinstance(node, Switch) else node.interface.kind,
                status=status,
                started=started,
                ended=started + timedelta(seconds=1 + index / 4) if started else None,
                route=routes.get(name, "default") if isinstance(node, Switch) and came else None,
                usage=UsageMetrics(total_tokens=1200, picodollars=2 * 10**9) if came and place % 3 == 0 else None,
                error=f"ValueError: {NASTY[0]}" if status == "failed" else None,
            )
        )
    return Told(given=spans, index=index)


def runs(pipeline: Pipeline) -> list[Told]:
    """Several runs of the office, one of which failed."""
    taken = [{"Desk": "refund"}, {"Desk": "spam"}, {}, {"Desk": "refund", "after m": "late"}]
    return [run_of(pipeline, "fraud" * (index == 3), routes=each, index=index) for index, each in enumerate(taken)]


def look(node: DrawnNode) -> NodeStyle | None:
    """A rule for how nodes look: routers teal, some steps pink with a hostile note."""
    if node.kind == "router":
        return NodeStyle(hue="teal", note="who decides?")
    return NodeStyle(hue="pink", note=NASTY[0], tooltip='a "tip"') if len(node.name) > 7 else None


GALLERY = {
    make.__name__: make
    for make in (
        newsroom,
        sorting_office,
        nested,
        open_router,
        open_at_the_end,
        hostile,
        empty,
        mistaken,
        marked,
        by_hand,
        by_hand_in_between,
        office,
        letters,
        nasty,
    )
}
