"""SVG pictures: nothing lies upon anything else, whatever is drawn; texts are escaped; the same bytes every time."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import cache
from itertools import combinations, pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from crewgraph.compiler import analyse
from crewgraph.edges import Graph
from crewgraph.render.layout import BROAD
from crewgraph.render.metrics import mono_width, text_width
from crewgraph.render.ranks import Slot, order, ranked, spread
from crewgraph.render.rows import LONG, cuts
from crewgraph.render.scene import scene_of
from crewgraph.render.sketch import Box
from crewgraph.render.svg import MANY, _Drawing, to_svg
from crewgraph.router import Route, Router
from crewgraph.syntax import Pipeline
from tests.golden.gallery import GALLERY, HOSTILE, Card, hostile, marked, newsroom, small

NAMESPACE = "{http://www.w3.org/2000/svg}"
Rect = tuple[float, float, float, float]
NEAR = 0.5
"""Pixels by which things may seem to touch for rounding."""


def tangled(seed: int, size: int = 40) -> Pipeline:
    """A graph by hand in which lines lead over many ranks."""
    draw, nodes = random.Random(seed), [small(f"n{number}") for number in range(size)]
    edges: list[Any] = [(nodes[draw.randrange(max(0, place - 9), place)], nodes[place]) for place in range(1, size)]
    edges += [(nodes[one], nodes[other]) for one, other in sorted(draw.sample(range(size), 2) for _ in range(size))]
    return Graph(list(dict.fromkeys(edges)), nodes=nodes)


def deep(levels: int) -> Pipeline:
    inner: Any = small("end")
    for level in range(levels):
        routes = {"in": Route("a == 'a rather long value'", inner), "out": Route("b", Pipeline(stages=[]))}
        inner = Pipeline(
            stages=[Card(f"before {level}", ("t", "a"), gives=["key"]), Router(routes, small(f"o{level}"))]
        )
    return inner


def chain(length: int) -> Pipeline:
    """So long that it is broken into rows; keys stand on some lines, so on some of those that go back."""
    stages = [Card(f"c{place}", gives=["key"]) if place % 3 == 0 else small(f"s{place}") for place in range(length)]
    return Pipeline(stages=stages, name="Chain")


def long_parts() -> Pipeline:
    """Rows in a frame: its lines come from outside, and three lead back to one node of the next row."""
    routes = [
        Router({f"r{n}": Route("x", small(f"a{n}")), f"s{n}": Route("y", small(f"b{n}"))}, small(f"d{n}"), name=f"R{n}")
        for n in range(30)
    ]
    inner = Pipeline(stages=[[small("x"), small("y")], *routes, [small("p"), small("q")]], name="Long")
    arm = Router({"long": Route("long", inner)}, small("short"), name="Length")
    return Pipeline(stages=[[small("k"), Pipeline(stages=[arm, small("l")])], small("z")])


def long_graph() -> Pipeline:
    """A graph by hand in rows: edges lead over some ranks, and so from one row past another."""
    nodes = [small(f"n{number}") for number in range(70)]
    edges: list[Any] = [*pairwise(nodes), *((nodes[place], nodes[place + 9]) for place in range(0, 60, 6))]
    return Graph([*edges, (nodes[2], nodes[66]), (nodes[3], nodes[66])], nodes=nodes)


def entangled(size: int) -> Pipeline:
    """A long graph by hand in which there is no good place to end a row."""
    nodes = [small(f"n{number}") for number in range(size)]
    far = [(nodes[place], nodes[place + 20]) for place in range(size - 20)]
    return Graph([*pairwise(nodes), *far], nodes=nodes)


def fan(width: int, *, gives: str = "") -> Pipeline:
    """A parallel stage that is a grid; some branches are several nodes, and one is a stage of its own."""
    keys = [gives] if gives else []
    branches: list[Any] = [Card(f"b{place}", gives=keys) for place in range(width)]
    branches[3] = Pipeline(stages=[small("one"), Card("two", ("t", "a"), gives=keys)])
    branches[5] = Pipeline(stages=[small("three"), [small("four"), Card("five", gives=keys)]])
    return Pipeline(stages=[small("split"), branches, small("join")])


def wide_route() -> Pipeline:
    """A route that is a wide parallel stage: as each line into it has its condition on it, it is no grid."""
    wide = Pipeline(stages=[[small(f"b{place}") for place in range(60)]])
    return Pipeline(stages=[Router({"r": Route("a > 1", wide)}, small("d"))])


def mixed(count: int) -> Pipeline:
    """A long series of everything."""
    stages = list[Any]()
    for n in range(count):
        router = Router({"r": Route("x > 1", small(f"w{n}"))}, small(f"z{n}"), name=f"R{n}")
        part = Pipeline(stages=[small(f"u{n}"), small(f"v{n}"), router], name=f"Part {n}")
        stages += [Card(f"c{n}", ("t", "a"), gives=["x"]), [small(f"l{n}"), small(f"m{n}") >> small(f"n{n}")], part]
    return Pipeline(stages=stages)


def grown(seed: int, levels: int = 2) -> Pipeline:
    """A random pipeline: stages, branches and routes, with names and without."""
    draw, count = random.Random(seed), iter(range(10**6))

    def node() -> Any:
        number = next(count)
        return Card(f"c{number}", ("t", "a"), gives=["key"]) if draw.random() < 0.3 else small(f"s{number}")

    def part(level: int) -> Any:
        kind = draw.choice(["node", "node", "router", "pipeline", "pipeline"] if level else ["node"])
        if kind == "router":
            routes = {f"r{place}": Route(f"n > {place}", grow(level - 1)) for place in range(draw.randint(1, 3))}
            return Router(routes, grow(level - 1), name=f"R{next(count)}")
        return grow(level - 1) if kind == "pipeline" else node()

    def grow(level: int) -> Pipeline:
        stages = [
            [part(level) for _ in range(draw.randint(2, 4))] if draw.random() < 0.4 else part(level)
            for _ in range(draw.randint(1, 4))
        ]
        return Pipeline(stages=stages, name=f"P{next(count)}" if draw.random() < 0.5 else None)

    return grow(levels)


DRAWN = {
    **GALLERY,
    **{f"tangled{seed}": (lambda seed=seed: tangled(seed)) for seed in range(4)},
    **{f"grown{seed}": (lambda seed=seed: grown(seed)) for seed in range(6)},
    "deep": lambda: deep(6),
    "chain": lambda: chain(75),
    "long_parts": long_parts,
    "long_graph": long_graph,
    "entangled": lambda: entangled(60),
    "fan": lambda: fan(70),
    "fan_with_keys": lambda: fan(70, gives="key"),
    "wide_route": wide_route,
}
CLOSED = {
    **{f"office@{depth}": ("office", depth) for depth in (0, 1, 2)},
    **{f"grown{seed}@{depth}": (f"grown{seed}", depth) for seed in range(6) for depth in (0, 2)},
    "nested@0": ("nested", 0),
    "deep@3": ("deep", 3),
    "by_hand@0": ("by_hand", 0),
    "long_parts@1": ("long_parts", 1),
}
"""Pictures of which only so many boxes within boxes are open."""


@cache  # laid out once for all that is asked of it: this takes most of the time, and nobody writes on it
def drawing(name: str, orientation: Any) -> _Drawing:
    name, depth = CLOSED.get(name, (name, None))
    return _Drawing(scene_of(analyse(DRAWN[name]())[0], depth=depth), orientation)


def node_rects(drawn: _Drawing) -> dict[str, Rect]:
    rects = dict[str, Rect]()
    for name, glyph in drawn.glyphs.items():
        x, y = drawn.turned(drawn.layout.nodes[name])
        rects[name] = x, y, x + glyph.width, y + glyph.height
    return rects


def box_rects(drawn: _Drawing) -> dict[str, Rect]:
    rects = dict[str, Rect]()
    for key, (corner, size) in drawn.layout.boxes.items():
        (x, y), (width, height) = drawn.turned(corner), drawn.turned(size)
        rects[key] = x, y, x + width, y + height
    return rects


def label_rects(drawn: _Drawing) -> list[Rect]:
    rects = list[Rect]()
    for number, middle in drawn.layout.labels.items():
        x, y = drawn.turned(middle)
        width = mono_width(drawn.sketch.lines[number].label, 9.5) + 12
        rects.append((x - width / 2, y - 9, x + width / 2, y + 9))
    return rects


def overlap(one: Rect, other: Rect) -> bool:
    across = min(one[2], other[2]) - max(one[0], other[0]) > NEAR
    return across and min(one[3], other[3]) - max(one[1], other[1]) > NEAR


def boxes_of(box: Box) -> Iterator[Box]:
    for item in box.items:
        if isinstance(item, Box):
            yield item
            yield from boxes_of(item)


every = pytest.mark.parametrize("name", [*DRAWN, *CLOSED])
both = pytest.mark.parametrize("orientation", ["LR", "TB"])


@every
@both
def test_nothing_lies_upon_anything_else(name: str, orientation: Any) -> None:
    """Neither cards, nor labels, nor boxes of which none is in the other."""
    drawn = drawing(name, orientation)
    nodes, boxes, labels = node_rects(drawn), box_rects(drawn), label_rects(drawn)
    flat = [*nodes.values(), *labels]
    assert not [pair for pair in combinations(flat, 2) if overlap(*pair)]
    for box in boxes_of(drawn.root):
        inside = set(box.nodes())
        for node, rect in nodes.items():
            assert overlap(boxes[box.key], rect) is (node in inside), (box.title, node)


@every
@both
def test_lines_go_around_what_is_in_the_way(name: str, orientation: Any) -> None:
    """From the far side of one card to the near side of another, through none between."""
    drawn = drawing(name, orientation)
    rects = {node: (*drawn.turned(rect[:2]), *drawn.turned(rect[2:])) for node, rect in node_rects(drawn).items()}
    for line, points in zip(drawn.sketch.lines, drawn.layout.lines, strict=True):
        source, target = rects[line.source], rects[line.target]
        assert points[0] == pytest.approx((source[2], (source[1] + source[3]) / 2))
        assert points[-1] == pytest.approx((target[0], (target[1] + target[3]) / 2))
        for one, other in pairwise(points):
            assert one[0] <= other[0] + NEAR or one[1] == other[1]  # back between rows, and straight
            (left, right), (top, bottom) = sorted((one[0], other[0])), sorted((one[1], other[1]))
            stretch = (left, top, max(right, left + 2 * NEAR), bottom + 2 * NEAR)
            assert not [node for node, rect in rects.items() if overlap(stretch, rect)]


@every
@both
def test_each_label_is_drawn_once(name: str, orientation: Any) -> None:
    """Of each line that has one."""
    drawn = drawing(name, orientation)
    assert set(drawn.layout.labels) == {number for number, line in enumerate(drawn.sketch.lines) if line.label}


@every
@both
def test_it_is_well_formed_and_by_itself(name: str, orientation: Any) -> None:
    """It is XML of few elements, refers to nothing outside and nothing twice, and everything lies on the canvas."""
    pipeline, depth = DRAWN[CLOSED.get(name, (name, None))[0]](), CLOSED.get(name, (name, None))[1]
    root = ET.fromstring(pipeline.to_svg(orientation=orientation, depth=depth))
    kinds = {element.tag.removeprefix(NAMESPACE) for element in root.iter()}
    assert kinds <= {"svg", "title", "style", "rect", "text", "g", "path", "circle"}
    names = {attribute for element in root.iter() for attribute in element.attrib}
    assert not names & {"href", "src", "onload", "style"}
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    drawn = drawing(name, orientation)
    across, down = drawn.turned(drawn.layout.size)
    assert (across <= width, down <= height) == (True, True)
    assert all(
        rect[0] >= -NEAR and rect[2] <= across + NEAR for rect in [*node_rects(drawn).values(), *label_rects(drawn)]
    )


@pytest.mark.parametrize("name", ["chain", "long_parts", "long_graph"])
@both
def test_what_is_very_long_is_in_rows(name: str, orientation: Any) -> None:
    """And so not much longer than a screen is wide; some lines go back."""
    drawn = drawing(name, orientation)
    assert drawn.layout.size[0] < LONG
    assert any(one[0] > other[0] for points in drawn.layout.lines for one, other in pairwise(points))


def test_where_too_many_lines_would_go_back_no_row_ends() -> None:
    """A graph without a place for it stays as long as it is."""
    assert drawing("entangled", "LR").layout.size[0] > LONG


@pytest.mark.parametrize("name", ["fan", "fan_with_keys"])
@both
def test_what_is_very_broad_is_a_grid(name: str, orientation: Any) -> None:
    """In the order of the text, row by row; lines enter in one place and leave in one."""
    drawn = drawing(name, orientation)
    places = [drawn.layout.nodes[f"b{number}"] for number in range(10, 70)]
    assert drawn.layout.size[1] < BROAD
    assert all(one[0] < other[0] or one[1] < other[1] for one, other in pairwise(places))
    (corner, size) = drawn.layout.boxes["parallel1"]
    into = [
        points for line, points in zip(drawn.sketch.lines, drawn.layout.lines, strict=True) if line.source == "split"
    ]
    assert {points[1] for points in into} == {(corner[0], corner[1] + size[1] / 2)}


def test_lines_of_one_row_to_one_node_go_back_together() -> None:
    """The three routes of a router, as one line; one with keys on it has a track of its own."""
    drawn = drawing("long_parts", "LR")
    back = [
        (line.target, one[1])
        for line, points in zip(drawn.sketch.lines, drawn.layout.lines, strict=True)
        for one, other in pairwise(points)
        if one[0] > other[0]
    ]
    assert len(back) == 3 * len(set(back))


@pytest.mark.parametrize("make", [lambda: chain(1000), lambda: fan(1000), lambda: mixed(100)])
def test_a_thousand_nodes(make: Any) -> None:
    """Are no more than a few screens, in a file that opens."""
    picture = make().to_svg()
    root = ET.fromstring(picture)
    assert max(float(root.attrib["width"]), float(root.attrib["height"])) < 2 * LONG
    assert len(picture) < 1_500_000


def test_routes_stand_in_the_order_of_the_text() -> None:
    """From top to bottom, or from left to right."""
    for orientation, axis in (("LR", 1), ("TB", 0)):
        drawn = drawing("sorting_office", orientation)
        rects = node_rects(drawn)
        places = [rects[name][axis] for name in ("refund", "drop", "sell", "press", "hire", "archive")]
        assert places == sorted(places)


def test_what_follows_alone_stands_in_line() -> None:
    """A chain is one straight line."""
    drawn = _Drawing(scene_of(analyse(Pipeline(stages=[small("a"), Card("b", ("t", "x")), small("c")]))[0]), "LR")
    assert {round(point[1], 6) for points in drawn.layout.lines for point in points} == {drawn.layout.lines[0][0][1]}


def test_hostile_texts_stay_texts() -> None:
    """Markup, terminal codes and marks that turn the reading direction neither act nor show."""
    picture = hostile().to_svg()
    assert "<b>" not in picture
    assert not re.search("[\x00-\x08\x1b\u202e]", picture)
    said = [element.text or "" for element in ET.fromstring(picture).iter(f"{NAMESPACE}text")]
    assert any(text.startswith('<b>"x"</b> & \\N {a|b} red evil') for text in said)
    assert HOSTILE not in picture


def test_themes() -> None:
    """Light or dark, or both for the desktop to choose; the shapes are the same."""
    light, dark, auto = (newsroom().to_svg(theme=theme) for theme in ("light", "dark", "auto"))  # type: ignore[arg-type]
    assert "#fcfcfd" in light
    assert "#0d1117" not in light
    assert "#0d1117" in dark
    assert "#fcfcfd" not in dark
    assert "@media (prefers-color-scheme:dark)" in auto
    assert light.partition("</style>")[2] == dark.partition("</style>")[2] == auto.partition("</style>")[2]
    for theme, picture in (("light", light), ("dark", dark), ("auto", auto)):
        rules = re.findall(
            r"^([^@}\n].*?)\{", picture[picture.index("<style>") + 7 : picture.index("</style>")], re.MULTILINE
        )
        assert all(each.startswith(f".crewgraph-{theme} ") for rule in rules for each in rule.split(","))
        assert f'class="crewgraph-{theme}"' in picture
    with pytest.raises(ValueError, match='a theme is "auto", "light" or "dark", not \'pink\''):
        newsroom().to_svg(theme="pink")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='orientation is "LR" or "TB"'):
        newsroom().to_svg(orientation="RL")  # type: ignore[arg-type]


def test_marks() -> None:
    """What is wrong with a node has a sign, a class and its codes."""
    picture = marked().to_svg()
    assert re.search(r'<g id="n-Intake" class="node crew core wrong".*✗ CG302 CG310', picture)
    assert re.search(r'<g id="n-Plain" class="node crew slate doubtful".*⚠ CG305', picture)
    assert re.search(r'<g id="n-Choose" class="node router core wrong".*✗ CG102', picture)


def test_large_pictures_have_small_cards() -> None:
    """Without tasks."""
    few = Pipeline(stages=[Card(f"c{number}", ("the task", "a")) for number in range(3)])
    many = Pipeline(stages=[Card(f"c{number}", ("the task", "a")) for number in range(MANY)])
    assert "the task" in few.to_svg()
    assert "the task" not in many.to_svg()


def test_the_same_bytes() -> None:
    """However often it is drawn."""
    assert newsroom().to_svg() == newsroom().to_svg()
    assert to_svg(analyse(newsroom())[0]) == newsroom().to_svg()


def test_in_notebooks() -> None:
    """An image and text; a node that cannot describe itself is no error."""

    class Broken(Card):
        def interface(self) -> Any:
            raise RuntimeError

    shown = newsroom()._repr_mimebundle_(include=None, exclude=None)
    assert set(shown) == {"text/plain", "image/svg+xml", "text/html"}
    assert shown["image/svg+xml"] == newsroom().to_svg()
    assert shown["text/html"].startswith('<img style="max-width:100%" alt="a pipeline" src="data:image/svg+xml;base64,')
    assert set(Pipeline(stages=[Broken("x")])._repr_mimebundle_()) == {"text/plain"}


def test_the_text_of_a_picture_shows_itself_in_notebooks() -> None:
    """As the picture; it is text all the same."""
    svg = newsroom().to_svg()
    shown = svg._repr_mimebundle_(include=None, exclude=None)  # type: ignore[attr-defined]
    assert svg == str(svg)
    assert shown["image/svg+xml"] == svg
    assert shown["text/plain"] == f"an SVG of {len(svg):,} characters"
    assert shown["text/html"].startswith("<img ")


# ---- measures --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "width"), [("", 0.0), ("i", 2.22), ("W", 9.44), ("iW", 11.66), ("é", 6.2), ("語", 12.4), ("e\u0301", 5.56)]
)
def test_how_wide_a_text_is(text: str, width: float) -> None:
    """By the widths of Helvetica; others by their columns, accents none."""
    assert text_width(text, 10) == pytest.approx(width)
    assert text_width(text, 10, bold=True) == pytest.approx(1.08 * width)


def test_how_wide_a_monospace_text_is() -> None:
    """All alike."""
    assert mono_width("iiW", 10) == pytest.approx(18.06)


def test_ranks_are_the_longest_ways() -> None:
    """An edge that leads back counts for nothing."""
    assert ranked(4, [(0, 1), (1, 2), (0, 2), (2, 3)]) == [0, 1, 2, 3]
    assert ranked(3, [(0, 1), (1, 2), (2, 0)]) == [0, 1, 2]
    assert ranked(0, []) == []


def test_places_are_as_near_as_the_order_allows() -> None:
    """Those that want the same place stand around it; the others where they want."""
    row = [Slot(0, (0.0, 10.0), "a", 0), Slot(0, (0.0, 10.0), "b", 1), Slot(0, (0.0, 10.0), "c", 2)]
    spread(row, [0.0, 0.0, 100.0], [5.0, 5.0])
    assert [slot.start for slot in row] == [-7.5, 7.5, 100.0]


def test_where_rows_end() -> None:
    """In about equal parts; earlier or later where fewer lines are cut; nowhere where it is not long."""
    even = [100.0] * 100
    assert cuts(even[:60], [1] * 60, across=40, aspect=1.8) == []
    assert cuts(even, [1] * 100, across=40, aspect=1.8) == [25, 50, 75]
    assert cuts(even, [2] * 27 + [1] + [2] * 72, across=40, aspect=1.8)[0] == 28
    assert cuts(even, [99] * 40 + [1] + [99] * 59, across=40, aspect=1.8) == [41]
    assert cuts(even, [99] * 60 + [1] + [99] * 39, across=40, aspect=1.8) == []
    assert cuts(even, [99] * 100, across=40, aspect=1.8) == []


def test_fewer_lines_cross() -> None:
    """A rank follows the one before it."""
    first, second = (
        [Slot(0, (0, 0), "a", 0), Slot(0, (0, 0), "b", 1)],
        [Slot(1, (0, 0), "c", 2), Slot(1, (0, 0), "d", 3)],
    )
    second[0].before.append((first[1], 0))
    second[1].before.append((first[0], 1))
    rows = [first, second]
    order(rows)
    assert [slot.item for slot in rows[1]] == ["d", "c"]
