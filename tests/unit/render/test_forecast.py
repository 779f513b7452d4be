"""A plan as HTML, for notebooks."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from crewgraph.crew import Agent, Crew, Task
from crewgraph.forecast import Forecast, ForecastRow
from crewgraph.outlook import ZERO, Load, Range
from crewgraph.render.forecast import MAX_ROWS
from crewgraph.router import Route, Router
from crewgraph.syntax import Pipeline

HOSTILE = "<script>alert('x')</script> \x1b[31mred\x1b[0m \u202eevil " + "x" * 500


def crew(name: str) -> Crew:
    return Crew(name=name, agents=[Agent(role="r")], tasks=[Task(description="{n}")], llm="offline")


def text_of(html: str) -> str:
    return " ".join(" ".join(ET.fromstring(html.replace("<br/>", " ")).itertext()).split())


def row(name: str, kind: str = "crew", **fields: object) -> ForecastRow:
    load = fields.pop("load", Load(calls=Range(1, 2, 3)))
    return ForecastRow(name=name, kind=kind, runs=ZERO, load=load, **fields)  # type: ignore[arg-type]


def test_a_plan() -> None:
    """Headings, a row for each node and route, the total, and what it rests on."""
    pipeline = Pipeline([crew("read"), Router({"big": Route("n > 9", crew("large"))}, crew("small"), name="size")])
    html = pipeline.plan([{"n": 1}, {"n": 12}])._repr_html_()
    told = text_of(html)
    assert told.startswith(
        "2 inputs · planned, nothing has been called calls prompt tokens answer tokens USD time read "
    )
    assert " size route 'big' 1 " in told
    assert " total " in told
    assert html.count("<tr") == 1 + 6 + 1
    assert "<li>" in html
    assert "offline" in told


def test_low_and_high_stand_below_what_is_expected() -> None:
    """Where they differ; a figure that is known stands alone."""
    html = Forecast(inputs=1, rows=(row("read"),), total=row("total", "total"))._repr_html_()
    assert "1 – 3" in html
    assert "(1 – 3)" not in html
    assert text_of(html).startswith("1 input · planned, nothing has been called")
    assert "read 2 1 – 3 0 0 $0.00 0 s" in text_of(html)
    assert "<ul" not in html


def test_names_may_hold_anything() -> None:
    """Markup, codes and marks of direction stay text, and what is long is cut."""
    rows = (row(HOSTILE, models=(HOSTILE,) * 9, depth=10**6), row(HOSTILE, "route"))
    html = Forecast(inputs=1, rows=rows, total=row("total", "total"), assumptions=(HOSTILE,))._repr_html_()
    assert "<script" not in html
    assert "\u202e" not in html
    assert text_of(html).count("alert('x')") == 1 + 3 + 1 + 1


def test_many_rows() -> None:
    """Are shown as far as they can be looked at, and the total all the same."""
    rows = tuple(row(f"n{number}") for number in range(MAX_ROWS + 5))
    html = Forecast(inputs=1, rows=rows, total=row("total", "total"))._repr_html_()
    assert html.count("<tr") == 1 + MAX_ROWS + 1
    assert "… and 5 more" in text_of(html)
