"""What is kept of measurements, what becomes of the goals, and the page that is written of it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from bench import chart
from bench.chart import Mark, Row, Scale
from bench.figures import Figures, rounded, stamp
from bench.goals import GOALS, Goal, judged
from bench.page import PAGE, PICTURES, drawn, ratio_table, table, text, write

STAMP = {
    "date": "2026-11-28",
    "cpu": "a processor",
    "cores": 2,
    "python": "CPython 3.11.7",
    "load": 0.5,
    "commit": "abc",
}


def ours(work="w1", peer="crewgraph-observed", ratio=6.0, **more):
    return {"work": work, "peer": peer, "ratio": ratio, "low": 5.0, "high": 7.0, "by_hand_us": 2.5, **more}


@pytest.fixture
def figures():
    """Something of everything."""
    made = Figures()
    made.put("ours", [ours(), ours(peer="asyncio", ratio=1.0), ours("w7", whole_s=0.1, to_ideal=1.25)], STAMP)
    failed = {"work": "w1", "peer": "crewai", "failed": "too slow"}
    made.put("peers", [ours(peer="burr", ratio=19.5, version="0.43.0"), failed], STAMP)
    sizes = [(10_000, 1.0), (100_000, 30.0)]
    made.put(
        "growth",
        [
            {"shape": "chain", "size": size, "build": 0.1, "compile": s, "check": s / 2, "mb": 1_234}
            for size, s in sizes
        ],
        STAMP,
    )
    made.put("memory", [{"inputs": 100_000, "mb": 70.0}, {"inputs": 1_000, "mb": 62.5}], STAMP)
    shares = {"modules": {"frontier": 0.75}, "shares": {"frontier › step": 0.5, "frontier › done": 0.25}}
    made.put("profile", [{"work": "w1", "told": "chain of 10, one run at a time", "looks": 3, **shares}], STAMP)
    calls = {"litellm by itself": 3.0, "litellm, asked": 3.6, "direct/, asked": 0.5}
    made.put(
        "model",
        [{"part": "calls_500", "way": way, "cpu_ms": ms, "added_ms": ms - 3.0} for way, ms in calls.items()],
        STAMP,
    )
    return made


# ---- keeping ---------------------------------------------------------------------------------------------------


def test_what_is_saved_is_read_again(tmp_path, figures):
    """With four digits of each fraction."""
    figures.save(tmp_path / "figures.json")
    assert Figures.read(tmp_path / "figures.json").sections == rounded(figures.sections)
    assert Figures.read(tmp_path / "none.json").sections == {}
    assert rounded({"a": [1.23456, 12345.678, 7]}) == {"a": [1.235, 12350.0, 7]}


def test_a_part_can_be_measured_again(figures):
    """What has the same keys is replaced, and the rest stays."""
    figures.put("ours", [ours(ratio=3.0)], STAMP, "work", "peer")
    assert figures.line("ours", work="w1", peer="crewgraph-observed")["ratio"] == 3.0
    assert figures.line("ours", work="w7") is not None
    figures.put("ours", [], STAMP)
    assert figures.lines("ours") == []


def test_a_section_says_when_and_where(figures):
    """Figures of two machines, or of two commits, are told apart, and how busy a machine was is told."""
    assert figures.stamp("memory") == "2026-11-28, a processor, 2 cores, CPython 3.11.7, commit abc, load 0.5 to 0.5"
    figures.put("memory", [{"inputs": 7}, {"inputs": 1_000}], {**STAMP, "load": 1.5}, "inputs")
    figures.put("memory", [{"inputs": 1_000}], {**STAMP, "commit": "def"}, "inputs")
    assert re.findall("commit .*?, load [^;]*", figures.stamp("memory")) == [
        "commit abc, load 0.5 to 1.5",
        "commit def, load 0.5 to 0.5",
    ]
    assert stamp().keys() >= STAMP.keys()


# ---- goals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "value", "is_least", "expected"),
    [
        (3.0, 3.0, False, (True, "0%")),
        (2.0, 3.0, False, (False, "50%")),
        (2.0, 9.0, False, (False, "a factor of 4.50")),
        (5.0, 4.0, True, (False, "25%")),
        (5.0, 6.0, True, (True, "-17%")),
    ],
)
def test_a_goal_says_by_how_much_it_is_missed(limit, value, is_least, expected):
    """As a share, or as a factor where that says more."""
    found = judged(Goal("", limit, lambda _: value, is_least=is_least), Figures())
    assert found[1:] == expected


def test_goals_find_their_figures(figures):
    """Each by its section; what was not measured has none."""
    found = {goal.told: judged(goal, figures) for goal in GOALS}
    values = {told: verdict.value for told, verdict in found.items() if verdict is not None}
    assert list(values.values()) == pytest.approx([6.0, 1.25, 7.5, 1.0, 30.0, 30.0, 0.6, 6.0])
    assert len(values) < len(GOALS)
    assert all(judged(goal, Figures()) is None for goal in GOALS)


# ---- the page --------------------------------------------------------------------------------------------------


def test_the_page_is_what_is_kept():
    """The page and its pictures are those of bench/figures.json; ``python -m bench page`` writes them anew."""
    kept = Figures.read()
    assert PAGE.read_text(encoding="utf-8") == text(kept)
    pictures = {path.name: path.read_text(encoding="utf-8") for path in PICTURES.glob("figures-*.svg")}
    assert pictures == drawn(kept)


def test_the_table_ranks_who_was_measured(figures):
    """Ours first, then others by what a chain takes them; what failed says so."""
    lines = ratio_table(figures).splitlines()
    assert lines[0] == "|  | W1 |"
    assert lines[2:] == [
        "| asyncio by hand, µs | 2.5 |",
        "| crewgraph, observed | 6.00 (5.00–7.00) |",
        "| Burr 0.43.0 | 19.5 (5.00–7.00) |",
        "| crewAI Flow | too slow |",
    ]


def test_the_page_says_what_was_missed(figures, tmp_path):
    """And by how much, and shows where the time goes."""
    write(figures, tmp_path / "figures.md", tmp_path)
    page = (tmp_path / "figures.md").read_text(encoding="utf-8")
    assert "| ≤ 3× | 6.00× | **missed** by a factor of 2.00 |" in page
    assert "| ≤ 30 MB | 7.50 MB | met |" in page
    assert "| – | not measured |" in page
    assert "| frontier | 75% | frontier › step | 50% |\n|  |  | frontier › done | 25% |" in page
    assert {path.name for path in tmp_path.glob("*.svg")} == {"figures-ratios.svg", "figures-growth.svg"}


def test_a_page_of_nothing_has_its_goals():
    """None of which was measured."""
    page = text(Figures())
    assert page.count("not measured") == len(GOALS)
    assert re.findall("^## (.*)$", page, re.MULTILINE) == ["Goals"]


def test_a_table_is_markdown():
    """One line for each row."""
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


# ---- pictures --------------------------------------------------------------------------------------------------


def test_an_axis_is_logarithmic():
    """Each power of ten is as far from the next."""
    scale = Scale(1.0, 100.0, 0.0, 200.0)
    assert [scale.at(value) for value in (1, 10, 100)] == [0.0, 100.0, 200.0]
    assert list(scale.ticks()) == [1.0, 10.0, 100.0]


def test_bars_are_as_long_as_their_numbers():
    """Names are escaped, a missing value has no bar, and none is shorter than can be seen."""
    rows = [Row("<us>", [10.0, 100.0], is_ours=True), Row("them", [None, 0.5])]
    picture = chart.bars("title", ["one", "two"], rows, Mark(3.0, "goal"))
    every = [
        node for node in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}rect") if node.get("height") == "9"
    ]
    widths = [float(node.get("width")) for node in every]
    assert len(widths) == 3
    assert (widths[1], widths[2]) == (2 * widths[0], 2.0)
    assert "&lt;us&gt;" in picture
    assert "10.0×" in picture
    assert "prefers-color-scheme: dark" in picture


def test_every_line_of_the_page_has_a_colour():
    """On a light page and on a dark one."""
    picture = (PICTURES / "figures-growth.svg").read_text(encoding="utf-8")
    drawn = set(re.findall(r'class="(?:line )?((?:line|dot)\d+)"', picture))
    assert len(drawn) > 2
    assert all(picture.count(f".{each} {{") == 2 for each in drawn)


def test_what_grows_with_its_size_is_a_straight_line():
    """On two logarithmic axes, with the same step to each point."""
    picture = chart.lines("title", {"check": [(10, 1), (100, 10), (1000, 100)]}, [(100, Mark(20.0, "goal"))])
    points = [tuple(map(float, point.split(","))) for point in re.search('points="([^"]+)"', picture)[1].split()]
    (x0, y0), (x1, y1), (x2, y2) = points
    assert (x2 - x1, y2 - y1) == pytest.approx((x1 - x0, y1 - y0), abs=0.2)
    ET.fromstring(picture)


@pytest.mark.parametrize(("value", "told"), [(0.5, "0.50"), (12.34, "12.3"), (1234.5, "1,234")])
def test_numbers_are_short(value, told):
    """No more digits than say something."""
    assert chart.short(value) == told
