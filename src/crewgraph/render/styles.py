"""The user's own marks on nodes: a function is asked once for each crew, step and router, before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crewgraph.drawable import DrawnNode, NodeStyle, Style
from crewgraph.errors import RenderError
from crewgraph.graph import Graph, Switch, Work

__all__ = ["Styles", "styles_of"]

_EDIT = 'hint: style(node) gives NodeStyle(hue="violet", note="…") or None'

Styles = Mapping[str, NodeStyle]
"""How nodes are to look, by their names."""


def styles_of(graph: Graph, style: Style) -> dict[str, NodeStyle]:
    """Ask a function of the user's about every node.

    Raises:
        RenderError: it failed, or gave something else than a :class:`NodeStyle` or nothing.
    """
    nodes = (_drawn(node) for node in graph.nodes.values() if isinstance(node, Work | Switch))
    asked = ((node.name, _asked(style, node)) for node in nodes)
    return {name: given for name, given in asked if given is not None}


def _drawn(node: Work | Switch) -> DrawnNode:
    if isinstance(node, Switch):
        return DrawnNode(node.name, "router", node.router)
    return DrawnNode(node.name, node.interface.kind, node.node)


def _asked(style: Style, node: DrawnNode) -> NodeStyle | None:
    try:
        given: Any = style(node)
    except Exception as error:
        told = f"{type(error).__name__}: {error}".removesuffix(": ")
        raise RenderError(f"the style of {node.kind} '{node.name}' failed: {told}. {_EDIT}") from error
    if given is not None and not isinstance(given, NodeStyle):
        raise RenderError(f"the style of {node.kind} '{node.name}' is a {type(given).__name__}. {_EDIT}")
    return given
