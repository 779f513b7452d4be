"""How deep a picture goes: which boxes are closed, and what becomes of the lines into them."""

from __future__ import annotations

from typing import Any

import pytest

from crewgraph.compiler import analyse
from crewgraph.render.closing import card_of, sketched, told
from crewgraph.render.sketch import END, Box, Sketch
from crewgraph.syntax import Pipeline
from tests.golden.gallery import Card, nested, office, open_router, small


def sketch(pipeline: Pipeline, depth: int | None) -> Sketch:
    return sketched(analyse(pipeline)[0], depth)


def named(drawn: Sketch) -> dict[str, str]:
    """The names of cards, by what stands on them."""
    return {box.title: name for name, box in drawn.closed.items()}


def lines(drawn: Sketch) -> list[tuple[str, str, str]]:
    called = {name: box.title for name, box in drawn.closed.items()}
    return [
        (called.get(line.source, line.source), line.label, called.get(line.target, line.target)) for line in drawn.lines
    ]


def titles(box: Box) -> list[str]:
    return [title for item in box.items if isinstance(item, Box) for title in (item.title, *titles(item))]


def test_nothing_is_closed_unless_wanted() -> None:
    """Or where nothing is nested so deep."""
    graph = analyse(office())[0]
    assert not sketched(graph).closed
    assert not sketched(graph, 9).closed
    assert titles(sketched(graph, 9).boxes) == titles(sketched(graph).boxes)


def test_a_level_is_a_frame() -> None:
    """A parallel stage, a route, a pipeline with a name; one that is a whole route shares its frame."""
    assert list(named(sketch(office(), 0))) == [
        "Clean",
        "parallel · 2",
        "refund · Refunds",
        "spam",
        "default",
        "By hand",
    ]
    assert list(named(sketch(office(), 1))) == ["Legal desk", "Fraud"]
    assert list(named(sketch(office(), 2))) == ["parallel · 2"]


def test_lines_lead_to_the_card() -> None:
    """Those that are the same then are one, with all keys that are handed over; those within are gone."""
    assert lines(sketch(office(), 0)) == [
        ("start", "", "Clean"),
        ("Clean", "kind", "parallel · 2"),
        ("parallel · 2", "", "Desk"),
        ("Desk", "1 · kind == 'refund'", "refund · Refunds"),
        ("Desk", "2 · score > 0.9", "spam"),
        ("Desk", "else", "default"),
        ("refund · Refunds", "", "By hand"),
        ("spam", "", "By hand"),
        ("default", "", "By hand"),
        ("By hand", "", "close"),
        ("close", "", END),
    ]


def test_what_several_hand_over_stands_on_their_line() -> None:
    """Each key once."""
    branches = [Card("a", gives=["x", "y"]), Card("b", gives=["y", "z"]), small("c")]
    (line,) = (line for line in sketch(Pipeline(stages=[branches, small("d")]), 0).lines if line.target == "d")
    assert line.label == "x, y, z"


def test_points_with_one_way_out_are_passed() -> None:
    """A run went along the line if it went along both its legs."""
    pipeline = Pipeline(stages=[[small("a"), small("b")], [small("c"), small("d")]])
    drawn = sketch(pipeline, 0)
    assert lines(drawn) == [
        ("start", "", "parallel · 2"),
        ("parallel · 2", "", "parallel · 2"),
        ("parallel · 2", "", END),
    ]
    legs = [[(line.source, line.target) for line in leg] for leg in drawn.lines[1].legs]
    assert legs == [[("a", "join"), ("b", "join")], [("join", "c"), ("join", "d")]]
    assert "join" not in drawn.boxes.nodes()
    assert "join" in sketch(pipeline, 1).boxes.nodes()


def test_what_an_open_router_chooses_stays() -> None:
    """Its card is no frame."""
    assert ("Open", "", "\0Open") in lines(sketch(open_router(), 0))


def test_what_is_in_a_card() -> None:
    """The name of a single node, or how many there are; routers count."""
    drawn = sketch(nested(), 0)
    assert [told(drawn.graph, box) for box in drawn.closed.values()] == ["10 nodes", "2 nodes"]
    names = named(sketch(office(), 0))
    assert names["spam"] == card_of("Desk\0spam")
    assert told(analyse(office())[0], sketch(office(), 0).closed[names["spam"]]) == "drop"


@pytest.mark.parametrize("depth", [-1, 1.5, "1", True])
def test_a_depth_that_is_none_is_refused(depth: Any) -> None:
    """In every format, with what it may be."""
    for draw in (office().to_svg, office().to_dot, office().to_mermaid, office().to_text):
        with pytest.raises(ValueError, match="depth is a whole number from 0 on, or None for everything, not"):
            draw(depth=depth)


def test_a_name_without_letters_is_none() -> None:
    """Such a pipeline has no frame."""
    assert titles(sketch(Pipeline(stages=[small("a"), Pipeline(stages=[small("b")], name=" \0")]), None).boxes) == []
