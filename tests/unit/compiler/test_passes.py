"""The passes: what only the finished graph shows, also of graphs built by hand."""

from __future__ import annotations

from typing import Any

import pytest

from crewgraph.compiler.lower import lower
from crewgraph.compiler.passes import OF_STRUCTURE
from crewgraph.compiler.passes.structure import cycles, same_names, unreachable
from crewgraph.diagnostics import CODES
from crewgraph.graph import Edge, Graph, Join, Start, Switch, Work
from crewgraph.node import Interface
from crewgraph.outputs import CrewOutput
from crewgraph.step import step
from crewgraph.syntax import Pipeline, Stage


class Crew(Stage):
    """A stand-in for a crew."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def kickoff_async(self, inputs: Any = None) -> CrewOutput:
        return CrewOutput()


def fetch() -> None: ...


class Shop:
    def fetch(self) -> None: ...


a, b = Crew("a"), Crew("b")
shop = Shop()


def by_hand(names: str, *edges: str) -> Graph:
    nodes = [Start("s") if name == "s" else Work(name, name, object(), Interface()) for name in names]
    return Graph(nodes, [Edge(*edge) for edge in edges])


@pytest.mark.parametrize("run", OF_STRUCTURE, ids=lambda run: run.__name__)
def test_a_pass_is_pure_and_tells_its_code(run: Any) -> None:
    """Its docstring begins with the code it reports, and it finds the same twice."""
    assert run.__doc__.split(":")[0] in CODES
    graph = by_hand("sab", "sa", "ab")
    assert list(run(graph)) == list(run(graph)) == []


# ---- names -----------------------------------------------------------------------------------------------------


def test_two_crews_with_one_name() -> None:
    """A warning that tells both places and the new name."""
    graph, _ = lower(Pipeline([a, [b, Crew("a")], Crew("a")]))
    second, third = same_names(graph)
    assert str(second) == (
        "CG201 same-name: two different nodes are called 'a': at stage 1 'a' and at stage 2 › branch 2 'a'; "
        "the second one becomes 'a#2' (stage 2 › branch 2 'a'). hint: give one of them another name"
    )
    assert (second.node, third.node, third.path) == ("a#2", "a#3", ("stage 3 'a'",))
    assert not second.is_error


@pytest.mark.parametrize(
    "stages",
    [[a, b], [a, a, [a, b]], [fetch, fetch], [shop.fetch, shop.fetch], [len, len]],
    ids=["two names", "one crew", "one function", "one method", "one built-in"],
)
def test_the_same_thing_twice_is_what_its_author_meant(stages: list[Any]) -> None:
    """No warning."""
    assert list(same_names(lower(Pipeline(stages))[0])) == []


@pytest.mark.parametrize(
    "stages",
    [[lambda: 1, lambda: 2], [fetch, shop.fetch], [Shop().fetch, Shop().fetch], [step(fetch), step(fetch)]],
    ids=["lambdas", "functions", "methods of two", "steps"],
)
def test_different_functions_with_one_name(stages: list[Any]) -> None:
    """Are told apart as crews are."""
    assert len(list(same_names(lower(Pipeline(stages))[0]))) == 1


def test_the_place_of_a_node_built_by_hand_is_its_name() -> None:
    """There is no text it stands in."""
    graph = Graph([Work("x", "x", a, Interface()), Work("y", "x", b, Interface())], [])
    (finding,) = same_names(graph)
    assert "at 'x' and at 'y'" in finding.message


# ---- cycles and what nothing leads to --------------------------------------------------------------------------


def test_a_cycle_is_named() -> None:
    """From where it begins to where it closes."""
    (finding,) = cycles(by_hand("sabc", "sa", "ab", "bc", "ca"))
    assert str(finding) == "CG202 cycle: cycle: a → b → c → a. hint: take one of these edges away"
    assert finding.is_error
    assert finding.node == "a"


def test_what_nothing_leads_to() -> None:
    """Each node of it, with its place where there is one."""
    nodes = [
        Start("s"),
        Work("a", "a", a, Interface(), ("stage 1 'a'",)),
        Switch("r", None, (), {}, path=("stage 2 'r'",)),
        Join("j"),
    ]
    found = list(unreachable(Graph(nodes, [Edge("a", "r"), Edge("r", "j")])))
    assert [(finding.node, finding.path) for finding in found] == [
        ("a", ("stage 1 'a'",)),
        ("r", ("stage 2 'r'",)),
        ("j", ()),
    ]
    assert str(found[0]) == "CG203 unreachable: nothing leads to 'a' (stage 1 'a'). hint: connect it, or take it away"
    assert all(finding.is_error for finding in found)


def test_lowered_graphs_have_neither() -> None:
    """Lowering makes none."""
    graph, _ = lower(Pipeline([a, [b, Pipeline([a, b])], a]))
    assert list(cycles(graph)) == list(unreachable(graph)) == []
