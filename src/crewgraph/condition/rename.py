"""A condition over keys of other names."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from crewgraph.condition.condition import Condition, parse_condition
from crewgraph.errors import ConditionError

__all__ = ["renamed"]


def renamed(condition: Condition, names: Mapping[str, str]) -> Condition:
    """A condition that says the same of keys of other names; as it is where it would become too long."""
    if not names:
        return condition
    tree = _Renaming(names).visit(ast.parse(condition.text.strip(), mode="eval"))
    try:
        return parse_condition(ast.unparse(tree))
    except ConditionError:
        return condition


class _Renaming(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Call(self, node: ast.Call) -> Any:
        """Functions keep their name."""
        return ast.Call(node.func, [self.visit(each) for each in node.args], [])

    def visit_Name(self, node: ast.Name) -> Any:
        """A key."""
        return ast.Name(self.names.get(node.id, node.id), node.ctx)
