from __future__ import annotations

import re

import pytest

from crewgraph import graph as lowered
from crewgraph.edges import Edge, Graph
from crewgraph.graph import Join, Start, Switch, Work
from crewgraph.node import Interface
from crewgraph.render import encoded, to_dot, to_mermaid, to_text
from crewgraph.render.escape import clean
from crewgraph.render.sketch import END, sketch_of
from crewgraph.router import Route, Router
from crewgraph.syntax import Pipeline
from tests.golden.gallery import GALLERY, HOSTILE, Card, newsroom, small


def graph_of(pipeline):
    from crewgraph.compiler import analyse

    return analyse(pipeline)[0]


def by_hand():
    switch = Switch("s", None, (), {})
    work = [Work(name, name, None, Interface("step")) for name in ("a", "b", "c")]
    edges = [
        lowered.Edge("start", "a"),
        lowered.Edge("start", "b"),
        lowered.Edge("a", "join"),
        lowered.Edge("b", "join"),
        lowered.Edge("join", "c"),
    ]
    return lowered.Graph([Start("start"), *work, Join("join"), switch], edges)


def test_joins_and_merges_with_one_way_out_are_not_drawn():
    """The lines into them lead straight to what follows."""
    sketch = sketch_of(graph_of(newsroom()))
    assert ("Clarify", "Publish") in {(line.source, line.target) for line in sketch.lines}
    assert not {"join", "merge"} & set(sketch.boxes.nodes())


def test_a_join_before_a_parallel_stage_is_a_point():
    """Otherwise each of its branches would be connected with each branch after it."""
    pipeline = Pipeline(stages=[[small("a"), small("b")], [small("c"), small("d")]])
    lines = {(line.source, line.target) for line in sketch_of(graph_of(pipeline)).lines}
    assert {("a", "join"), ("b", "join"), ("join", "c"), ("join", "d")} <= lines


def test_a_point_leads_into_routers_and_chains_too():
    """Whatever the branches of the stage after it begin with."""
    router = Router({"r": Route("x", small("c"))}, small("d"), name="choose")
    after = [router, Pipeline(stages=[Pipeline(stages=[]), [small("e"), small("f")]])]
    lines = {
        (line.source, line.target)
        for line in sketch_of(graph_of(Pipeline(stages=[[small("a"), small("b")], after]))).lines
    }
    assert {("join", "choose"), ("join", "e"), ("join", "f")} <= lines


def test_every_end_leads_to_the_result():
    """The branches of a final stage all do."""
    lines = sketch_of(graph_of(small("a") >> [small("b"), small("c")])).lines
    assert [line.source for line in lines if line.target == END] == ["b", "c"]


def test_keys_handed_over_stand_on_the_line():
    """Where a node says what it gives; not on each of many lines."""
    few = sketch_of(graph_of(Pipeline(stages=[Card("a", gives=["x", "y"]), [small("b"), small("c")]]))).lines
    many = sketch_of(graph_of(Pipeline(stages=[Card("a", gives=["x"]), [small(f"s{n}") for n in range(9)]]))).lines
    assert [line.label for line in few if line.source == "a"] == ["x, y", "x, y"]
    assert {line.label for line in many} == {""}


def test_many_keys_are_counted():
    """As many as fit are written out, and at least one."""
    keys = ["category", "urgency", "language", "customer", "mood"]
    lines = sketch_of(graph_of(Pipeline(stages=[Card("a", gives=keys), Card("b", gives=["k" * 99, "x"])]))).lines
    assert lines[1].label == "category, urgency, language, + 2"
    assert lines[2].label == f"{'k' * 29}…, + 1"


def test_routes_are_numbered_in_the_order_in_which_they_are_tried():
    """Graphviz may reorder them; the fallback is called else."""
    labels = [line.label for line in sketch_of(graph_of(newsroom())).lines if line.route]
    assert labels == ["1 · risk.score < 0.3", "2 · risk.score < 0.7", "3 · 'legal' in risk.flags", "else"]


def test_the_fourth_route_begins_with_the_first_hue_again():
    """Three hues in turn, slate for the fallback."""
    routes = {f"r{number}": Route("x", small(f"s{number}")) for number in range(4)}
    lines = sketch_of(graph_of(Pipeline(stages=[Router(routes, small("d"))]))).lines
    hues = [line.hue.name for line in lines if line.hue]
    assert hues == ["green", "amber", "violet", "green", "slate"]


def test_a_graph_without_a_shape_is_drawn_flat():
    """Graphs that were built by hand have nodes and edges only."""
    graph = by_hand()
    assert all(f'id="n-{name}"' in to_dot(graph) for name in "abc")
    assert "<b>c</b>" in to_mermaid(graph)
    assert to_text(graph) == "pipeline\n├─ a  (step)\n├─ b  (step)\n├─ c  (step)\n└─ s\n"


def test_a_task_list_is_cut():
    """Six tasks are shown, the rest is counted."""
    graph = graph_of(Pipeline(stages=[Card("big", *[(f"task {number}", "") for number in range(8)])]))
    for picture in (to_dot(graph), to_text(graph)):
        assert "task 5" in picture
        assert "task 6" not in picture
        assert "+ 2 more" in picture


def test_a_router_with_long_conditions_is_a_table():
    """Left to right, one row for each; chips of this length would cross each other."""
    source = GALLERY["sorting_office"]().to_dot()
    assert "first match" in source
    assert 'tailport="r2:e"' in source
    assert "shape=diamond" in GALLERY["sorting_office"]().to_dot(orientation="TB")


@pytest.mark.parametrize("draw", [to_dot, to_mermaid])
def test_an_unknown_orientation_is_refused(draw):
    """A typing mistake is no picture."""
    with pytest.raises(ValueError, match='"LR" or "TB", not \'BT\''):
        draw(graph_of(newsroom()), orientation="BT")


@pytest.mark.parametrize("kind", ["dot", "mermaid", "text"])
def test_hostile_names_do_not_get_through(kind):
    """No markup, terminal code or direction mark of a name is in any picture."""
    picture = encoded(graph_of(GALLERY["hostile"]()), kind).decode()
    assert "\x1b" not in picture
    assert "\u202e" not in picture
    if kind != "text":
        assert '"x"</b>' not in picture
    else:
        assert clean(HOSTILE)[:40] in picture


@pytest.mark.parametrize("kind", ["dot", "mermaid", "text"])
def test_the_same_pipeline_is_the_same_picture(kind):
    """Bytes depend on nothing but the pipeline."""
    assert encoded(graph_of(newsroom()), kind) == encoded(graph_of(newsroom()), kind)


@pytest.mark.parametrize("kind", ["dot", "mermaid", "text"])
def test_a_thousand_nodes_and_deep_nesting_are_drawn(kind):
    """Neither recursion nor time gets in the way."""
    stage = Pipeline(stages=[small("core")])
    for level in range(45):
        stage = Pipeline(stages=[small(f"l{level}"), Router({"r": Route("x", stage)}, small("d"))])
    wide = Pipeline(stages=[[small(f"a{number}") for number in range(450)] for _ in range(2)])
    picture = encoded(graph_of(Pipeline(stages=[stage, wide])), kind).decode()
    assert picture.count("core") >= 1
    assert "a449" in picture


def test_points_into_and_out_of_the_nodes_of_a_graph():
    """Where a router or stages stand before several nodes, their lines meet in a point; nothing else is one."""
    a, b, c, d = map(small, "abcd")
    desk = Router({"r": Route("x", small("r"))}, small("e"), name="desk")
    for graph in (Graph([(a, desk, c), (desk, d), (b, d)]), [a, b] >> Graph([(c, desk), (d, desk)])):
        sketch = sketch_of(graph_of(graph))
        drawn = {*sketch.boxes.nodes(), "start", END}
        assert {name for line in sketch.lines for name in (line.source, line.target)} == drawn
        points = [name for name in drawn if name.startswith(("join", "merge"))]
        assert len(points) == 1


def test_nodes_of_a_graph_are_not_lined_up():
    """A node may lead to two of which one leads to the other."""
    a, b, c = map(small, "abc")
    source = Graph([(a, b), (a, c), (b, c)]).to_dot()
    assert "rank=same" not in source
    assert "rank=same" in Graph([(a, c), (b, c)]).to_dot()


def test_conditional_edges_are_lines_of_their_own():
    """Numbered as they are tried, each with an id of its own; a line tells where a run may end."""
    a, b, c = map(small, "abc")
    graph = Graph([Edge(a, b, when="n > 7", route="x"), Edge(a, c, when="n > 3"), Edge(a, b, when="n > 2", route="y")])
    lines = [(line.source, line.label, line.target) for line in sketch_of(graph_of(graph)).lines if line.route]
    assert lines == [
        ("after a", "1 · n > 7", "b"),
        ("after a", "3 · n > 2", "b"),
        ("after a", "2 · n > 3", "c"),
        ("after a", "else", END),
    ]
    ids = re.findall(r'id="?(e-[^" \]]+)', graph.to_dot())
    assert len(ids) == len(set(ids)) == 8
    beside = Graph([Edge(a, b, when="n > 7"), (a, c)])
    assert not [line for line in sketch_of(graph_of(beside)).lines if line.label == "else"]


def test_a_graph_in_a_tree_of_text():
    """What follows a node stands behind it."""
    a, b, c = map(small, "abc")
    inner = Graph([Edge(a, b, when="n > 7", route="x"), Edge(a, c >> small("d"), otherwise=True)])
    assert to_text(graph_of(small("s") >> inner)).splitlines() == [
        "pipeline",
        "├─ s  (step)",
        "└─ graph · 4",
        "   ├─ a  (step) → after a",
        "   ├─ ◆ after a  (router)",
        "   │  ├─ 1 · n > 7 → b",
        "   │  └─ else → c",
        "   ├─ b  (step)",
        "   └─ pipeline",
        "      ├─ c  (step)",
        "      └─ d  (step)",
    ]


LABEL = re.compile(r"(?:[^\W_]|[ ,·…›–→✓✗⚠◆]|(?<=\w)[-._](?=\w)|#\d+;|</?(?:b|i|small)>|<br/>|\W(?<![!-~]))*")
"""What a quoted label may hold: letters, a few signs, entities by number, and the elements that we write."""


@pytest.mark.parametrize("name", GALLERY)
def test_mermaid_reads_labels_as_texts(name):
    """Quoted labels hold entities for whatever means something there; every line is of a few forms."""
    from tests.golden.gallery import look

    drawn = GALLERY[name]().to_mermaid(style=look)
    forms = [
        r'title: "(?:[^"\\]|\\U[0-9a-f]{8})*"',
        r"---|flowchart LR|end|",
        r'n\d+(?:\["(.*)"\]|\[\["(.*)"\]\]|\{"(.*)"\}|\(\["(.*)"\]\)|\(\("(.*)"\)\)):::\w+',
        r'subgraph b\d+\["(.*)"\]',
        r'n\d+ (?:-->|-\.->)(?:\|"(.*)"\|)? n\d+',
        r"class [nb]\d+ \w+",
        r"classDef \w+ [\w:#,. -]+",
        r"linkStyle \d+ [\w:#,. -]+",
    ]
    for line in drawn.split("\n"):
        found = next((found for form in forms if (found := re.fullmatch(form, line.strip()))), None)
        assert found, line
        for label in filter(None, found.groups()):
            assert LABEL.fullmatch(label), label
