"""The user's own marks on nodes."""

from __future__ import annotations

from typing import Any

import pytest

from crewgraph import DrawnNode, NodeStyle, RenderError
from crewgraph.render.palette import HUES, faded, named_hue
from crewgraph.render.theme import DARK
from crewgraph.syntax import Pipeline
from tests.golden.gallery import NASTY, Card, look, newsroom, office, small, sorting_office


def test_each_node_is_asked_about_once() -> None:
    """Crews, steps and routers, with their own objects; in the order of the text."""
    asked = list[DrawnNode]()
    card, step = Card("crew"), small("step")
    Pipeline(stages=[card, step]).to_svg(style=asked.append)
    assert [(node.name, node.kind, node.node) for node in asked] == [("crew", "crew", card), ("step", "step", step)]
    office().to_dot(style=asked.append)
    assert ("Desk", "router") in {(node.name, node.kind) for node in asked}


@pytest.mark.parametrize("hue", ["blue", "green", "amber", "violet", "teal", "pink", "slate"])
def test_hues(hue: Any) -> None:
    """Each is drawn in each format that has colours."""
    drawn = Pipeline(stages=[small("a")])
    picked = named_hue(hue)
    assert f'class="node step {picked.name} styled"' in drawn.to_svg(style=lambda _: NodeStyle(hue=hue))
    assert f'BORDER="2" COLOR="{picked.accent}" BGCOLOR="{picked.tint}"' in drawn.to_dot(
        style=lambda _: NodeStyle(hue=hue)
    )
    mermaid = drawn.to_mermaid(style=lambda _: NodeStyle(hue=hue))
    assert f"classDef {picked.name}Own fill:{picked.tint},stroke:{picked.accent},color:{picked.text}" in mermaid


def contrast(one: str, other: str) -> float:
    def light(color: str) -> float:
        parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, bright = sorted((light(one), light(other)))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("hue", [*HUES, *DARK.values()], ids=lambda hue: f"{hue.name}-{hue.tint}")
def test_notes_can_be_read(hue: Any) -> None:
    """On the ground of their hue, light and dark."""
    assert contrast(hue.text, hue.tint) >= 4.5


def test_notes_and_tooltips() -> None:
    """Are texts in every format, whatever is in them; Mermaid and text have no tooltips."""
    drawn = Pipeline(stages=[Card("a", ("t", "b"))])
    style = NodeStyle(note=NASTY[0], tooltip='a "tip"')
    svg, dot, mermaid, text = (
        draw(style=lambda _: style) for draw in (drawn.to_svg, drawn.to_dot, drawn.to_mermaid, drawn.to_text)
    )
    assert "<title>a &quot;tip&quot;</title>" in svg
    assert 'class="note"' in svg
    assert 'tooltip="a &quot;tip&quot;"' in dot
    assert "[<script>alert('x')</script>]" in text
    assert "<script" not in svg + dot + mermaid
    assert "#60;script#62;" in mermaid


def test_without_a_hue_the_picture_keeps_its_own() -> None:
    """A note alone changes no colour, and ``None`` nothing at all."""
    assert " styled" not in newsroom().to_svg(style=lambda _: NodeStyle(note="x"))
    assert newsroom().to_svg(style=lambda _: None) == newsroom().to_svg()


def test_routers_have_notes() -> None:
    """Diamonds and tables."""
    routes = office().to_dot(style=look)
    assert routes.count("who decides?") == 2
    assert office().to_svg(style=look).count("who decides?") == 2
    assert office().to_dot(style=lambda _: NodeStyle(note="plain")).count("plain") > 2
    assert sorting_office().to_dot(style=lambda _: NodeStyle(note="plain")).count("plain") > 2


def fail(_: DrawnNode) -> NodeStyle:
    raise KeyError("owner")


@pytest.mark.parametrize(
    ("style", "told"),
    [
        (fail, "the style of crew 'a' failed: KeyError: 'owner'. hint: style"),
        (lambda _: "red", "the style of crew 'a' is a str. hint: style(node) gives NodeStyle(hue="),
        (lambda _: NodeStyle(hue="red"), "failed: ValueError: hue is 'blue', 'green', "),
        (lambda _: NodeStyle(note=1), "failed: TypeError: note is a str, not int"),
        (lambda _: NodeStyle(tooltip=None), "failed: TypeError: tooltip is a str, not NoneType"),
    ],
)
def test_what_a_style_cannot_be(style: Any, told: str) -> None:
    """Is told with the node and the edit that mends it."""
    with pytest.raises(RenderError) as caught:
        Pipeline(stages=[Card("a")]).to_svg(style=style)
    assert told in str(caught.value)


def test_notebooks_ask_nobody() -> None:
    """A representation has no style, and runs none."""
    assert newsroom()._repr_mimebundle_()["image/svg+xml"] == newsroom().to_svg()


def test_faded() -> None:
    """Half way to the canvas."""
    assert faded("#000000") == "#8b8b8b"
